"""The machine: what it has, where its packages come from, and what both sides need once."""

import fcntl
import os
import platform
import shutil
import subprocess
from pathlib import Path

from . import conda
from .disk import check_room
from .processes import Failure, Group, require, run
from .registry import Registry

CLONE = Path(__file__).resolve().parents[2]
SUITE = "trixie"
BASE_PACKAGES = "python3,python3-venv,ca-certificates"
BASE = "base:1"
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
INDEXES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
PROXIES = ("http_proxy", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY")


def cache_folder():
    """Where everything lies that outlives a run."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "imagewright-bench"


def pip_setting(name):
    """What pip is set to, and none where there is no pip or it is set to nothing."""
    for python in ("python3", "/usr/bin/python3"):
        try:
            asked = subprocess.run(
                [python, "-m", "pip", "config", "get", f"global.{name}"], capture_output=True, text=True, check=False)
        except OSError:
            continue
        if asked.returncode == 0:
            return asked.stdout.strip()
    return None


class Site:
    """How this machine reaches packages. Nothing of it is in this repository, nor in any image."""

    def __init__(self, mirror=None):
        environment = os.environ
        indexes = [environment[name] for name in INDEXES if name in environment]
        self.index = indexes[0] if indexes else pip_setting("index-url")
        self.authorities = environment.get("SSL_CERT_FILE", AUTHORITIES)
        self.proxies = {name: environment[name] for name in PROXIES if name in environment}
        self.mirror = mirror

    def script(self):
        """What a step of a peer sources before it reaches for packages."""
        settings = dict.fromkeys(("SSL_CERT_FILE", "PIP_CERT"), "/run/authorities.pem") | self.proxies
        settings |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}
        if self.index:
            settings |= {"PIP_INDEX_URL": self.index, "UV_DEFAULT_INDEX": self.index}
        return "".join(f"export {name}='{value}'\n" for name, value in settings.items())

    def settings(self):
        """The same as a configuration file of Imagewright's, instead of the user's own."""
        index = f'index = "{self.index}"\n' if self.index else ""
        return f'[python]\nfind-links = []\n{index}\n[trust]\nca-bundle = "{self.authorities}"\n'

    def pip_environment(self):
        """The environment of a pip of this machine's own."""
        index = {"PIP_INDEX_URL": self.index} if self.index else {}
        return dict(os.environ) | index | {"PIP_CERT": self.authorities}

    def environment(self):
        """The environment of Imagewright: nothing in it sets packages or caches apart from the peers'."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return kept | self.proxies | {"SSL_CERT_FILE": self.authorities}


class Cache:
    """What is made once: the Debian system with Docker, the base, uv. One run at a time works here."""

    def __init__(self, folder, site, program):
        self.folder = Path(folder)
        self.site = site
        self.program = program
        self.lock = None
        self.work = self.folder / "run"

    @property
    def docker_root(self):
        """The root of a Debian system with Docker and BuildKit."""
        return self.folder / f"docker-{SUITE}"

    @property
    def base(self):
        """Files of a registry that holds the base and nothing else."""
        return self.folder / "registry-with-base"

    @property
    def uv(self):
        """The uv that both sides use."""
        return self.folder / "tools" / "uv"

    @property
    def conda_channel(self):
        """A conda channel in a folder."""
        return self.folder / "conda-channel"

    @property
    def rattler(self):
        """A program that installs conda packages with rattler."""
        return self.folder / "rattler" / "imagewright-rattler"

    def open(self):
        """Takes the cache for this run; what a killed one left in the folder of runs goes away."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lock = open(self.folder / "lock", "w", encoding="utf-8")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure("another benchmark runs") from None
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir()
        check_room(self.work)

    def close(self):
        """Removes what the run made."""
        if self.lock is not None:
            shutil.rmtree(self.work, ignore_errors=True)
            self.lock.close()

    def set_up(self, refresh, tell):
        """Makes what is not there yet."""
        for program, package in (
            ("docker-registry", "docker-registry"), ("mmdebstrap", "mmdebstrap"), ("unshare", "util-linux"),
            ("nsenter", "util-linux"), ("setpriv", "util-linux"), ("mkfs.ext4", "e2fsprogs"), ("zstd", "zstd"),
        ):
            require(program, package)
        if refresh:
            for made in (self.docker_root, self.base, self.folder / "tools"):
                shutil.rmtree(made, ignore_errors=True)
        run([CLONE / "scripts" / "fetch-uv", self.folder])
        run([CLONE / "scripts" / "fetch-docker", self.folder, *([self.site.mirror] if self.site.mirror else [])])
        run([CLONE / "scripts" / "build-rattler", self.folder, "--release"])
        if not self.conda_channel.exists():
            conda.make(self.conda_channel, self.site.pip_environment(), tell)
        if not self.base.exists():
            tell("making the base")
            self.make_base()

    def make_base(self):
        """Bootstraps the base with Imagewright and keeps the registry it was pushed to."""
        group = Group("setup")
        registry = Registry(self.work / "setup", group)
        registry.start()
        try:
            name = f"{registry.address}/{BASE}"
            options = ["--mirror", self.site.mirror] if self.site.mirror else []
            store = ["--root", self.work / "store"]
            environment = self.site.environment()
            run([self.program, "base", "bootstrap", "debian", "--suite", SUITE, "--include", BASE_PACKAGES,
                 "--tag", name, *options, *store], env=environment)
            run([self.program, "push", name, *store], env=environment)
            pushed = registry.verify(BASE)
        finally:
            registry.stop()
        (registry.storage / "base.txt").write_text(f"{pushed.digest} {pushed.size}\n")
        registry.storage.rename(self.base)

    def base_facts(self):
        """Digest and size of the base."""
        digest, size = (self.base / "base.txt").read_text().split()
        return {"packages": f"{SUITE}: {BASE_PACKAGES}", "digest": digest, "size": int(size)}


def processor():
    """The processor's name."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def machine():
    """What numbers depend on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory": memory,
        "kernel": platform.release(),
        "system": system,
        "pigz": shutil.which("unpigz") is not None,
    }
