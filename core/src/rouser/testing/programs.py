"""Programs that a plugin relies on, replaced by ones that hang, deny or are not there."""

from __future__ import annotations

import os
from collections.abc import Sequence
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
        _link_others(directory, programs)
        return str(directory)
    for program in programs:
        script = directory / program
        script.write_text(_SCRIPTS[fault])
        script.chmod(0o755)
    return os.pathsep.join((str(directory), os.environ["PATH"]))


def _link_others(directory: Path, programs: Sequence[str]) -> None:
    for place in os.environ["PATH"].split(os.pathsep):
        for file in Path(place).iterdir() if Path(place).is_dir() else ():
            link = directory / file.name
            if file.name not in programs and not link.is_symlink():
                link.symlink_to(file)
