# Runs the program and compares what it prints.
set -eu
if ! command -v python3 >/dev/null; then
  echo "python3 is not installed: test skipped"
  exit 0
fi
[ "$(python3 hello.py)" = "Hello, world!" ]
[ "$(python3 hello.py Ada)" = "Hello, Ada!" ]
echo "ok: hello.py greets the world and Ada"
