"""Docker daemons in namespaces of their own: they and all they mounted are gone when they end, however they end."""

import json
import subprocess
import time
from pathlib import Path

from .processes import DIES_WITH_US, Failure, run, tail

# Makes the folder of a Debian system the root of this mount namespace. Where it is the host's own, nothing changes.
ENTER = """
set -e
root=$1 state=$2
shift 2
if [ "$root" != / ]; then
    mount --bind "$root" "$root"
    cd "$root"
    mount -t proc proc proc
    mount --rbind /sys sys
    mount --rbind /dev dev
    mkdir -p "$root$state"
    mount --bind "$state" "$root$state"
    pivot_root . .
    umount -l .
else
    mount -t proc proc /proc
fi
exec "$@"
"""

NAMESPACES = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
ENVIRONMENT = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"]


class DockerDaemon:
    """One daemon with its own data, run from the Debian system in `root`; no bridge, no firewall rules."""

    def __init__(self, folder, group, root=Path("/"), containerd_store=False):
        self.folder = Path(folder)
        self.group = group
        self.root = root
        self.containerd_store = containerd_store
        self.process = None

    @property
    def socket(self):
        """What `docker --host` takes."""
        return f"unix://{self.folder}/docker.sock"

    def configuration(self):
        """The daemon's configuration file."""
        settings = {
            "data-root": f"{self.folder}/data",
            "exec-root": f"{self.folder}/exec",
            "pidfile": f"{self.folder}/docker.pid",
            "hosts": [self.socket],
            "iptables": False,
            "ip6tables": False,
            "bridge": "none",
            "cgroup-parent": f"{self.group.name}/steps",
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
        }
        if self.containerd_store:
            settings["features"] = {"containerd-snapshotter": True}
        return settings

    def start(self):
        """Starts it, and waits until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        configuration = self.folder / "daemon.json"
        configuration.write_text(json.dumps(self.configuration()))
        enter = ["sh", "-c", ENTER, "enter", str(self.root), str(self.folder)]
        dockerd = [*ENVIRONMENT, "/usr/sbin/dockerd", "--config-file", str(configuration)]
        with self.group.entered("daemon"), open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [*DIES_WITH_US, *NAMESPACES, *enter, *dockerd], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)
        for _ in range(300):
            if self.process.poll() is not None:
                break
            if (self.folder / "docker.sock").exists() and self.try_docker("version"):
                return
            time.sleep(0.1)
        raise Failure(f"dockerd does not start:\n{tail((self.folder / 'log').read_text())}")

    def stop(self):
        """Ends it; its mounts go with its namespace. A daemon's helpers are never asked: they are killed."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
        self.group.kill()

    def inside(self):
        """The daemon's identifier outside: the first process of its own namespace."""
        for process in self.group.processes("daemon"):
            status = Path(f"/proc/{process}/status").read_text()
            numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()
            if len(numbers) > 2 and numbers[-1] == "1":
                return process
        raise Failure("dockerd has ended")

    def command(self, *arguments):
        """A call of the daemon's own client, beside the daemon."""
        enter = ["nsenter", "--target", str(self.inside()), "--mount", "--"]
        client = ["/usr/bin/docker", "--host", self.socket, *arguments]
        return [*enter, *ENVIRONMENT, f"HOME={self.folder}", "DOCKER_BUILDKIT=1", *client]

    def docker(self, *arguments):
        """Runs the client to its end."""
        return run(self.command(*arguments))

    def try_docker(self, *arguments):
        """Whether a call succeeds."""
        try:
            self.docker(*arguments)
        except Failure:
            return False
        return True

    def runs(self):
        """Whether it is there."""
        return self.process is not None and self.process.poll() is None

    def version(self):
        """The version of daemon and store."""
        store = "containerd's store" if self.containerd_store else "overlay2"
        return f"Docker {self.docker('version', '--format', '{{.Server.Version}}').strip()} ({store})"
