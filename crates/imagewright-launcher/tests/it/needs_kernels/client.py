"""Talks to a kernel: `client.py CONNECTION-FILE execute CODE`, or `… shutdown`. What came of it is one line of JSON."""

import json
import sys

from jupyter_client import BlockingKernelClient


def main(file, command, *code):
    client = BlockingKernelClient(connection_file=file)
    client.load_connection_file()
    client.start_channels()
    client.wait_for_ready(timeout=120)
    if command == "shutdown":
        client.shutdown()
        return {"status": "asked"}
    output = []

    def hear(message):
        content = message["content"]
        if content.get("execution_state") == "busy":
            print("busy", flush=True)
        # What Spark logs goes to the other one.
        if message["msg_type"] == "stream" and content["name"] == "stdout":
            output.append(content["text"])
        elif message["msg_type"] in ("execute_result", "display_data"):
            output.append(content["data"]["text/plain"])

    reply = client.execute_interactive(code[0], timeout=60, output_hook=hear)["content"]
    return {"status": reply["status"], "error": reply.get("ename"), "output": "".join(output)}


print(json.dumps(main(*sys.argv[1:])))
