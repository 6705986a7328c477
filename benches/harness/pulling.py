"""Docker pulls what the builders pushed, and runs it: how long, and whether it holds the same packages."""

import json
import time
from pathlib import Path
from typing import NamedTuple

from .cases import know_w1
from .disk import Disk
from .docker import DockerDaemon
from .processes import Group, run

# Run inside each image, writing no bytecode: its packages import, and what they are.
LOOK = """
import glob, importlib.metadata, json
import IPython, jupyterlab, matplotlib.pyplot, numpy, pandas, sklearn.linear_model
found = importlib.metadata.distributions()
packages = sorted(one.metadata["Name"].lower().replace("_", "-") + " " + one.version for one in found)
print(json.dumps([packages, len(glob.glob("/opt/venv/**/*.pyc", recursive=True))]))
"""


class Pull(NamedTuple):
    """What a pull took, and what is in the image."""

    seconds: float
    cpu_seconds: float
    packages: list
    bytecode_files: int


class Reader:
    """A Docker that pulls; each time one that has nothing yet."""

    def __init__(self, name, cache, **options):
        self.name = name
        self.disk = Disk(cache.work / name)
        self.daemon = DockerDaemon(cache.work / name, Group(name), **options)
        self.version = None

    def pull(self, builder, this):
        """Pulls the builder's image of W1, then runs it."""
        w1 = know_w1(builder, this)
        reference = builder.reference(w1.name)
        self.disk.wipe()
        self.daemon.start()
        self.version = self.daemon.version()
        try:
            command = self.daemon.command("pull", "--quiet", reference)
            cpu = self.daemon.group.cpu_seconds()
            with self.daemon.group.entered("clients"):
                start = time.perf_counter()
                run(command)
                seconds = time.perf_counter() - start
            cpu = self.daemon.group.cpu_seconds() - cpu
            look = ["run", "--rm", "--network", "host", reference, "/opt/venv/bin/python", "-B", "-c", LOOK]
            packages, bytecode_files = json.loads(self.daemon.docker(*look).splitlines()[-1])
        finally:
            self.daemon.stop()
        return Pull(seconds, cpu, packages, bytecode_files)

    def close(self):
        """Ends what runs, and removes what it made."""
        self.daemon.stop()
        self.disk.remove()


def readers(cache):
    """The machine's own Docker, where there is one, and the newer one in both its stores."""
    root = cache.docker_root
    found = [
        Reader("reader-overlay2", cache, root=root),
        Reader("reader-containerd", cache, root=root, containerd_store=True),
    ]
    if Path("/usr/sbin/dockerd").exists() and Path("/usr/bin/docker").exists():
        found.insert(0, Reader("reader-host", cache))
    return found


def differences(pulls):
    """In which packages the images of several builders differ, in words; like must be compared with like."""
    everywhere = set.intersection(*(set(pull.packages) for pull in pulls.values()))
    found = []
    for name, pull in pulls.items():
        own = sorted(set(pull.packages) - everywhere)
        if own:
            found.append(f"{name} alone or not everywhere: {', '.join(own)}")
    return found

