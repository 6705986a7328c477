set -eu
test "$(ls /real | tr '\n' ' ')" = "followed linked "
test ! -L /way
test "$(ls /way)" = replaced
test -f /shared/folder/in
