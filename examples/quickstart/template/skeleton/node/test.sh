# Runs the program and compares what it prints.
set -eu
if ! command -v node >/dev/null; then
  echo "node is not installed: test skipped"
  exit 0
fi
[ "$(node hello.js)" = "Hello, world!" ]
[ "$(node hello.js Ada)" = "Hello, Ada!" ]
echo "ok: hello.js greets the world and Ada"
