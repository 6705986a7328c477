set -eu
is() { test "$(cat "$1")" = "$2" || { echo "$1: $(cat "$1")"; exit 1; }; }
is /from-cache kept
is /from-context input
is /from-one-file input
is /from-stage from-stage
is /from-filled from-stage
is /from-filled-again own
is /mode-of-mine 700:5:6
is /mode-of-secret 640:5:6
for left in /cache /elsewhere /filled /mine /context /tools /memory /one-file /run/token /run/secrets /run/buildkit; do
    test ! -e "$left" || { echo "$left is left"; exit 1; }
done
