"""Find the runtimes that live, by the leases that are held."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from rouser import DiscoveredRuntime, HookError
from rouser_slurm import lease, places
from rouser_slurm.handle import Handle
from rouser_slurm.judgement import Judge
from rouser_slurm.places import Generation


def discover(judge: Judge, directory: Path) -> list[DiscoveredRuntime]:
    """Return the runtimes whose files are in ``directory`` and whose agents run.

    :raises HookError: it is not known of any of them whether they do.
    """
    handles = list(held(directory))
    answers = judge.answers(handles)
    failures = [answer for answer in answers.values() if isinstance(answer, HookError)]
    if failures:
        raise failures[0]
    return [
        DiscoveredRuntime(handle=str(handle), session_id=handle.session_id, name=handle.name)
        for handle in handles
        if answers[handle] is True
    ]


def held(directory: Path) -> Iterator[Handle]:
    """Yield the runtimes whose leases are held and whose agents were started."""
    for place in places.names(directory):
        with suppress(HookError):
            current = lease.read(place / "lease")
            if current is None or not current.held:
                continue
            started = Generation(place / str(current.generation)).report().started
            if started is not None:
                numbers = (started.cluster, started.job, current.generation)
                yield Handle(*numbers, current.session_id, place.name, directory)
