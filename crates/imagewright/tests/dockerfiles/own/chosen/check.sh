set -eu
files() { (cd "$1" && find . -type f | sort | tr '\n' ' '); }
is() { test "$1" = "$2" || { echo "$1, not $2"; exit 1; }; }
is "$(files /parents)" "./a/b/two.txt ./a/one.txt ./x/one.txt "
is "$(stat -c %a /parents /parents/a /parents/a/b | tr '\n' ' ')" "755 755 700 "
is "$(files /pivot)" "./b/c/three.txt "
is "$(stat -c %a /pivot/b)" 700
is "$(files /everywhere)" "./a/b/c/three.txt ./a/b/two.txt ./a/one.txt ./x/one.txt "
is "$(files /whole)" "./a/b/c/three.md ./a/b/c/three.txt ./a/b/two.txt "
is "$(files /excluded)" "./b/two.txt "
is "$(stat -c %a /excluded/b)" 700
is "$(files /names)" ""
is "$(files /back)" "./b/c/three.md ./b/two.txt "
is "$(stat -c %a /modes/b /modes/b/two.txt /modes/run.sh | tr '\n' ' ')" "755 644 644 "
is "$(stat -c %a /run.sh)" 711
is "$(head -c 2 /kept.tgz | od -An -tx1 | tr -d ' ')" 1f8b
