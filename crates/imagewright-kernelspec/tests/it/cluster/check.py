"""Reads a manifest from standard input, and says what a cluster would refuse of it. Its documents, a line of JSON each."""

import json
import sys

import checks
import yaml

for item in yaml.safe_load_all(sys.stdin.read()):
    problem = checks.of_document(item)
    if problem:
        sys.exit(f"{item['kind']} {item['metadata']['name']}: {problem}")
    print(json.dumps(item))
