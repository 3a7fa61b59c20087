"""Restoring many sessions: several at a time, none stopped by another's failure."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, NamedTuple

from rouser.config import Config
from rouser.deadline import slices
from rouser.errors import InternalError, InterruptedRestoreError, RouserError
from rouser.host import Host
from rouser.liveness import SessionView, died_unasked, is_over
from rouser.models import RestoreOutcome
from rouser.restore import Known, plan_restore, restore_session
from rouser.store import Store

STOP_SECONDS: Final = 2.0


class Result(NamedTuple):
    """What became of one of many restores.

    :ivar text: the id, name or prefix that was asked for.
    :ivar outcome: what was done. None: it failed.
    :ivar error: why it failed. None: it did not.
    """

    text: str
    outcome: RestoreOutcome | None = None
    error: RouserError | None = None


class Target(NamedTuple):
    """One session to restore, and what is already known of it."""

    text: str
    known: Known | None = None


def died(views: Sequence[SessionView]) -> list[Target]:
    """Return the sessions that ended without being asked to or were left half started, and what is known of them."""
    return [
        Target(text=seen.recorded.id, known=_known(seen)) for seen in views if died_unasked(seen) or seen.liveness.stray
    ]


def _known(seen: SessionView) -> Known | None:
    """Return what was found, unless nobody was asked: a record that says it is over is no proof of that."""
    return None if is_over(seen.recorded) else Known(session=seen.recorded, liveness=seen.liveness)


class RestoreMany:
    """Restores of several sessions, at most ``config.jobs`` at a time, in a thread of their own.

    It is a daemon: a restore that hangs cannot keep the process from ending.

    :param targets: what to restore.
    :param dry_run: only plan them.
    :param force: treat runtimes of which it is unknown whether they live as dead.
    :param with_snapshot: whether workspaces that have to be recreated get the work of their latest snapshots.
    """

    def __init__(
        self,
        host: Host,
        store: Store,
        config: Config,
        targets: Sequence[Target],
        *,
        dry_run: bool = False,
        force: bool = False,
        with_snapshot: bool = True,
    ) -> None:
        self._host: Final = host
        self._store: Final = store
        self._config: Final = config
        self._waiting: Final = deque(targets)
        self._dry_run: Final = dry_run
        self._force: Final = force
        self._with_snapshot: Final = with_snapshot
        self._finished: Final[deque[Result | BaseException]] = deque()
        self._bell: Final = threading.Lock()  # let go of when there is one
        self._bell.acquire()
        self._guard: Final = threading.Lock()
        self._changing: Final[dict[str, None]] = {}
        self._under_way: Final[dict[str, float]] = {}
        self._reported = 0
        self._stopped = False

    def run(self) -> Iterator[Result]:
        """Yield each result as it comes in, in the order in which they finish."""
        total = len(self._waiting)
        threading.Thread(target=self._work, args=(total,), daemon=True, name="rouser-restore").start()
        while self._reported < total:
            yield self._next()

    def stop(self, seconds: float = STOP_SECONDS) -> Iterator[Result]:
        """Begin no more restores, and yield the results of those that are changing something, for a while.

        Those that were still looking are not waited for: they have changed nothing, and end with the process.

        :param seconds: how long to wait at most; what is under way then is in :attr:`unfinished`.
        """
        with self._guard:
            self._stopped = True
            self._waiting.clear()
        give_up = time.monotonic() + seconds
        while self.unfinished or self._finished:
            try:
                yield self._next(max(0.0, give_up - time.monotonic()))
            except TimeoutError:
                return

    @property
    def unfinished(self) -> list[str]:
        """The restores that are changing something now, as they were asked for."""
        with self._guard:
            return list(self._changing)

    @property
    def under_way(self) -> dict[str, float]:
        """The restores that have begun and not ended, as they were asked for, and when by ``time.monotonic``."""
        with self._guard:
            return dict(self._under_way)

    @property
    def reported(self) -> int:
        """How many results there were so far."""
        return self._reported

    def _next(self, seconds: float | None = None) -> Result:
        result = self._wait(seconds)
        self._reported += 1
        if isinstance(result, BaseException):
            raise result
        with self._guard:
            self._changing.pop(result.text, None)
        return result

    def _wait(self, seconds: float | None) -> Result | BaseException:
        for part in slices(seconds):
            while not self._finished and self._bell.acquire(timeout=part):
                pass  # it may have been let go of for one that was taken without
            if self._finished:
                return self._finished.popleft()
        raise TimeoutError

    def _finish(self, result: Result | BaseException) -> None:
        self._finished.append(result)
        with suppress(RuntimeError):  # it was let go of for another, who is still there
            self._bell.release()

    def _change(self, text: str) -> None:
        with self._guard:
            if self._stopped:
                raise InterruptedRestoreError(f"{text[:8]}: interrupted; nothing was changed")
            self._changing[text] = None

    def _take(self) -> Target | None:
        with self._guard:
            if not self._waiting:
                return None
            target = self._waiting.popleft()
            self._under_way[target.text] = time.monotonic()
            return target

    def _work(self, total: int) -> None:
        try:
            if min(total, self._config.jobs) > 1:
                from rouser.tasks import Tasks  # 3 ms, which one at a time need not pay

                Tasks(self._config.jobs).run(self._works())
            else:
                for work in self._works():
                    work()
        except BaseException as error:  # a defect of ours must not vanish with its thread
            self._finish(error)

    def _works(self) -> Iterator[Callable[[], None]]:
        while (target := self._take()) is not None:
            yield partial(self._restore, target)

    def _restore(self, target: Target) -> None:
        try:
            result = self._one(target)
            if not isinstance(result.error, InterruptedRestoreError):  # nobody waits for what has changed nothing
                self._finish(result)
        except BaseException as error:  # as above
            self._finish(error)
        finally:
            with self._guard:
                del self._under_way[target.text]

    def _one(self, target: Target) -> Result:
        try:
            outcome = self._outcome(target)
        except RouserError as error:
            return Result(text=target.text, error=error)
        except Exception as error:
            return Result(text=target.text, error=InternalError.of(error))
        return Result(text=target.text, outcome=outcome)

    def _outcome(self, target: Target) -> RestoreOutcome:
        text, force, snapshot, known = target.text, self._force, self._with_snapshot, target.known
        basis = (self._host, self._store, text, self._config)
        if self._dry_run:
            return plan_restore(*basis, force=force, with_snapshot=snapshot, known=known)
        return restore_session(
            *basis, force=force, with_snapshot=snapshot, known=known, changing=lambda: self._change(text)
        )
