"""A notebook server as small as a test needs it. MODE says what is wrong with it."""
import http.server
import json
import os
import shutil
import sys

prefix = os.environ.get("NB_PREFIX", "")
home = "/home/jovyan"
mode = os.environ.get("MODE", "")

if mode == "sudo" and os.getuid() != 1000:
    sys.exit("sudo: not allowed")
if mode == "home" and not os.path.exists(home + "/config-of-mine"):
    sys.exit("no config-of-mine in the home")
if mode == "copies":
    shutil.copy("/tmp_home/.bashrc", home + "/.bashrc")
elif not os.path.exists(home + "/.bashrc"):
    shutil.copy("/tmp_home/.bashrc", home + "/.bashrc")
if mode == "fixed":
    prefix = "/somewhere"
with open(home + "/written", "a") as file:
    file.write("x\n")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        known = {"/api": {"version": "1"}, "/api/kernels": [], "/lab": "page"}
        if mode == "rewrite":
            known[""] = known["/"] = "page"
        path = self.path[len(prefix):] if self.path.startswith(prefix) else None
        if path == "/api/kernels" and mode == "login":
            return self.answer(403, {"message": "Forbidden"})
        if path == "/api/kernels" and mode == "object":
            return self.answer(200, {})
        self.answer(200, known[path]) if path in known else self.answer(404, {})

    def answer(self, status, document):
        self.send_response(status)
        if mode != "closed":
            self.send_header("Access-Control-Allow-Origin", "*")
        if mode == "frames":
            self.send_header("Content-Security-Policy", "frame-ancestors 'none'; default-src *")
        if mode == "old-frames":
            self.send_header("X-Frame-Options", "DENY")
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())


http.server.ThreadingHTTPServer(("0.0.0.0", 8888), Handler).serve_forever()
