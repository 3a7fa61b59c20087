"""Two restores of one session at a time: one does the work, the others are told who does."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support.stage import Stage

import rouser
from rouser import RestoreOutcome, SessionBusyError

ID = "ab12cd34-0000-4000-8000-000000000001"
CHILD = f"""\
import pathlib, sys
sys.path[:0] = sys.argv[2:]
from support.stage import Stage
stage = Stage(pathlib.Path(sys.argv[1]))
stage.add(id="{ID}")
def pause():
    print("creating", flush=True)
    sys.stdin.readline()
stage.journal.after["runtime_create"] = pause
stage.restore("{ID}")
stage.close()
"""


def test_of_many_threads_one_restores_and_the_others_are_told_that_it_is_busy(stage: Stage) -> None:
    session = stage.add()
    creating, go_on = threading.Event(), threading.Event()
    stage.journal.before["runtime_create"] = lambda: (creating.set(), go_on.wait(30))
    results: list[RestoreOutcome | SessionBusyError] = []

    def restore() -> None:
        try:
            results.append(stage.restore(session.id))
        except SessionBusyError as error:
            results.append(error)

    winner = threading.Thread(target=restore)
    winner.start()
    assert creating.wait(30)
    losers = [threading.Thread(target=restore) for _ in range(4)]
    for thread in losers:
        thread.start()
    for thread in losers:
        thread.join(30)
    assert [type(result) for result in results] == [SessionBusyError] * 4
    assert f"process {os.getpid()} (restore)" in str(results[0])
    go_on.set()
    winner.join(30)
    assert isinstance(results[-1], RestoreOutcome)
    assert len(stage.runtime.created) == len(stage.runtime.live) == 1


def test_many_threads_at_once_make_one_runtime(stage: Stage) -> None:
    session = stage.add()
    together = threading.Barrier(6)
    results: list[BaseException | RestoreOutcome] = []

    def restore() -> None:
        together.wait(30)
        try:
            results.append(stage.restore(session.id))
        except rouser.RouserError as error:
            results.append(error)

    threads = [threading.Thread(target=restore) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    refusals = (SessionBusyError, rouser.SessionNotRestorableError)
    assert sum(isinstance(result, RestoreOutcome) for result in results) == 1
    assert sum(isinstance(result, refusals) for result in results) == 5
    assert len(stage.runtime.created) == 1
    assert stage.journal.of("runtime_send_message") == ["please: fix the test"]


def test_another_process_that_restores_is_named_and_waited_for_by_nobody(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    paths = [str(Path(rouser.__file__).parents[1]), str(Path(__file__).parents[1])]
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path), *paths], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stdout is not None
            assert child.stdin is not None
            assert child.stdout.readline() == "creating\n"
            stage = Stage(tmp_path)
            with pytest.raises(SessionBusyError, match=rf"process {child.pid} \(restore\)"):
                stage.restore(ID)
            assert stage.journal.calls == []
            child.stdin.write("\n")
            child.stdin.flush()
            assert child.wait(30) == 0
            assert stage.store.get(ID).runtime_handle == "handle-1"
            stage.close()
        finally:
            child.kill()
