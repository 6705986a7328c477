"""A storage that speaks as much of S3 as the client of Elyra's bootstrapper asks for. Objects are files of the folder it is started in."""
import email.utils
import hashlib
import http.server
import os
import urllib.parse

LOCATION = b'<?xml version="1.0"?><LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></LocationConstraint>'


class Storage(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        path = url.path.lstrip("/")
        if url.query.startswith("location"):
            self.answer(200, LOCATION)
        elif os.path.isfile(path):
            self.answer(200, open(path, "rb").read())
        else:
            self.answer(404, b"")

    do_HEAD = do_GET

    def do_PUT(self):
        path = urllib.parse.urlsplit(self.path).path.lstrip("/")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open(path, "wb") as file:
            file.write(body)
        self.answer(200, b"", hashlib.md5(body).hexdigest())

    def answer(self, status, body, tag=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"%s"' % (tag or hashlib.md5(body).hexdigest()))
        self.send_header("Last-Modified", email.utils.formatdate(usegmt=True))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Storage)
print(server.server_address[1], flush=True)
server.serve_forever()
