"""Spreads cases over forked processes, and adds up what they find."""

from __future__ import annotations

import multiprocessing
import os
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import TypeVar

from torture.tally import Tally

Finding = tuple[str, str | None]
"""A promise that was put to the test, and how it was broken, if it was."""

RAN = "Every case runs to its end"

J = TypeVar("J")
R = TypeVar("R")
G = TypeVar("G")
Ground = Callable[[], AbstractContextManager[G]]
"""Makes what a process keeps from one case to the next."""

_context = multiprocessing.get_context("fork")


def count(tally: Tally, jobs: Iterable[J], work: Callable[[G, J], Iterable[Finding]], ground: Ground[G]) -> None:
    """Call ``work`` with a ground and each of ``jobs``, and count what it finds; what it raises is a violation."""

    def find(here: G, job: J) -> list[Finding]:
        try:
            return [*work(here, job)]
        except Exception:
            return [(RAN, f"{job}: {traceback.format_exc()}")]

    for findings in spread(jobs, find, ground):
        for promise, violation in findings:
            tally.case(promise, violation)


def spread(jobs: Iterable[J], work: Callable[[G, J], R], ground: Ground[G]) -> Iterator[R]:
    """Yield what ``work`` returns for a ground and each of ``jobs``, as they come, one process for each processor."""
    waiting = list(jobs)[::-1]
    yield from hand_out([waiting] * min(os.cpu_count() or 1, len(waiting)), work, ground)


def side_by_side(tally: Tally, pieces: Iterable[Callable[[Tally], None]], processes: int | None = None) -> None:
    """Run pieces of a part in forked processes, and add up what they count.

    :param processes: how many. None: one for each piece, as pieces that wait disturb nobody.
    """

    def run(_: None, piece: Callable[[Tally], None]) -> Tally:
        own = Tally()
        piece(own)
        return own

    queue = list(pieces)[::-1]
    for found in hand_out([queue] * min(processes or len(queue), len(queue)), run, nullcontext):
        tally.merge(found)


def hand_out(queues: Sequence[list[J]], work: Callable[[G, J], R], ground: Ground[G]) -> Iterator[R]:
    """Yield what ``work`` returns, as it comes, from one process for each queue; processes may share a queue.

    Jobs stay where they are: a process is told which one is next, and knows it since it was forked.

    :param queues: each from the last to the first, and none empty.
    :raises RuntimeError: a process ended before its job did; what there is to say about it is on standard error.
    """
    numbers = {id(queue): list(range(len(queue))) for queue in queues}
    workers: dict[Connection, tuple[ForkProcess, list[int]]] = {}
    for queue in queues:
        here, there = _context.Pipe()
        process = _context.Process(target=_serve, args=(there, queue, work, ground))
        process.start()
        there.close()
        workers[here] = process, numbers[id(queue)]
        here.send(workers[here][1].pop())
    while workers:
        for connection in wait(list(workers)):
            assert isinstance(connection, Connection)
            process, left = workers[connection]
            try:
                yield connection.recv()
            except EOFError:
                process.join()
                raise RuntimeError(f"a process of the torture ended with {process.exitcode}; see above") from None
            if left:
                connection.send(left.pop())
            else:
                connection.send(None)
                process.join()
                workers.pop(connection)


def _serve(connection: Connection, queue: list[J], work: Callable[[G, J], R], ground: Ground[G]) -> None:
    with ground() as here:
        while (number := connection.recv()) is not None:
            connection.send(work(here, queue[number]))
