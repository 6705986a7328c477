"""For each line, a record: what Elyra's validation says of it, or nothing."""

import json
import sys

from elyra.metadata.schema import SchemaManager
from jsonschema import ValidationError

schemas = SchemaManager.instance()
for line in sys.stdin:
    try:
        schemas.validate_instance("runtime-images", "runtime-image", json.loads(line))
        answer = None
    except ValidationError as error:
        answer = str(error).partition("\n")[0]
    print(json.dumps(answer))
