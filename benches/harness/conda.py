"""A conda channel for both sides: wheels made packages, since no public channel can be reached by everybody."""

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from .processes import DIES_WITH_US, Failure, run
from .registry import free_port

# What a data scientist asks for, without what these need: each package is by itself.
LIST = ("numpy", "pandas", "scipy", "scikit-learn", "matplotlib", "pillow", "sqlalchemy", "statsmodels")
ADDED = "polars"
PYTHON = "3.13"
SUBDIR = "linux-64"
# As conda-forge compresses them, but for the time that its 19 takes.
LEVEL = "12"
# What stands in files where the environment's path will stand.
PLACEHOLDER = "/opt/conda-build" + "_placehold" * 23


def make(folder, environment, tell):
    """Makes the channel in `folder`, from the machine's own package index."""
    tell("making a conda channel")
    wheels = folder.parent / f"{folder.name}.wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    for name in (*LIST, ADDED):
        run([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
             "--only-binary", ":all:", "--python-version", PYTHON, "--platform", "manylinux_2_28_x86_64",
             "--platform", "manylinux_2_17_x86_64", "--platform", "manylinux2014_x86_64", "--platform", "any",
             "--dest", wheels, name], env=environment)
    unfinished = folder.parent / f"{folder.name}.unfinished"
    packages = unfinished / SUBDIR
    packages.mkdir(parents=True, exist_ok=True)
    records = dict(package(wheel, packages) for wheel in sorted(wheels.glob("*.whl")))
    if len(records) != len(LIST) + 1:
        raise Failure(f"{wheels} holds other wheels than those asked for: remove it")
    write_index(unfinished / SUBDIR, SUBDIR, records)
    (unfinished / "noarch").mkdir(exist_ok=True)
    write_index(unfinished / "noarch", "noarch", {})
    unfinished.rename(folder)


def write_index(folder, subdir, records):
    """The list of packages of one architecture."""
    index = {"info": {"subdir": subdir}, "packages": {}, "packages.conda": records, "repodata_version": 1}
    (folder / "repodata.json").write_text(json.dumps(index))


def package(wheel, folder):
    """Makes a wheel a package; its file name, and what the list says of it."""
    name, version = wheel.name.split("-")[:2]
    name = name.lower().replace("_", "-")
    record = {"name": name, "version": version, "build": "0", "build_number": 0, "subdir": SUBDIR, "depends": []}
    files = list(contents(wheel, name))
    described = {"paths_version": 1, "paths": [describe(*file) for file in files]}
    info = archive([
        ("info/index.json", json.dumps(record).encode(), 0o644),
        ("info/paths.json", json.dumps(described).encode(), 0o644),
        ("info/files", "".join(f"{path}\n" for path, _, _ in files).encode(), 0o644),
    ])
    stem = f"{name}-{version}-0"
    target = folder / f"{stem}.conda"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as outer:
        outer.writestr("metadata.json", json.dumps({"conda_pkg_format_version": 2}))
        outer.writestr(f"pkg-{stem}.tar.zst", compressed(archive(files)))
        outer.writestr(f"info-{stem}.tar.zst", compressed(info))
    data = target.read_bytes()
    record |= {"size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "md5": hashlib.md5(data).hexdigest()}
    return target.name, record


def contents(wheel, name):
    """Files of a package: those of the wheel, and a text in which the environment's path stands."""
    with zipfile.ZipFile(wheel) as opened:
        for entry in sorted(opened.infolist(), key=lambda entry: entry.filename):
            if not entry.is_dir():
                yield f"lib/python{PYTHON}/site-packages/{entry.filename}", opened.read(entry), 0o644
    yield f"bin/{name}-config", f"#!/bin/sh\necho {PLACEHOLDER}/lib\n".encode(), 0o755


def describe(path, data, _mode):
    """What `paths.json` says of a file."""
    said = {"_path": path, "path_type": "hardlink", "sha256": hashlib.sha256(data).hexdigest(),
            "size_in_bytes": len(data)}
    if path.endswith("-config"):
        said |= {"prefix_placeholder": PLACEHOLDER, "file_mode": "text"}
    return said


def archive(files):
    """A tar archive."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as made:
        for path, data, mode in files:
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(data), mode
            made.addfile(entry, io.BytesIO(data))
    return output.getvalue()


def compressed(data):
    """The same, compressed."""
    return subprocess.run(["zstd", f"-{LEVEL}", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout


def files_of(folder, names):
    """File names of packages."""
    index = json.loads((folder / SUBDIR / "repodata.json").read_text())["packages.conda"]
    found = {record["name"]: file for file, record in index.items()}
    return [found[name] for name in names]


class Channel:
    """The channel, served on 127.0.0.1 to one builder."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.port = free_port()
        self.process = None

    @property
    def address(self):
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        """Serves it."""
        self.process = subprocess.Popen(
            [*DIES_WITH_US, sys.executable, "-m", "http.server", str(self.port), "--bind", "127.0.0.1",
             "--directory", str(self.folder)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)

    def stop(self):
        """Ends that."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
