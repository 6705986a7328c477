"""Starts a Jupyter Enterprise Gateway, and does with it what its users do. Each thing that is done is a line of JSON.

    enterprise_gateway.py FOLDER use KERNELSPEC LANGUAGE   start, execute, interrupt, restart, execute, stop
    enterprise_gateway.py FOLDER time ROUNDS KERNELSPEC…   start each by turns, and tell how long that took

FOLDER has the kernelspecs, and takes logs. To be run by the Python that the gateway is installed for.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import uuid

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect

PATIENCE = 120
# What is computed, something that takes long, and what a new kernel has forgotten.
CELLS = {
    "python": ("print(1 + 1)", "import time; time.sleep(60)", "before = 5; print(before)", "print('before' in globals())", "print(2 + 2)"),
    "scala": (
        "println(sc.parallelize(1 to 10).sum)",
        "Thread.sleep(60000)",
        'sys.props("before") = "5"; println(sys.props("before"))',
        'println(sys.props.contains("before"))',
        "println(2 + 2)",
    ),
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Gateway:
    def __init__(self, folder):
        self.port = free_port()
        self.client = AsyncHTTPClient()
        environment = {
            **os.environ,
            "EG_RESPONSE_IP": "127.0.0.1",
            "EG_RESPONSE_PORT": str(free_port()),
            "EG_LIST_KERNELS": "True",
            "EG_SENSITIVE_ENV_KEYS": "NOTHING",
            "EG_KERNEL_LOG_DIR": folder,
            "JUPYTER_PATH": folder,
            "JUPYTER_RUNTIME_DIR": os.path.join(folder, "runtime"),
            "HOME": folder,
        }
        command = [sys.executable, "-m", "enterprise_gateway", "--ip=127.0.0.1", f"--port={self.port}", "--log-level=DEBUG"]
        log = open(os.path.join(folder, "gateway.log"), "w")
        self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    async def call(self, method, path, body=None):
        body = json.dumps(body) if body is not None else ("" if method == "POST" else None)
        url = f"http://127.0.0.1:{self.port}{path}"
        answer = await self.client.fetch(url, method=method, body=body, request_timeout=PATIENCE, raise_error=False)
        if answer.code >= 400 or answer.code == 599:
            raise RuntimeError(f"{method} {path}: {answer.code} {answer.body!r}")
        return json.loads(answer.body) if answer.body else None

    async def wait(self):
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return await self.call("GET", "/api/kernelspecs")
            except (OSError, RuntimeError):
                if time.monotonic() > end or self.process.poll() is not None:
                    raise
                await asyncio.sleep(0.1)

    async def start(self, name):
        environment = {"KERNEL_USERNAME": "bob", "KERNEL_LAUNCH_TIMEOUT": "60"}
        return (await self.call("POST", "/api/kernels", {"name": name, "env": environment}))["id"]

    async def execute(self, kernel, code, when_busy=None):
        """Executes code; its reply, and what it printed. Toree may send the end of the last line later."""
        # It opens when the kernel answers, for which Toree takes longer than Tornado would wait.
        url = f"ws://127.0.0.1:{self.port}/api/kernels/{kernel}/channels"
        stream = await websocket_connect(HTTPRequest(url, connect_timeout=PATIENCE, request_timeout=PATIENCE))
        ours = uuid.uuid4().hex
        header = {"msg_id": ours, "msg_type": "execute_request", "session": "test", "username": "bob", "version": "5.3"}
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell", "buffers": []}
        await stream.write_message(json.dumps(message))
        reply, idle, output = None, False, ""
        while reply is None or not idle:
            text = await asyncio.wait_for(stream.read_message(), PATIENCE)
            message = json.loads(text)
            if message["parent_header"].get("msg_id") != ours:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "busy" and when_busy:
                await asyncio.sleep(1)
                await when_busy()
            idle = idle or (kind == "status" and content["execution_state"] == "idle")
            if kind == "execute_reply":
                reply = content
            if kind == "stream":
                output += content["text"]
        stream.close()
        return {"status": reply["status"], "error": reply.get("ename"), "output": output.strip()}

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


def tell(what, **more):
    print(json.dumps({"what": what, **more}), flush=True)


async def use(gateway, name, language):
    compute, wait, remember, is_remembered, compute_again = CELLS[language]
    kernel = await gateway.start(name)
    tell("started")
    tell("executed", **await gateway.execute(kernel, compute))

    async def interrupt():
        await gateway.call("POST", f"/api/kernels/{kernel}/interrupt")

    tell("interrupted", **await gateway.execute(kernel, wait, interrupt))
    tell("executed", **await gateway.execute(kernel, remember))
    await gateway.call("POST", f"/api/kernels/{kernel}/restart")
    tell("restarted", **await gateway.execute(kernel, is_remembered))
    await asyncio.sleep(4)  # Longer than the gateway's look at what lives.
    tell("executed", **await gateway.execute(kernel, compute_again))
    await gateway.call("DELETE", f"/api/kernels/{kernel}")
    tell("stopped", kernels=await gateway.call("GET", "/api/kernels"))


async def measure(gateway, rounds, names):
    for turn in range(rounds + 1):
        for name in names:
            begun = time.monotonic()
            kernel = await gateway.start(name)
            started = time.monotonic()
            await gateway.execute(kernel, "print(1 + 1)")
            executed = time.monotonic()
            await gateway.call("DELETE", f"/api/kernels/{kernel}")
            # The first round only fills caches.
            if turn:
                tell("timed", name=name, start=round(started - begun, 3), first_cell=round(executed - begun, 3))


async def main(folder, command, *rest):
    gateway = Gateway(folder)
    try:
        await gateway.wait()
        if command == "use":
            await use(gateway, *rest)
        else:
            await measure(gateway, int(rest[0]), rest[1:])
    finally:
        gateway.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
