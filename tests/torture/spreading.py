"""Spreads cases over processes, each with a lab of its own."""

from __future__ import annotations

import multiprocessing
import os
import traceback
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import TypeVar

from torture.lab import Lab
from torture.tally import Tally

Finding = tuple[str, str | None]
"""A promise that was put to the test, and how it was broken, if it was."""

RAN = "Every case runs to its end"

J = TypeVar("J")
R = TypeVar("R")

_context = multiprocessing.get_context("fork")


def count(tally: Tally, jobs: Iterable[J], work: Callable[[Lab, J], Iterable[Finding]]) -> None:
    """Call ``work`` with a lab and each of ``jobs``, and count what it finds; what it raises is a violation."""

    def find(lab: Lab, job: J) -> list[Finding]:
        try:
            return [*work(lab, job)]
        except Exception:
            return [(RAN, f"{job}: {traceback.format_exc()}")]

    for findings in spread(jobs, find):
        for promise, violation in findings:
            tally.case(promise, violation)


def spread(jobs: Iterable[J], work: Callable[[Lab, J], R]) -> Iterator[R]:
    """Yield what ``work`` returns for a lab and each of ``jobs``, as they come, one process for each processor."""
    waiting = list(jobs)[::-1]
    workers: dict[Connection, ForkProcess] = {}
    for _ in range(min(os.cpu_count() or 1, len(waiting))):
        here, there = _context.Pipe()
        process = _context.Process(target=_serve, args=(there, work))
        process.start()
        there.close()
        workers[here] = process
        here.send(waiting.pop())
    while workers:
        for connection in wait(list(workers)):
            assert isinstance(connection, Connection)
            yield connection.recv()
            if waiting:
                connection.send(waiting.pop())
            else:
                connection.send(None)
                workers.pop(connection).join()


def _serve(connection: Connection, work: Callable[[Lab, J], R]) -> None:
    with Lab() as lab:
        while (job := connection.recv()) is not None:
            connection.send(work(lab, job))
