"""The folder that Dockerfiles are built of: libraries, pages, data and a program. The same for every builder."""

import random
import shutil
from typing import NamedTuple

FOLDERS, MODULES = 40, 50
PAGES = 60
DATA = 20 << 20


class Change(NamedTuple):
    """Which state of the folder: numbers go into the program and into one of the libraries."""

    program: int = 0
    library: int = 0


def module(generator, number):
    """The text of a module."""
    lines = [f"# {number}"]
    for function in range(20):
        words = " + ".join(str(generator.randrange(10**6)) for _ in range(8))
        lines.append(f"def function_{function}(value):\n    return value + {words}\n")
    return "\n".join(lines)


def make(folder, change):
    """Writes all of it into a new folder."""
    generator = random.Random(7)
    shutil.rmtree(folder, ignore_errors=True)
    for number in range(FOLDERS):
        package = folder / "lib" / f"package_{number}"
        package.mkdir(parents=True)
        for inner in range(MODULES):
            (package / f"module_{inner}.py").write_text(module(generator, inner))
    (folder / "docs").mkdir()
    for number in range(PAGES):
        (folder / "docs" / f"page_{number}.md").write_text(module(generator, number))
    (folder / "data").mkdir()
    (folder / "data" / "numbers.bin").write_bytes(generator.randbytes(DATA))
    apply(folder, change)


def apply(folder, change):
    """Changes what a change is about, and nothing else."""
    texts = {
        folder / "app.py": f"import package_0.module_0\nprint({change.program})\n",
        folder / "lib" / "package_7" / "extra.py": f"value = {change.library}\n",
    }
    for path, text in texts.items():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
