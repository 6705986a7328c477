"""Fetches sources of a project from the machine's package index, and packs the conda package in them as conda packs it.

Arguments: project, file with the sources, file of the package, folder. Prints the hashes of the package.
"""

import hashlib, html.parser, io, json, os, sys, tarfile, urllib.parse, urllib.request, zipfile

def index():
    for name in ("UV_DEFAULT_INDEX", "PIP_INDEX_URL"):
        if os.environ.get(name):
            return os.environ[name]
    from pip._internal.configuration import Configuration
    configuration = Configuration(isolated=False)
    configuration.load()
    for key, value in configuration.items():
        for name, url in value.items() if isinstance(value, dict) else [(key, value)]:
            if name.endswith(".index-url"):
                return url
    from pip._internal.models.index import PyPI
    return PyPI.simple_url

project, source, package, folder = sys.argv[1:]
page = index().rstrip("/") + "/" + project + "/"

class Links(html.parser.HTMLParser):
    found = []
    def handle_starttag(self, tag, attributes):
        self.found += [urllib.parse.urljoin(page, value) for name, value in attributes if name == "href"]

with urllib.request.urlopen(page) as answer:
    Links().feed(answer.read().decode())
address, wanted = next(link.split("#sha256=") for link in Links.found if link.split("#")[0].endswith("/" + source))
with urllib.request.urlopen(address) as answer:
    archive = answer.read()
assert hashlib.sha256(archive).hexdigest() == wanted
with tarfile.open(fileobj=io.BytesIO(archive)) as sources:
    member = next(member for member in sources if member.name.endswith("/" + package))
    inner = zipfile.ZipFile(io.BytesIO(sources.extractfile(member).read()))
parts = {name.rsplit("/", 1)[1]: inner.read(name) for name in inner.namelist() if not name.endswith("/")}
packed = os.path.join(folder, package)
with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as out:
    for name, data in sorted(parts.items(), key=lambda part: not part[0].startswith("metadata")):
        out.writestr(zipfile.ZipInfo(name), data)
info = next(data for name, data in parts.items() if name.startswith("info-"))
open(os.path.join(folder, "info.tar.zst"), "wb").write(info)
data = open(packed, "rb").read()
print(json.dumps({"sha256": hashlib.sha256(data).hexdigest(), "md5": hashlib.md5(data).hexdigest(), "size": len(data)}))
