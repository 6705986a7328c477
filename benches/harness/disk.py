"""Disks in files: emptied in a moment, and gone with the run.

A builder's caches are hundreds of thousands of files; on a disk that is told of each block that becomes free, removing
them takes longer than the builds. Journal and file system are what an ordinary disk has.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from .processes import Failure, run

# Of which only what is written takes room.
SIZE = 48 << 30
FREE_AT_LEAST = 25 << 30
MARK = "IMAGEWRIGHT_BENCH_NAMESPACE"


def enter_namespace():
    """Starts this program again where its mounts are its own, and go when its processes do."""
    if MARK not in os.environ:
        os.environ[MARK] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])


def check_room(folder):
    """Complains where a run would fill the disk."""
    if shutil.disk_usage(folder).free < FREE_AT_LEAST:
        needed = f"{FREE_AT_LEAST >> 30} GiB"
        raise Failure(f"benchmarks need {needed} of room in {folder}: set XDG_CACHE_HOME to another place")


class Disk:
    """A file system in a file beside the folder where it is mounted."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.file = self.folder.with_suffix(".disk")

    def wipe(self):
        """Makes it an empty one."""
        self.remove()
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.file, "wb") as file:
            file.truncate(SIZE)
        run(["mkfs.ext4", "-q", "-E", "nodiscard,lazy_itable_init=1,lazy_journal_init=1", self.file])
        run(["mount", "-o", "loop,nodiscard", self.file, self.folder])

    def remove(self):
        """Unmounts it and removes its file; what just ended may hold it for a moment yet."""
        for _ in range(100):
            if not self.folder.is_mount() or not subprocess.run(
                    ["umount", self.folder], capture_output=True, check=False).returncode:
                break
            time.sleep(0.1)
        else:
            raise Failure(f"{self.folder} cannot be unmounted")
        self.file.unlink(missing_ok=True)
