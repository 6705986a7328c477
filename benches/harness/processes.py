"""Control groups that count processor time, the memory of processes, and processes that end with this one."""

import os
import shutil
import signal
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path

TOP = "imagewright-bench"

# A process behind this dies with the harness, also when that is killed.
DIES_WITH_US = ["setpriv", "--pdeathsig", "KILL"]

SAMPLE_SECONDS = 0.02


class Failure(Exception):
    """Something that ends a benchmark, in words for whoever runs it."""


def require(program, package):
    """Complains where `program` is not there."""
    if shutil.which(program) is None:
        raise Failure(f"there is no {program}: apt-get install {package}")


def run(command, **options):
    """Runs a program to its end; its output is told only when it fails."""
    finished = subprocess.run(
        [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False, **options)
    if finished.returncode != 0:
        raise Failure(f"{command[0]} failed:\n{tail(finished.stdout)}")
    return finished.stdout


def tail(text, lines=12):
    """The last lines of an output."""
    return "\n".join(text.rstrip().splitlines()[-lines:])


def hierarchies():
    """Where control groups are mounted: mount point and whether that hierarchy counts processor time."""
    found = []
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, mount_point, kind, options, *_ = line.split()
        if kind == "cgroup":
            found.append((Path(mount_point), "cpuacct" in options.split(",")))
        elif kind == "cgroup2":
            found.append((Path(mount_point), False))
    if not any(counts for _, counts in found):
        found = [(path, Path(path, "cgroup.controllers").exists()) for path, _ in found]
    return found


def counting_hierarchy():
    """The hierarchy that counts processor time: `cpuacct` of the first version, else the second version's."""
    for mount_point, counts in hierarchies():
        if counts:
            return mount_point
    raise Failure("there are no control groups: processor time cannot be counted")


def own_group(mount_point):
    """The group this process is in, in the hierarchy at `mount_point`."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "cpuacct" in controllers.split(",") or (not controllers and (mount_point / "cgroup.controllers").exists()):
            return mount_point / path.lstrip("/")
    return mount_point


class Group:
    """One builder's control groups: `daemon` and `clients`, and `steps` for what builds run inside images."""

    def __init__(self, name):
        self.name = f"/{TOP}/{name}"
        mount_point = counting_hierarchy()
        self.home = own_group(mount_point)
        self.path = mount_point / TOP / name
        for part in ("daemon", "clients", "steps"):
            (self.path / part).mkdir(parents=True, exist_ok=True)

    @contextmanager
    def entered(self, part):
        """Whatever is started meanwhile belongs to the group, from its first moment."""
        us = str(os.getpid())
        (self.path / part / "cgroup.procs").write_text(us)
        try:
            yield
        finally:
            (self.home / "cgroup.procs").write_text(us)

    def cpu_seconds(self):
        """Processor time of all that ever ran in the group and below it."""
        try:
            return int((self.path / "cpuacct.usage").read_text()) / 1e9
        except FileNotFoundError:
            usage = dict(line.split() for line in (self.path / "cpu.stat").read_text().splitlines())
            return int(usage["usage_usec"]) / 1e6

    def processes(self, part):
        """Identifiers of the processes of one part."""
        found = []
        for folder, _, _ in os.walk(self.path / part):
            try:
                found += [int(line) for line in Path(folder, "cgroup.procs").read_text().split()]
            except OSError:
                continue
        return [process for process in found if process != os.getpid()]

    def kill(self):
        """Ends whatever is left, and waits until it is gone."""
        for _ in range(500):
            left = [process for part in ("daemon", "clients", "steps") for process in self.processes(part)]
            if not left:
                return
            for process in left:
                try:
                    os.kill(process, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.02)


def remove_groups():
    """Removes the groups of all builders from all hierarchies."""
    for mount_point, _ in hierarchies():
        for folder, _, _ in os.walk(mount_point / TOP, topdown=False):
            try:
                os.rmdir(folder)
            except OSError:
                continue


def anonymous_bytes(process):
    """Anonymous memory a process has in use."""
    try:
        with open(f"/proc/{process}/status", encoding="utf-8") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ProcessLookupError):
        pass
    return 0


def runs(process, program):
    """Whether a process runs the program whose `stat` result is given."""
    try:
        return os.path.samestat(os.stat(f"/proc/{process}/exe"), program)
    except OSError:
        return False


class PeakMemory:
    """The most anonymous memory that some processes had together, looked at every few milliseconds."""

    def __init__(self, processes):
        self.processes = processes
        self.bytes = 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        """Looks until told to stop."""
        while True:
            self.bytes = max(self.bytes, sum(anonymous_bytes(process) for process in self.processes()))
            if self.stop.wait(SAMPLE_SECONDS):
                return

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
