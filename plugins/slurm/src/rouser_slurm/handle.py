"""The handle of a runtime: which job it is, and where its files are. Node and socket are looked up, not stored."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rouser import HookError

_PATTERN: Final = re.compile(
    r"slurm:v1:(?P<cluster>[^:\s]*):(?P<job>\d{1,18}):(?P<generation>\d{1,18}):(?P<session_id>[^:\s]+)"
    r":(?P<name>[A-Za-z0-9_-]+):(?P<directory>/.*)"
)


@dataclass(frozen=True, slots=True)
class Handle:
    """One runtime that was created, alive or not.

    :ivar cluster: name of the cluster.
    :ivar job: Slurm's id of the job, which another job may get one day.
    :ivar generation: counts the runtimes that a session had under this name; no two ever have the same.
    :ivar session_id: id of the session that it was created for.
    :ivar name: the name that it was created under.
    :ivar directory: the directory of the plugin's files at the time, on a file system that all nodes share.
    """

    cluster: str
    job: int
    generation: int
    session_id: str
    name: str
    directory: Path

    @classmethod
    def parse(cls, text: str) -> Handle:
        """Return the handle that ``str`` turned into ``text``.

        :raises HookError: no handle turns into that.
        """
        match = _PATTERN.fullmatch(text)
        if not match:
            raise HookError(f"{text!r} is not a handle of the slurm runtime")
        return cls(
            cluster=match["cluster"],
            job=int(match["job"]),
            generation=int(match["generation"]),
            session_id=match["session_id"],
            name=match["name"],
            directory=Path(match["directory"]),
        )

    def __str__(self) -> str:
        numbers = f"{self.job}:{self.generation}"
        return f"slurm:v1:{self.cluster}:{numbers}:{self.session_id}:{self.name}:{self.directory}"
