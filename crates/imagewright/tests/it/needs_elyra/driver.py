"""Runs command lines of elyra-metadata, each in a process of its own that is forked when Elyra is loaded: that saves seconds.

Reads one JSON object a line ({"arguments", "environment", "folder"}) and answers with one ({"code", "stdout", "stderr"}).
"""

import json
import os
import sys
import tempfile
import traceback

from elyra.metadata.metadata_app import MetadataApp
from elyra.metadata.schema import SchemaManager

SchemaManager.instance()


def child(request, streams):
    for number, stream in enumerate(streams, start=1):
        os.dup2(stream.fileno(), number)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv = ["elyra-metadata", *request["arguments"]]
    try:
        MetadataApp.main()
        code = 0
    except SystemExit as exit:
        code = exit.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


for line in sys.stdin:
    request = json.loads(line)
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        process = os.fork()
        if process == 0:
            child(request, [stdout, stderr])
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        texts = []
        for stream in [stdout, stderr]:
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    print(json.dumps({"code": code, "stdout": texts[0], "stderr": texts[1]}), flush=True)
