# The world outside: a directory for each workspace, and a process for each that is switched on.
# WORLD is where it is; it stands in the file `place` beside this one.
WORLD=$(cat "$PREBUILDD_TEMPLATE_DIR/place")
id=$PREBUILDD_WORKSPACE_ID
thing=$WORLD/things/$id

mode() { cat "$WORLD/mode"; }

# Two of three workspaces meet the misbehaviour of the moment, always the same ones.
chosen() { [ $(($(printf %s "$id$1" | cksum | cut -d' ' -f1) % 3)) -ne 0 ]; }

misbehave() {
  mode=$(mode)
  chosen "$1" || mode=ok
  [ "$mode" = deaf ] && trap '' TERM INT HUP
  while [ "$mode" = hang ] || [ "$mode" = deaf ]; do
    sleep 0.1
    now=$(mode)
    [ "$now" = "$mode" ] || break
  done
  if [ "$mode" = fail ]; then
    echo "out of capacity" >&2
    exit 1
  fi
}

# One at a time makes or ends the process of a workspace; a platform would see to that, too.
exec 9>"$WORLD/locks/$id"

is_on() { [ -f "$thing/pid" ] && kill -0 "$(cat "$thing/pid")" 2>/dev/null; }

# The process says itself that it is there, and keeps the lock until then, so that it is whole or not there.
switch_on() {
  mkdir -p "$thing" && printf '%s\n' "$PREBUILDD_WORKSPACE_OWNER" >"$thing/owner.new" &&
    mv "$thing/owner.new" "$thing/owner" || exit 1
  rm -f "$thing/pending"
  is_on && return
  FAULTS_MACHINE=$WORLD setsid sh -c \
    'echo $$ >"$0/pid.new" && mv "$0/pid.new" "$0/pid" && exec sleep 100000 9>&-' "$thing" </dev/null >/dev/null 2>&1 &
  until is_on; do sleep 0.02; done
}

switch_off() {
  is_on && kill -KILL "$(cat "$thing/pid")"
  rm -f "$thing/pid" "$thing/pending"
}

lies() { [ "$mode" = lie ] && chosen "$1"; }
