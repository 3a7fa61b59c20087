"""``python -m bench.over HOME REPOSITORY COUNT``: adds sessions that are over to a home, as years of work would."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

from bench.prepare import session
from bench.records import fill
from rouser import SessionStatus

_ENDS = (SessionStatus.DONE, SessionStatus.MERGED, SessionStatus.KILLED, SessionStatus.CLEANUP)


def main() -> None:
    home, repository = map(Path, sys.argv[1:3])
    over = []
    for number in range(int(sys.argv[3])):
        one = session(repository, repository.parent / "over", number)
        moment = one.created_at - timedelta(days=30, hours=number)
        status = _ENDS[number % len(_ENDS)]
        over.append(one._replace(status=status, task=f"task {number}", created_at=moment, updated_at=moment))
    fill(home / "rouser.db", over)


if __name__ == "__main__":
    main()
