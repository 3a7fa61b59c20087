"""The handle of a runtime: what is needed to find it again, and to tell that it is gone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rouser import HookError
from rouser_process.identity import Process

_PATTERN: Final = re.compile(
    r"process:v1:(?P<token>[0-9a-f]{16}):(?P<session_id>[^:\s]+):(?P<name>[A-Za-z0-9_-]+)"
    r":(?P<supervisor>\d{1,10})@(?P<supervisor_start>[0-9a-f.]*):(?P<agent>\d{1,10})@(?P<agent_start>[0-9a-f.]*):(?P<base>/.*)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Handle:
    """One runtime that was created, alive or not.

    :ivar token: drawn at random for this very runtime.
    :ivar session_id: id of the session that it was created for.
    :ivar name: the name that it was created under.
    :ivar supervisor: the process that holds the terminal.
    :ivar agent: the agent's own process.
    :ivar base: the directory that has all runtimes.
    """

    token: str
    session_id: str
    name: str
    supervisor: Process
    agent: Process
    base: Path

    @classmethod
    def parse(cls, text: str) -> Handle:
        """Return the handle that ``str`` turned into ``text``.

        :raises HookError: no handle turns into that.
        """
        match = _PATTERN.fullmatch(text)
        if not match:
            raise HookError(f"{text!r} is not a handle of the process runtime")
        return cls(
            token=match["token"],
            session_id=match["session_id"],
            name=match["name"],
            supervisor=Process(int(match["supervisor"]), match["supervisor_start"]),
            agent=Process(int(match["agent"]), match["agent_start"]),
            base=Path(match["base"]),
        )

    def __str__(self) -> str:
        processes = ":".join(f"{process.pid}@{process.start}" for process in (self.supervisor, self.agent))
        return f"process:v1:{self.token}:{self.session_id}:{self.name}:{processes}:{self.base}"

    @property
    def place(self) -> Path:
        """The directory of this runtime: its socket, its record, and what its agent printed."""
        return self.base / f"{self.name}.{self.token}"
