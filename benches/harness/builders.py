"""Those who are compared: Imagewright, and BuildKit in the ways people use it."""

import os
import re
import shutil
import subprocess
import time
from typing import NamedTuple

from . import conda
from . import project as projects
from .disk import Disk
from .docker import ENTER, ENVIRONMENT, NAMESPACES, DockerDaemon
from .processes import DIES_WITH_US, Failure, Group, PeakMemory, runs, tail
from .registry import Registry
from .site import BASE, CLONE

PEERS = CLONE / "benches" / "peers"
# The Dockerfile that everybody builds.
STAGES = "stages.Dockerfile"
# What BuildKit says about copying a result into Docker's own store, which not every BuildKit has to do.
UNPACKING = re.compile(r"unpacking to \S+ ([\d.]+)s done")


class Job(NamedTuple):
    """One image to build."""

    pip: tuple = ()
    apt: tuple = ()
    conda: tuple = ()
    note: str = ""
    name: str = "image:1"
    bytecode: str = "none"
    # The state of the folder that a Dockerfile is built of; without it the image is one of packages.
    project: projects.Change | None = None


class Measurement(NamedTuple):
    """What one builder took for the jobs of one case."""

    seconds: float
    cpu_seconds: float
    registry_cpu_seconds: float
    peak_memory: int
    size: int
    layers: int
    unpacking_seconds: float
    load: float


class Builder:
    """Somebody who builds and pushes images; each has its own state and its own registry."""

    def __init__(self, name, cache):
        self.name = name
        self.cache = cache
        self.folder = cache.work / name
        self.disk = Disk(self.folder)
        self.group = Group(name)
        self.registry = Registry(self.folder / "registry", Group(f"{name}-registry"), cache.base)
        self.built = []

    def reference(self, name):
        """The reference of an image in the builder's registry."""
        return f"{self.registry.address}/{name}"

    def wipe(self):
        """Makes the builder one that never built anything; its registry holds the base alone."""
        self.stop()
        self.disk.wipe()
        self.registry.start()
        self.start()
        self.built.clear()

    def close(self):
        """Ends the builder, and removes what it made."""
        self.stop()
        self.disk.remove()

    def stop(self):
        """Ends all that runs."""
        self.group.kill()
        self.registry.stop()

    def start(self):
        """Has the builder ready to build, on an empty disk."""
        raise NotImplementedError

    def command(self, job):
        """The program that builds and pushes an image."""
        raise NotImplementedError

    def environment(self):
        """The environment of that program; none for the harness's own."""
        raise NotImplementedError

    def engine_processes(self):
        """Processes whose memory counts: not those that run inside images."""
        return self.group.processes("daemon") + self.group.processes("clients")

    def cannot(self, job):
        """Why the builder cannot do a job at all, if so."""
        del job

    def project(self):
        """The folder that Dockerfiles are built of."""
        return self.folder / "project"

    def arrange(self, job):
        """Brings the folder that a Dockerfile is built of into its state; never timed."""
        if job.project is not None:
            folder = self.project()
            if folder.exists():
                projects.apply(folder, job.project)
            else:
                projects.make(folder, job.project)

    def build(self, jobs):
        """Builds images side by side; how long that took, from the start of the first to the end of the last."""
        for job in jobs:
            self.arrange(job)
        commands = [self.command(job) for job in jobs]
        environment = self.environment()
        with self.group.entered("clients"):
            start = time.perf_counter()
            started = [self.spawn(number, command, environment) for number, command in enumerate(commands)]
        failed = [number for number, process in enumerate(started) if process.wait() != 0]
        seconds = time.perf_counter() - start
        if failed:
            raise Failure(f"{self.name} failed:\n{tail(self.log(failed[0]).read_text(errors='replace'))}")
        self.built += jobs
        return seconds

    def spawn(self, number, command, environment):
        """Starts one program, its output in a file."""
        with open(self.log(number), "wb") as output:
            return subprocess.Popen(
                [*DIES_WITH_US, *command], stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment,
                start_new_session=True)

    def log(self, number):
        """What the last build's job of that number printed."""
        return self.folder / f"build-{number}.log"

    def measure(self, jobs):
        """Builds images side by side; from the start until every one can be pulled."""
        for job in jobs:
            self.arrange(job)
        os.sync()
        load = os.getloadavg()[0]
        cpu, registry_cpu = self.group.cpu_seconds(), self.registry.group.cpu_seconds()
        with PeakMemory(self.engine_processes) as memory:
            seconds = self.build(jobs)
        cpu, registry_cpu = self.group.cpu_seconds() - cpu, self.registry.group.cpu_seconds() - registry_cpu
        pushed = [self.registry.verify(job.name) for job in jobs]
        return Measurement(
            seconds, cpu, registry_cpu, memory.bytes, max(image.size for image in pushed),
            max(image.layers for image in pushed), self.unpacking_seconds(), load)

    def unpacking_seconds(self):
        """How long the last build copied its result into a store of its own."""
        return 0.0


class Imagewright(Builder):
    """Ourselves."""

    def __init__(self, name, cache, options=()):
        super().__init__(name, cache)
        self.options = options
        self.program = cache.program
        help_text = subprocess.run([self.program, "build", "--help"], capture_output=True, text=True, check=True).stdout
        self.has_bytecode = "--bytecode" in help_text
        self.channel = conda.Channel(cache.conda_channel)

    def start(self):
        (self.folder / "settings.toml").write_text(self.cache.site.settings())
        self.channel.start()

    def stop(self):
        self.channel.stop()
        super().stop()

    def command(self, job):
        words = [self.program, "build", "--root", self.folder / "store", "--config", self.folder / "settings.toml",
                 "--uv", self.cache.uv, "--progress", "plain", "--push", "--tag", self.reference(job.name),
                 *self.options]
        if job.project is not None:
            words += ["--file", PEERS / STAGES, "--build-arg", f"BASE={self.reference(BASE)}", self.project()]
            return [str(word) for word in words]
        words += ["--base", self.reference(BASE)]
        channels = [self.channel.address] if job.conda else []
        for option, values in (("--pip", job.pip), ("--apt", job.apt), ("--conda-channel", channels),
                               ("--conda", job.conda), ("--label", [f"note={job.note}"])):
            for value in values:
                words += [option, value]
        if self.has_bytecode and job.pip:
            words += ["--bytecode", job.bytecode]
        return [str(word) for word in words]

    def environment(self):
        return self.cache.site.environment()

    def engine_processes(self):
        """Ours and our helpers': whatever runs the same program."""
        program = os.stat(self.program)
        return [process for process in self.group.processes("clients") if runs(process, program)]

    def cannot(self, job):
        if job.pip and job.bytecode == "full" and not self.has_bytecode:
            return "this version writes no bytecode"
        return None


class BuildKit(Builder):
    """BuildKit in Docker's daemon, with the containerd store that alone lets it push what it exports."""

    def __init__(self, name, cache, dockerfile, compression):
        super().__init__(name, cache)
        self.dockerfile = dockerfile
        self.compression = compression
        self.daemon = DockerDaemon(self.folder / "docker", self.group, cache.docker_root, containerd_store=True)
        self.channel = conda.Channel(cache.conda_channel)

    def start(self):
        self.daemon.start()
        self.channel.start()
        context = self.daemon.folder / "context"
        context.mkdir()
        shutil.copy(self.cache.uv, context / "uv")
        shutil.copytree(PEERS, self.daemon.folder / "peers")
        shutil.copyfile(self.cache.site.authorities, self.daemon.folder / "authorities.pem")
        (self.daemon.folder / "site.sh").write_text(self.cache.site.script())
        if self.dockerfile == "rattler":
            shutil.copy(self.cache.rattler, context / "rattler")
            # The lists alone: packages come from the server, for both sides.
            for index in self.cache.conda_channel.glob("*/repodata.json"):
                (context / "channel" / index.parent.name).mkdir(parents=True)
                shutil.copy(index, context / "channel" / index.parent.name)

    def stop(self):
        self.channel.stop()
        self.daemon.stop()
        super().stop()

    def command(self, job):
        folder = self.daemon.folder
        if job.project is not None:
            return self.daemon.command(*self.output(job), "--file", f"{folder}/peers/{STAGES}",
                                       "--build-arg", f"BASE={self.reference(BASE)}", self.project())
        kind = "apt" if job.apt else self.dockerfile
        packages = job.apt or job.pip or conda.files_of(self.cache.conda_channel, job.conda)
        arguments = {"BASE": self.reference(BASE), "PACKAGES": " ".join(packages), "NOTE": job.note}
        if job.conda:
            arguments["CHANNEL"] = self.channel.address
        if job.pip:
            arguments |= self.bytecode(job.bytecode)
        words = [*self.output(job), "--secret", f"id=site,src={folder}/site.sh",
                 "--secret", f"id=authorities,src={folder}/authorities.pem",
                 "--file", f"{folder}/peers/{kind}.Dockerfile"]
        for argument, value in arguments.items():
            words += ["--build-arg", f"{argument}={value}"]
        return self.daemon.command(*words, f"{folder}/context")

    def cannot(self, job):
        if self.dockerfile == "rattler" and not job.conda:
            return "it is measured with conda packages alone"
        return None

    def output(self, job):
        """What all calls begin with."""
        output = f"type=image,name={self.reference(job.name)},push=true,oci-mediatypes=true"
        return ["buildx", "build", "--progress", "plain", "--network", "host", "--provenance", "false",
                "--output", f"{output},compression={self.compression}"]

    def project(self):
        return self.daemon.folder / "project"

    def bytecode(self, bytecode):
        """How the Dockerfile is told whether to compile bytecode; pip does, uv does not, unless they are told."""
        if self.dockerfile == "pip":
            return {"OPTIONS": "--no-compile" if bytecode == "none" else ""}
        return {"UV_COMPILE_BYTECODE": "1"} if bytecode == "full" else {}

    def environment(self):
        return None

    def unpacking_seconds(self):
        log = self.log(0).read_text(errors="replace")
        return sum(float(seconds) for seconds in UNPACKING.findall(log))


class Buildah(Builder):
    """buildah of the same Debian system as Docker; its steps run in a chroot, for that is what works everywhere."""

    def start(self):
        (self.folder / "peers").mkdir()
        shutil.copy(PEERS / STAGES, self.folder / "peers")

    def command(self, job):
        place = self.folder
        store = f"--root {place}/store --runroot {place}/runroot --storage-driver overlay"
        # Without root of the machine's own, its default limits cannot be set.
        limits = "--ulimit nofile=1024:1024 --ulimit nproc=1024:1024"
        build = (f"buildah {store} build --isolation chroot --network host --layers {limits} --tls-verify=false "
                 f"--file {place}/peers/{STAGES} --build-arg BASE={self.reference(BASE)} "
                 f"--tag {self.reference(job.name)} {self.project()}")
        push = f"buildah {store} push --tls-verify=false {self.reference(job.name)}"
        inside = [*ENVIRONMENT, f"HOME={place}", "sh", "-ec", f"{build}\n{push}"]
        return [*NAMESPACES, "sh", "-c", ENTER, "enter", str(self.cache.docker_root), str(place), *inside]

    def environment(self):
        return None

    def cannot(self, job):
        return None if job.project is not None else "it is measured with Dockerfiles alone"


BUILDERS = {
    "imagewright": lambda cache: Imagewright("imagewright", cache),
    "imagewright-zstd": lambda cache: Imagewright("imagewright-zstd", cache, ("--compression", "zstd:3")),
    "bk": lambda cache: BuildKit("bk", cache, "pip", "gzip"),
    "bk-uv": lambda cache: BuildKit("bk-uv", cache, "uv", "gzip"),
    "bk-uv-zstd": lambda cache: BuildKit("bk-uv-zstd", cache, "uv", "zstd"),
    "bk-rattler": lambda cache: BuildKit("bk-rattler", cache, "rattler", "gzip"),
    "bk-rattler-zstd": lambda cache: BuildKit("bk-rattler-zstd", cache, "rattler", "zstd"),
    "buildah": lambda cache: Buildah("buildah", cache),
}

ABOUT = {
    "imagewright": "Imagewright, gzip",
    "imagewright-zstd": "Imagewright, zstd -3",
    "bk": "BuildKit, pip with a cache mount, gzip",
    "bk-uv": "BuildKit, uv with a cache mount, gzip",
    "bk-uv-zstd": "BuildKit, uv with a cache mount, zstd",
    "bk-rattler": "BuildKit, rattler with a cache mount, gzip",
    "bk-rattler-zstd": "BuildKit, rattler with a cache mount, zstd",
    "buildah": "buildah, gzip",
}
DEFAULT = ["imagewright", "bk", "bk-uv", "bk-uv-zstd", "bk-rattler", "bk-rattler-zstd", "buildah"]
OURS = "imagewright"


def copy_program(program, folder):
    """A copy that stays the same during the run, also when somebody compiles meanwhile."""
    (folder / "program").mkdir()
    return shutil.copy2(program, folder / "program" / "imagewright")
