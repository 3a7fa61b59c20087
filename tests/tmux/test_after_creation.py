"""What was just created is looked after without asking its server, and without waiting for nothing."""

import threading

import pytest

from rouser_tmux import processes
from rouser_tmux.client import Server
from rouser_tmux.handle import Handle
from rouser_tmux.processes import wait_until_named


@pytest.fixture
def clients(monkeypatch):
    """The commands of all clients that are run from now on."""
    seen = []
    run = Server._client
    monkeypatch.setattr(
        Server,
        "_client",
        lambda self, arguments, *rest, **how: (seen.append(arguments), run(self, arguments, *rest, **how))[1],
    )
    return seen


def test_one_that_was_just_created_is_seen_to_live_without_a_client(world, clients):
    handle = world.create()
    clients.clear()
    assert world.runtime.runtime_is_alive(handle)
    assert clients == []


def test_one_whose_pane_was_killed_is_not(world, eventually):
    handle = world.create()
    world.tmux("kill-session", "-t", "=proj-1")
    eventually(lambda: not world.runtime.runtime_is_alive(handle))


def test_one_that_gave_up_its_terminal_is_asked_for(world, clients, eventually):
    code = "import fcntl, termios, time; fcntl.ioctl(0, termios.TIOCNOTTY); print('READY', flush=True); time.sleep(999)"
    handle = world.create(["python3", "-c", f"import signal; signal.signal(1, 1); {code}"])
    eventually(lambda: "READY" in world.runtime.runtime_get_output(handle, 5))
    clients.clear()
    assert world.runtime.runtime_is_alive(handle)
    assert len(clients) == 1


def test_a_process_that_starts_a_program_is_waited_for_only_until_it_has(world, monkeypatch):
    agent = Handle.parse(world.create()).agent
    answers = iter([b"", b""])
    read = processes.command_line
    monkeypatch.setattr(processes, "command_line", lambda pid: next(answers, read(pid)))
    waiting = threading.Thread(target=wait_until_named, args=(agent, 3600), daemon=True)
    waiting.start()
    waiting.join(20)
    assert not waiting.is_alive()
