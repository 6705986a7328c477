set -eu
is() { test "$(cat "$1")" = "$2" || { echo "$1: $(cat "$1")"; exit 1; }; }
is /simple "hello world"
is /where /tmp
is /by-python python
is /one "in world"
is /two 'not $WHO'
is /files/expanded world
is /files/literal '$WHO'
test "$(script)" = scripted
test "$(stat -c %a:%u:%g /bin/script /files/literal | tr '\n' ' ')" = "755:5:6 644:0:0 "
