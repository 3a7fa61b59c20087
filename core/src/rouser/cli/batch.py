"""One action on several sessions, each reported by itself; one failure does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from rouser.cli.fields import FIELDS, session_fields
from rouser.cli.output import say, write_json
from rouser.errors import InternalError, PartialFailureError, RouserError
from rouser.models import Session


def for_each(
    texts: Sequence[str],
    action: Callable[[str], Session],
    *,
    done: str,
    as_json: bool,
    alive: Callable[[Session], bool] = lambda _: False,
    jobs: int = 1,
) -> int:
    """Do ``action`` for each id and return the exit code.

    :param jobs: for how many at a time; they are reported in the order given.
    :param done: what has been done when it worked, in one word.
    :param alive: tells whether a session's agent runs after that.
    :raises RouserError: the only one failed, and nobody asked for JSON.
    """
    objects: list[dict[str, Any]] = []
    failures: list[RouserError] = []
    for text, found in _each(list(dict.fromkeys(texts)), action, jobs):
        try:
            session = found()
        except Exception as raised:
            error = raised if isinstance(raised, RouserError) else InternalError.of(raised)
            failures.append(error)
            failed = {"kind": error.kind, "message": str(error)}
            objects.append({**dict.fromkeys(FIELDS), "id": text, "error": failed})
            if len(texts) == 1 and not as_json:
                raise error from error.__cause__
            say(f"error: {error}")
        else:
            objects.append({**session_fields(session, alive=alive(session)), "error": None})
            say(f"{done} {session.name or session.short_id}")
    if as_json:
        write_json(objects)
    if not failures:
        return 0
    return failures[0].exit_code if len(texts) == 1 else PartialFailureError.exit_code


def _each(
    texts: Sequence[str], action: Callable[[str], Session], jobs: int
) -> Iterator[tuple[str, Callable[[], Session]]]:
    """Yield for each id what returns the session, or raises what the action raised."""
    if jobs == 1 or len(texts) == 1:
        for text in texts:
            yield text, partial(action, text)
        return
    from rouser.cli.threads import in_threads

    yield from in_threads(texts, action, jobs)
