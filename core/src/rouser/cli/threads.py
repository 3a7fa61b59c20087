"""Doing one thing for many, several at a time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def in_threads(texts: Sequence[str], action: Callable[[str], T], jobs: int) -> Iterator[tuple[str, Callable[[], T]]]:
    """Yield each text, in the order given, with what returns the action's result or raises its error.

    The threads are daemons: an action that hangs cannot keep the process from ending, and Ctrl-C ends the waiting
    at once.

    :param jobs: for how many at a time the action is done, at least 1.
    """
    waiting: queue.SimpleQueue[tuple[str, queue.SimpleQueue[Callable[[], T]]]] = queue.SimpleQueue()
    results = [(text, queue.SimpleQueue[Callable[[], T]]()) for text in texts]
    for item in results:
        waiting.put(item)

    def work() -> None:
        while True:
            try:
                text, result = waiting.get_nowait()
            except queue.Empty:
                return
            result.put(_outcome(action, text))

    for _ in range(min(jobs, len(texts))):
        threading.Thread(target=work, daemon=True, name="rouser-batch").start()
    for text, result in results:
        yield text, result.get()


def _outcome(action: Callable[[str], T], text: str) -> Callable[[], T]:
    try:
        value = action(text)
    except BaseException as error:  # a defect of ours must not vanish with its thread
        caught = error

        def again() -> T:
            raise caught

        return again
    return lambda: value
