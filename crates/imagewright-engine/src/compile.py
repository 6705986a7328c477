# Compiles the modules of packages to bytecode that holds whatever the time of its source: PEP 552, unchecked hashes.
# Modules are those of a wheel, or of a tar archive that has them where they are installed. Each package in a process of its own that does the same from its start to its end, so that the result repeats.
# Kept to what every Python 3.7 has.
import importlib.util
import json
import os
import struct
import sys
import tarfile
import warnings
import zipfile
from importlib._bootstrap_external import _code_to_hash_pyc


def destination(name, task):
    """Where a module of a wheel goes; none for what is installed as something else."""
    top, _, rest = name.partition("/")
    if not top.endswith(".data"):
        return task["root"] + "/" + name
    kind, _, rest = rest.partition("/")
    return task[kind] + "/" + rest if kind in ("purelib", "platlib") and rest else None


def modules(task):
    """Places and sources of the modules of a package."""
    if "archive" in task:
        with tarfile.open(task["archive"]) as archive:
            for member in sorted(archive.getmembers(), key=lambda member: member.name):
                if member.isfile():
                    yield "/" + member.name, archive.extractfile(member).read()
        return
    with zipfile.ZipFile(task["wheel"]) as wheel:
        for name in sorted(wheel.namelist()):
            path = destination(name, task) if name.endswith(".py") else None
            if path is not None:
                yield path, wheel.read(name)


def compile_package(task):
    with open(task["result"], "wb") as result:
        for path, source in modules(task):
            try:
                code = compile(source, path, "exec", dont_inherit=True, optimize=-1)
            except (SyntaxError, ValueError, UnicodeError, RecursionError, MemoryError, OverflowError):
                # Templates, tests of other versions: an interpreter would leave them alone, too.
                continue
            bytecode = _code_to_hash_pyc(code, importlib.util.source_hash(source), False)
            target = importlib.util.cache_from_source(path, optimization="").encode("utf-8", "surrogateescape")
            result.write(struct.pack("<II", len(target), len(bytecode)))
            result.write(target)
            result.write(bytecode)


def main():
    warnings.simplefilter("ignore")
    sys.setrecursionlimit(10000)
    with open(sys.argv[1], encoding="utf-8") as file:
        tasks = json.load(file)
    running, failed = set(), False
    for task in tasks["packages"]:
        if len(running) >= tasks["processes"]:
            child, status = os.wait()
            running.discard(child)
            failed = failed or status != 0
        child = os.fork()
        if child == 0:
            code = 1
            try:
                compile_package(task)
                code = 0
            finally:
                sys.stderr.flush()
                os._exit(code)
        running.add(child)
    while running:
        child, status = os.wait()
        running.discard(child)
        failed = failed or status != 0
    sys.exit(1 if failed else 0)


main()
