"""The terminal client, in a terminal of the test's own."""

import os
import pty
import select
import signal
import subprocess
import termios
import time

import pytest
from support.programs import python

from rouser_process.handle import Handle

# Not a shell with a trap: bash loses a signal that comes while its trap for the one before still runs.
ECHO = """
import os, signal
def tell(*_):
    size = os.get_terminal_size(0)
    os.write(1, b"SIZE %d %d\\n" % (size.lines, size.columns))
signal.signal(signal.SIGWINCH, tell)
os.write(1, b"HELLO\\n")
while line := os.read(0, 4096):
    os.write(1, b"<%s>\\n" % line.rstrip())
"""


class Seat:
    """A terminal with the client running in it, as people have it."""

    def __init__(self, argv, rows=30, columns=90, env=None):
        self.master, self.slave = pty.openpty()
        termios.tcsetwinsize(self.master, (rows, columns))
        self.before = termios.tcgetattr(self.slave)
        self.seen = b""
        self.client = subprocess.Popen(
            argv, stdin=self.slave, stdout=self.slave, stderr=self.slave, start_new_session=True, env=env
        )

    def read(self):
        while select.select([self.master], [], [], 0)[0]:
            self.seen += os.read(self.master, 65536)
        return self.seen

    def wait_for(self, text, seconds=15):
        give_up = time.monotonic() + seconds
        while text.encode() not in self.read():
            assert time.monotonic() < give_up, f"not seen: {text}; but: {self.seen[-500:]!r}"
            select.select([self.master], [], [], 0.05)

    def type(self, keys):
        os.write(self.master, keys)

    def is_raw(self):
        return not termios.tcgetattr(self.slave)[3] & termios.ICANON

    def end(self):
        """Wait for the client's end, and return its exit code; the terminal must be as it was before."""
        give_up = time.monotonic() + 15
        while self.client.poll() is None:
            self.read()
            assert time.monotonic() < give_up, "the client does not end"
            select.select([self.master], [], [], 0.02)
        self.read()
        assert termios.tcgetattr(self.slave) == self.before
        return self.client.returncode

    def close(self):
        if self.client.poll() is None:
            self.client.kill()
        self.client.wait()
        os.close(self.slave)
        os.close(self.master)


@pytest.fixture
def sit(world):
    seats = []

    def attach(handle, **options):
        seats.append(Seat(world.runtime.runtime_attach_command(handle), **options))
        return seats[-1]

    yield attach
    for seat in seats:
        seat.close()


@pytest.fixture
def echo(world):
    """An agent that answers each line, and says when its terminal gets another size."""
    handle = world.create(python(ECHO), "echo")
    world.wait_for(handle, "HELLO")
    return handle


def test_people_see_what_was_shown_before_and_what_they_type(echo, sit):
    seat = sit(echo)
    seat.wait_for("HELLO")
    seat.type(b"hi\r")
    seat.wait_for("<hi>")
    assert seat.is_raw()


def test_several_are_attached_at_a_time_and_see_the_same(echo, sit):
    one, other = sit(echo), sit(echo)
    one.wait_for("HELLO")
    other.wait_for("HELLO")
    one.type(b"from one\r")
    other.wait_for("<from one>")
    other.type(b"from other\r")
    one.wait_for("<from other>")


@pytest.mark.parametrize("key", [b"\x1c", b"\x1b[92;5u", b"\x1b[27;5;92~"])
def test_the_detach_key_detaches_and_the_agent_runs_on(world, echo, sit, key):
    seat = sit(echo)
    seat.wait_for("HELLO")
    seat.type(key)
    assert seat.end() == 0
    assert b"[detached]" in seat.seen
    assert world.runtime.runtime_is_alive(echo)


def test_the_agents_terminal_has_the_size_of_the_clients_and_follows_it(world, echo, sit):
    seat = sit(echo, rows=31, columns=77)
    seat.wait_for("HELLO")
    seat.wait_for("SIZE 31 77")
    termios.tcsetwinsize(seat.master, (32, 78))
    os.kill(seat.client.pid, signal.SIGWINCH)
    seat.wait_for("SIZE 32 78")


def test_who_attaches_with_the_same_size_makes_the_agent_draw_itself_anew(world, echo, sit):
    seat = sit(echo, rows=40, columns=120)
    seat.wait_for("HELLO")
    seat.wait_for("SIZE 40 120")


def test_the_end_of_the_agent_is_told_and_ends_the_client(world, sit):
    handle = world.create(["sh", "-c", "echo READY; read -r line; echo last words; exit 3"])
    seat = sit(handle)
    seat.wait_for("READY")
    seat.type(b"\r")
    assert seat.end() == 0
    assert b"last words" in seat.seen
    assert b"[the agent ended with exit status 3]" in seat.seen


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_client_that_is_told_to_end_puts_the_terminal_right(world, echo, sit, eventually, number):
    seat = sit(echo)
    seat.wait_for("HELLO")
    eventually(seat.is_raw)
    seat.client.send_signal(number)
    seat.end()
    assert b"\x1b[?1049l" in seat.seen
    assert world.runtime.runtime_is_alive(echo)


def test_a_client_whose_supervisor_is_killed_puts_the_terminal_right(world, echo, sit, eventually):
    seat = sit(echo)
    seat.wait_for("HELLO")
    eventually(seat.is_raw)
    world.signal(Handle.parse(echo).supervisor.pid, signal.SIGKILL)
    seat.end()


def test_a_client_that_does_not_read_holds_nobody_up(world, sit, eventually):
    handle = world.create(["sh", "-c", "echo READY; read -r line; seq 1 2000000; echo DONE; cat"])
    seat = sit(handle)
    seat.wait_for("READY")
    seat.client.send_signal(signal.SIGSTOP)
    world.runtime.runtime_send_message(handle, "go")
    eventually(lambda: world.runtime.runtime_get_output(handle, 1) == "DONE", 60)
    seat.client.send_signal(signal.SIGCONT)


def test_keys_arrive_as_they_are(world, sit, eventually):
    handle, out = world.typist()
    seat = sit(handle)
    seat.wait_for("READY")
    keys = b"\x03\x04\x1a\x1b[A\x7f\xc3\xa4\x00\r"
    eventually(seat.is_raw)
    seat.type(keys)
    eventually(lambda: out.read_bytes() == keys)


def test_without_a_terminal_it_is_an_error(world, echo):
    done = subprocess.run(
        world.runtime.runtime_attach_command(echo),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "must be a terminal" in done.stderr


def test_to_what_has_ended_it_is_an_error(world, sit, eventually):
    handle = world.create(["true"])
    eventually(
        lambda: not (Handle.parse(handle).place / "socket").exists() or not world.runtime.runtime_is_alive(handle)
    )
    seat = sit(handle)
    assert seat.end() == 1
    assert b"has the agent ended?" in seat.seen


def test_a_terminal_does_not_show_itself(world, echo, sit):
    seat = sit(echo, env=os.environ | {"ROUSER_TERMINAL": Handle.parse(echo).token})
    assert seat.end() == 1
    assert b"cannot show itself" in seat.seen


@pytest.mark.parametrize("arguments", [[], ["attach"], ["detach", "x"], ["attach", "x", "y"]])
def test_wrong_usage_is_told(world, echo, arguments):
    argv = world.runtime.runtime_attach_command(echo)
    argv = [*argv[: argv.index("attach")], *arguments]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert "usage" in done.stderr
