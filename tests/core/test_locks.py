"""One holder per session: refused at once, let go however the holder ends."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support.waiting import wait_for

import rouser
from rouser import SessionBusyError, StoreError, locks
from rouser.locks import session_lock

ID = "ab12cd34-0000-4000-8000-000000000001"
HOLDER = f"""\
import pathlib, sys
sys.path.insert(0, sys.argv[2])
from rouser.locks import session_lock
with session_lock(pathlib.Path(sys.argv[1]), "{ID}", "spawn"):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_it_is_held_once_and_names_its_holder(tmp_path: Path) -> None:
    with session_lock(tmp_path, ID, "restore"):
        expected = rf"ab12cd34 is busy: process {os.getpid()} \(restore\) is working on it"
        with pytest.raises(SessionBusyError, match=expected), session_lock(tmp_path, ID, "kill"):
            pass


def test_whoever_is_told_nothing_yet_waits_for_the_name_of_the_holder(tmp_path: Path) -> None:
    path = tmp_path / f"{ID}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    writer = threading.Timer(0.05, lambda: os.write(descriptor, f"process {os.getpid()} (restore)\n".encode()))
    writer.start()
    try:
        with (
            pytest.raises(SessionBusyError, match=rf"process {os.getpid()} \(restore\)"),
            session_lock(tmp_path, ID, "kill"),
        ):
            pass
    finally:
        writer.join()
        os.close(descriptor)


def test_whoever_finds_a_holder_that_is_about_to_go_takes_the_lock(tmp_path: Path) -> None:
    path = tmp_path / f"{ID}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    threading.Timer(0.05, lambda: (path.unlink(), os.close(descriptor))).start()
    with session_lock(tmp_path, ID, "kill"):
        pass


@pytest.mark.parametrize("session_id", ["", "..", "../x", "/tmp/x", "a/b", "a\0b", "a\ud800", "-x", "a\n"])
def test_an_id_that_could_name_another_file_is_refused(tmp_path: Path, session_id: str) -> None:
    with pytest.raises(StoreError, match="no id of a session"), session_lock(tmp_path / "locks", session_id, "kill"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_other_sessions_have_locks_of_their_own(tmp_path: Path) -> None:
    with session_lock(tmp_path, ID, "restore"), session_lock(tmp_path, ID[:-1] + "2", "restore"):
        pass


def test_it_can_be_taken_again_and_no_file_is_left_behind(tmp_path: Path) -> None:
    for _ in range(3):
        with session_lock(tmp_path, ID, "restore"):
            pass
    assert list(tmp_path.iterdir()) == []


def test_it_is_let_go_when_the_work_fails(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), session_lock(tmp_path, ID, "restore"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    with session_lock(tmp_path, ID, "restore"):
        pass


def test_it_is_let_go_when_its_process_is_killed(tmp_path: Path) -> None:
    source = str(Path(rouser.__file__).parents[1])
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path), source], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        try:
            assert holder.stdout.readline() == b"held\n"
            expected = rf"process {holder.pid} \(spawn\)"
            with pytest.raises(SessionBusyError, match=expected), session_lock(tmp_path, ID, "restore"):
                pass
        finally:
            holder.send_signal(signal.SIGKILL)
            holder.wait()
    with session_lock(tmp_path, ID, "restore"):
        pass


def test_it_is_never_held_twice_however_many_try(tmp_path: Path) -> None:
    holding, refused, done = [0], [0], [0]
    guard = threading.Lock()
    together = threading.Barrier(8)

    def contend() -> None:
        together.wait(30)
        for _ in range(20):
            try:
                with session_lock(tmp_path, ID, "test"):
                    with guard:
                        holding[0] += 1
                        assert holding[0] == 1
                    with guard:
                        holding[0] -= 1
                        done[0] += 1
            except SessionBusyError:
                with guard:
                    refused[0] += 1

    threads = [threading.Thread(target=contend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert done[0] + refused[0] == 8 * 20
    assert done[0] > 0
    assert list(tmp_path.iterdir()) == []


def test_a_lock_on_a_file_that_its_last_holder_has_just_removed_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = locks._open
    opened: list[Path] = []

    def open_and_lose(path: Path) -> int:
        descriptor = real(path)
        if not opened:
            path.unlink()
        opened.append(path)
        return descriptor

    monkeypatch.setattr(locks, "_open", open_and_lose)
    busy = pytest.raises(SessionBusyError)
    with session_lock(tmp_path, ID, "restore"), busy, session_lock(tmp_path, ID, "kill"):
        pass
    assert len(opened) == 3


def test_a_full_disk_costs_the_name_of_the_holder_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        busy = pytest.raises(SessionBusyError, match="another process")
        with session_lock(tmp_path, ID, "restore"), busy, session_lock(tmp_path, ID, "kill"):
            pass
    assert list(tmp_path.iterdir()) == []


def test_a_new_lock_file_is_not_truncated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ext4 writes a file that was truncated to the disk when it is closed, ten times what a claim takes otherwise."""
    monkeypatch.delattr(os, "ftruncate")
    with session_lock(tmp_path, ID, "restore"):
        assert (tmp_path / f"{ID}.lock").read_text().endswith("(restore)\n")


def test_the_words_of_a_holder_that_was_killed_are_gone(tmp_path: Path) -> None:
    (tmp_path / f"{ID}.lock").write_text(f"process 1 {'x' * 100}\n")
    with session_lock(tmp_path, ID, "kill"):
        assert (tmp_path / f"{ID}.lock").read_text() == f"process {os.getpid()} (kill)\n"


def test_a_link_in_place_of_the_lock_file_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("mine")
    (tmp_path / f"{ID}.lock").symlink_to(target)
    with pytest.raises(StoreError, match="cannot lock"), session_lock(tmp_path, ID, "restore"):
        pass
    assert target.read_text() == "mine"


def test_a_lock_file_that_vanishes_while_it_is_held_does_no_harm(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with session_lock(tmp_path, ID, "restore"):
        (tmp_path / f"{ID}.lock").unlink()
    wait_for(lambda: len(list(Path("/proc/self/fd").iterdir())) == before, "the descriptor is closed", 5)


def test_what_killed_processes_left_is_removed_by_whoever_comes_next(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / "named.lock").write_text(f"process {gone.pid} (spawn)\n")
    (tmp_path / "unnamed.lock").touch()
    with session_lock(tmp_path, ID, "restore"):
        assert [path.name for path in tmp_path.iterdir()] == [f"{ID}.lock"]


def test_the_locks_of_those_who_live_are_left_alone(tmp_path: Path) -> None:
    other = ID[:-1] + "2"
    with session_lock(tmp_path, other, "spawn"):
        with session_lock(tmp_path, ID, "restore"):
            pass
        with pytest.raises(SessionBusyError), session_lock(tmp_path, other, "kill"):
            pass


def test_who_only_sweeps_keeps_nobody_out(tmp_path: Path) -> None:
    """A sweeper holds the lock for an instant, and has no name in it."""
    file = tmp_path / f"{ID}.lock"
    file.touch()
    with file.open() as sweeper:
        fcntl.flock(sweeper, fcntl.LOCK_EX)
        end = threading.Timer(0.02, lambda: fcntl.flock(sweeper, fcntl.LOCK_UN))
        end.start()
        with session_lock(tmp_path, ID, "restore"):
            pass
        end.join()
