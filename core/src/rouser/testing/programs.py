"""Programs that a plugin relies on, replaced by ones that hang, deny or are not there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

FAULTS: Final = ("hung", "denied", "broken", "missing")

_SCRIPTS: Final = {
    # Its own path in its command line tells whose it is when it was left behind.
    "hung": "#!/bin/sh\nwhile :; do sleep 0.1; done\n",
    "denied": '#!/bin/sh\necho "error: Permission denied" >&2\nexit 1\n',
    "broken": '#!/bin/sh\necho "something that nobody expects"\nexit 0\n',
}


def path_with_fault(directory: Path, programs: Sequence[str], fault: str) -> str:
    """Return a ``PATH`` on which each of ``programs`` has a fault and all else is as it was.

    :param directory: made if need be, to hold the replacements.
    :param fault: one of ``FAULTS``.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if fault == "missing":
        return os.pathsep.join(_places_without(programs, directory))
    for program in programs:
        script = directory / program
        script.write_text(_SCRIPTS[fault])
        script.chmod(0o755)
    return os.pathsep.join((str(directory), os.environ["PATH"]))


def _places_without(programs: Sequence[str], directory: Path) -> Iterator[str]:
    """Yield the places of ``PATH``; for one that has any of ``programs``, a directory of links to all else in it."""
    # /bin and /usr/bin are one and the same on most systems, and have thousands of files.
    for place in dict.fromkeys(Path(place).resolve() for place in os.environ["PATH"].split(os.pathsep)):
        if not any((place / program).exists() for program in programs):
            yield str(place)
            continue
        links = Path(tempfile.mkdtemp(prefix="without-", dir=directory))
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.name not in programs:
                    Path(f"{links}/{entry.name}").symlink_to(entry.path)
        yield str(links)
