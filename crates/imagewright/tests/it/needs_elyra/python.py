"""For each line, a JSON string with a text in it: what Python's json makes of the text."""

import json
import sys

for line in sys.stdin:
    try:
        value = json.loads(json.loads(line))
        answer = {"indented": json.dumps(value, indent=2), "line": json.dumps(value), "repr": repr(value)}
    except ValueError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer))
