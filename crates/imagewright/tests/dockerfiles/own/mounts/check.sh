set -eu
test "$(cat /from-cache)" = kept
test "$(cat /from-context)" = input
test "$(cat /from-one-file)" = input
test "$(cat /from-stage)" = from-stage
for left in /cache /elsewhere /context /tools /memory /one-file /run/token /run/secrets; do
    test ! -e "$left" || { echo "$left is left"; exit 1; }
done
