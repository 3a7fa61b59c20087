"""Small, full and read-only disks: file systems in memory, which only root can mount, and not in every container."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

KINDS = ("64 kB", "full", "read-only")
_PAGE = 4096
_SECONDS = 30


class Disk:
    """A file system of its own at a place, which begins large."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._filler = place / "filler"

    def become(self, kind: str) -> None:
        """Become one of :data:`KINDS`; what is there already stays, also on one of 64 kB."""
        if kind == "read-only":
            self._remount("ro")
            return
        used = int(subprocess.check_output(["du", "-s", f"--block-size={_PAGE}", str(self._place)]).split()[0])
        pages = max(65536 // _PAGE, used + 2) if kind == "64 kB" else used + 16
        self._remount(f"size={pages * _PAGE}")
        if kind == "full":
            with self._filler.open("wb", buffering=0) as file, suppress(OSError):
                while file.write(bytes(_PAGE)):
                    pass

    def mend(self) -> None:
        """Be large again."""
        self._remount("rw,size=64m")
        self._filler.unlink(missing_ok=True)

    def _remount(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", str(self._place)], check=True, timeout=_SECONDS)


@contextmanager
def mounted(place: Path) -> Iterator[Disk]:
    """Have a file system of its own at ``place``, with what is there now; it is gone afterwards."""
    aside = place.with_name("aside")
    if place.exists():
        place.rename(aside)
    place.mkdir(mode=0o700)
    _mount(place)
    try:
        if aside.exists():
            shutil.copytree(aside, place, symlinks=True, dirs_exist_ok=True)
        yield Disk(place)
    finally:
        os.chdir("/")
        _unmount(place)
        shutil.rmtree(aside, ignore_errors=True)


def can_mount() -> bool:
    """Return whether this user may mount a file system on this machine."""
    with tempfile.TemporaryDirectory(prefix="rt-disk-") as place:
        try:
            _mount(Path(place))
        except (OSError, subprocess.SubprocessError):
            return False
        _unmount(Path(place))
        return True


def _mount(place: Path) -> None:
    command = ["mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "none", str(place)]
    subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS)


def _unmount(place: Path) -> None:
    subprocess.run(["umount", "--lazy", str(place)], check=True, timeout=_SECONDS)
