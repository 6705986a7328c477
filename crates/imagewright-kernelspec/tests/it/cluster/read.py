"""Has Enterprise Gateway read kernelspecs, up to where it would start something: `read.py NAME…`, a line of JSON for each.

The folders are found by `JUPYTER_PATH`. Its classes for Kubernetes want to be in a cluster as soon as they are imported; those for Docker ask
an Engine for its version, and for nothing else here.
"""

import json
import os
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from enterprise_gateway.enterprisegatewayapp import EnterpriseGatewayApp
from enterprise_gateway.services.kernels.remotemanager import RemoteKernelManager

KERNEL = "0f0e0d0c-0000-4000-8000-00000000beef"


def read(app, name):
    spec = app.kernel_spec_manager.get_kernel_spec(name)
    manager = RemoteKernelManager(parent=app.kernel_manager, kernel_spec_manager=app.kernel_spec_manager, kernel_name=name, kernel_id=KERNEL)
    manager.kernel_id = KERNEL
    manager._launch_args = {}
    manager._get_process_proxy()
    command = manager.format_kernel_cmd()
    proxy = manager.process_proxy
    found = {"name": name, "class": f"{type(proxy).__module__}.{type(proxy).__qualname__}", "language": spec.language, "command": command}
    found |= {"public_key": manager.public_key, "response_address": manager.response_address}
    found["left_over"] = [word for word in command if re.search(r"\{\w+\}", word)]
    if hasattr(proxy, "_determine_kernel_images"):
        proxy._determine_kernel_images(env={})
        found["images"] = [proxy.kernel_image, proxy.kernel_executor_image]
    for setting in ("yarn_endpoint", "conductor_endpoint", "hosts", "authorized_users", "lower_port", "upper_port"):
        if hasattr(proxy, setting):
            value = getattr(proxy, setting)
            found[setting] = sorted(value) if isinstance(value, set) else value
    return found


class Engine(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"ApiVersion": "1.41"}).encode())

    def log_message(self, *_):
        pass


def main(names):
    engine = HTTPServer(("127.0.0.1", 0), Engine)
    threading.Thread(target=engine.serve_forever, daemon=True).start()
    os.environ["DOCKER_HOST"] = f"tcp://127.0.0.1:{engine.server_port}"
    app = EnterpriseGatewayApp.instance()
    app.initialize(argv=["--log-level=ERROR"])
    listed = app.kernel_spec_manager.get_all_specs()
    for name in names:
        print(json.dumps({**read(app, name), "listed": name in listed}))


main(sys.argv[1:])
