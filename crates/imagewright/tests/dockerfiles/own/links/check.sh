set -eu
test "$(ls /real | tr '\n' ' ')" = "followed linked "
test ! -L /way
test "$(ls /way)" = replaced
test "$(stat -c %a:%u:%g /real)" = 700:5:6
