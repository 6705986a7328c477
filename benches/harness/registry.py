"""A registry of Debian's package on 127.0.0.1, one for each builder, and the proof that an image can be pulled."""

import http.client
import json
import shutil
import socket
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from .processes import DIES_WITH_US, Failure

MANIFESTS = ", ".join([
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
])

CONFIGURATION = """\
version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {storage}}}}}
http: {{addr: "{address}"}}
"""


class Pushed(NamedTuple):
    """What a registry holds under a name."""

    digest: str
    size: int
    layers: int


def free_port():
    """A port nobody listens on."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Registry:
    """One registry; a fresh one holds what `template` holds: the base."""

    def __init__(self, folder, group, template=None):
        self.folder = Path(folder)
        self.group = group
        self.template = template
        self.address = f"127.0.0.1:{free_port()}"
        self.process = None

    @property
    def storage(self):
        """Where its files are."""
        return self.folder / "storage"

    def start(self):
        """Starts it, and waits until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.template is not None and not self.storage.exists():
            shutil.copytree(self.template, self.storage)
        configuration = self.folder / "config.yml"
        configuration.write_text(CONFIGURATION.format(storage=self.storage, address=self.address))
        with self.group.entered("daemon"), open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [*DIES_WITH_US, "docker-registry", "serve", str(configuration)], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True)
        for _ in range(200):
            try:
                if self.ask("HEAD", "/v2/")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise Failure(f"the registry does not answer:\n{(self.folder / 'log').read_text()}")

    def stop(self):
        """Ends it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def ask(self, method, path, connection=None):
        """Status and body of the answer to one request."""
        kept = connection or http.client.HTTPConnection(self.address, timeout=30)
        kept.request(method, path, headers={"Accept": MANIFESTS})
        answer = kept.getresponse()
        body = answer.read()
        if connection is None:
            kept.close()
        return answer.status, body, answer.headers.get("Docker-Content-Digest")

    def verify(self, name):
        """Proves that `repository:tag` can be pulled: its manifest and every blob answer 200."""
        repository, tag = name.rsplit(":", 1)
        connection = http.client.HTTPConnection(self.address, timeout=30)

        def get(reference):
            status, body, digest = self.ask("GET", f"/v2/{repository}/manifests/{reference}", connection)
            if status != 200:
                raise Failure(f"the manifest of {name} answers {status}")
            return json.loads(body), digest

        with closing(connection):
            manifest, digest = get(tag)
            if "manifests" in manifest:
                images = [entry for entry in manifest["manifests"] if entry["platform"]["os"] != "unknown"]
                manifest, _ = get(images[0]["digest"])
            for blob in [manifest["config"], *manifest["layers"]]:
                status, *_ = self.ask("HEAD", f"/v2/{repository}/blobs/{blob['digest']}", connection)
                if status != 200:
                    raise Failure(f"a blob of {name} answers {status}")
        layers = manifest["layers"]
        return Pushed(digest, sum(layer["size"] for layer in layers), len(layers))
