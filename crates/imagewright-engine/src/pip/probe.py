#!@INTERPRETER@ -I
# Stands between uv and the interpreter of an image: answers as the interpreter would, and keeps the answer together
# with what else imagewright wants to know. Kept to what every Python 3.7 has.
import contextlib
import hashlib
import io
import json
import os
import re
import sys
import sysconfig


def ask():
    """Runs uv's question, which is the text after `-c`."""
    question = sys.argv[sys.argv.index("-c") + 1]
    sys.argv = ["-c"]
    answer = io.StringIO()
    try:
        with contextlib.redirect_stdout(answer):
            exec(compile(question, "<string>", "exec"), {"__name__": "__main__"})
    finally:
        sys.stdout.write(answer.getvalue())
    return json.loads(answer.getvalue())


def interpreter():
    marker = os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
    digest = hashlib.sha256()
    with open(os.path.realpath(sys.executable), "rb") as program:
        for block in iter(lambda: program.read(1 << 20), b""):
            digest.update(block)
    return {
        "executable": sys.executable,
        "implementation": sys.implementation.name,
        "version": ".".join(map(str, sys.version_info[:3])),
        "prefix": sys.prefix,
        "externally_managed": sys.prefix == sys.base_prefix and os.path.exists(marker),
        "cache_tag": sys.implementation.cache_tag,
        "program": digest.hexdigest(),
    }


def about(folder):
    """What a distribution says that it needs, in lines as it has them."""
    try:
        with open(os.path.join(folder, "METADATA"), encoding="utf-8") as file:
            head = file.read().split("\n\n", 1)[0]
    except (OSError, UnicodeDecodeError):
        return []
    return [line for line in head.splitlines() if line.startswith(("Requires-Dist:", "Provides-Extra:"))]


def installed(target):
    """The distributions of the search path, the first of each name."""
    found = {}
    for folder in sys.path:
        if not os.path.isdir(folder):
            continue
        for entry in sorted(os.listdir(folder)):
            match = re.fullmatch(r"(.+?)-([^-]+)\.dist-info", entry)
            if not match:
                continue
            name = re.sub(r"[-_.]+", "-", match.group(1)).lower()
            path = os.path.join(folder, entry)
            try:
                with open(os.path.join(path, "INSTALLER"), encoding="utf-8") as file:
                    installer = file.read().strip()
            except OSError:
                installer = ""
            found.setdefault(name, {
                "name": name,
                "version": match.group(2),
                "metadata": path,
                "installer": installer,
                "about": about(path) if installer == "conda" else [],
                "in_target": os.path.realpath(folder) in target,
            })
    return sorted(found.values(), key=lambda found: found["name"])


def surroundings(paths):
    folders, links = {}, {}
    for path in paths:
        real = os.path.realpath(path)
        if real != path:
            links[path] = real
        while True:
            if os.path.isdir(real):
                status = os.lstat(real)
                folders[real] = {"mode": status.st_mode & 0o7777, "uid": status.st_uid, "gid": status.st_gid}
            if real == "/":
                break
            real = os.path.dirname(real)
    return folders, links


def unusual(data, folders):
    """Adds folders that packages share with others and that look unlike new ones: packages must leave them so."""
    left = 2000
    for top in ("share", "etc", "include", "bin", "lib", "man"):
        for folder, inner, _ in os.walk(os.path.join(data, top)):
            if left == 0:
                return
            left -= 1
            if os.path.islink(folder):
                continue
            status = os.lstat(folder)
            mode, owner = status.st_mode & 0o7777, (status.st_uid, status.st_gid)
            if (mode, owner) != (0o755, (0, 0)):
                folders[folder] = {"mode": mode, "uid": owner[0], "gid": owner[1]}
            if folder.count("/") - data.count("/") >= 3:
                inner.clear()
            inner.sort()


def main():
    report = ask()
    scheme = report["scheme"]
    target = {os.path.realpath(scheme["purelib"]), os.path.realpath(scheme["platlib"])}
    environment = os.environ["IMAGEWRIGHT_ENVIRONMENT"]
    new = [os.path.join(environment, path) if path else environment for path in report["virtualenv"].values()]
    folders, links = surroundings(list(scheme.values()) + [environment] + new)
    unusual(os.path.realpath(scheme["data"]), folders)
    answer = {
        "interpreter": interpreter(),
        "report": report,
        "installed": installed(target),
        "folders": folders,
        "links": links,
    }
    with open(os.environ["IMAGEWRIGHT_ANSWER"], "w", encoding="utf-8") as file:
        json.dump(answer, file)


main()
