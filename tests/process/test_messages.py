"""Messages arrive once, whole and in order, in the terminal that they are meant for."""

import signal
import threading
import time

import pytest

from rouser import HookError
from rouser_process.handle import Handle
from rouser_process.messages import clean


def typed(eventually, out, length):
    eventually(lambda: out.stat().st_size >= length, 30)
    return out.read_bytes()


@pytest.mark.parametrize(
    "message",
    [
        "x",
        "one line",
        "two\nlines",
        "a\tb",
        "-x",
        "ends;",
        "#{pid} #(id)",
        "'\"$HOME`",
        "ünï日本🎉",
        "  blanks  ",
        "\n\na\n\n",
    ],
)
def test_a_message_is_typed_as_it_is_and_submitted(world, eventually, message):
    handle, out = world.typist()
    world.runtime.runtime_send_message(handle, message)
    wanted = message.encode() + b"\r"
    assert typed(eventually, out, len(wanted)) == wanted


@pytest.mark.parametrize("size", [1, 4095, 4096, 4097, 65_536, 1_000_000, 10_000_000])
def test_a_message_of_any_size_arrives_once_and_whole(world, eventually, size):
    handle, out = world.typist()
    message = ("".join(f"{n:09d}\n" for n in range(size // 10 + 1)))[:size].replace("\n", " ") if size > 1 else "x"
    world.runtime.runtime_send_message(handle, message)
    assert typed(eventually, out, size + 1) == message.encode() + b"\r"


def test_a_program_that_asked_for_it_is_told_what_is_pasted(world, eventually):
    handle, out = world.typist("bracketed")
    world.runtime.runtime_send_message(handle, "two\nlines")
    wanted = b"\x1b[200~two\nlines\x1b[201~\r"
    assert typed(eventually, out, len(wanted)) == wanted


def test_control_characters_do_not_reach_the_terminal(world, eventually):
    handle, out = world.typist("bracketed")
    world.runtime.runtime_send_message(handle, "a\x1b[201~\x03\x04\x1a\x7f\x9b31m\x00b\r\nc")
    wanted = b"\x1b[200~a[201~31mb\nc\x1b[201~\r"
    assert typed(eventually, out, len(wanted)) == wanted


def test_a_message_is_cleaned_of_all_but_newline_and_tab():
    every = "".join(map(chr, range(0xA0)))
    assert clean(every) == "\t\n\n" + "".join(map(chr, range(0x20, 0x7F)))


def test_a_line_reaches_a_program_that_reads_lines(world):
    handle = world.create(["sh", "-c", 'while read -r line; do echo "got <$line>"; done'])
    world.runtime.runtime_send_message(handle, "a line")
    world.wait_for(handle, "got <a line>")


def test_messages_that_are_sent_at_once_do_not_mix(world, eventually):
    handle, out = world.typist()
    messages = [letter * 200_000 for letter in "abcdefgh"]
    senders = [threading.Thread(target=world.runtime.runtime_send_message, args=(handle, text)) for text in messages]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(30)
    everything = typed(eventually, out, sum(len(text) + 1 for text in messages)).decode()
    assert sorted(everything.split("\r")) == ["", *messages]


def test_a_message_goes_to_no_other_runtime(world, eventually):
    handle, out = world.typist(name="proj-1")
    _, other = world.typist(name="proj-10")
    world.runtime.runtime_send_message(handle, "hello")
    typed(eventually, out, 6)
    assert other.read_bytes() == b""


@pytest.mark.parametrize("blank", ["", " \n\t", "\x1b\x03"])
def test_a_blank_message_is_refused(world, refused, blank):
    handle, _ = world.typist()
    assert "blank" in refused(world.runtime.runtime_send_message, handle, blank)


def test_a_dead_agent_gets_no_message(world, refused, eventually):
    handle = world.create(["true"])
    eventually(lambda: not world.runtime.runtime_is_alive(handle))
    assert "restore it first" in refused(world.runtime.runtime_send_message, handle, "hello")


def test_a_message_that_the_agent_does_not_read_is_an_error_and_is_not_typed_later(
    world, refused, eventually, monkeypatch
):
    monkeypatch.setattr("rouser_process.client.time_left", lambda: 0.7)
    handle, out = world.typist("bracketed")
    agent = Handle.parse(handle).agent.pid
    world.signal(agent, signal.SIGSTOP)
    assert "did not answer" in refused(world.runtime.runtime_send_message, handle, "y" * 1_000_000)
    world.signal(agent, signal.SIGCONT)
    monkeypatch.undo()
    world.runtime.runtime_send_message(handle, "next")
    everything = eventually(lambda: (data := out.read_bytes()).endswith(b"next\x1b[201~\r") and data)
    assert everything.count(b"\r") == 1
    assert len(everything) < 1_000_000
    assert everything.replace(b"y", b"") == b"\x1b[200~\x1b[201~\x1b[200~next\x1b[201~\r"


def test_a_stopped_supervisor_is_an_error_in_time(world, monkeypatch):
    monkeypatch.setattr("rouser_process.client.time_left", lambda: 0.3)
    handle, _ = world.typist()
    world.signal(Handle.parse(handle).supervisor.pid, signal.SIGSTOP)
    before = time.monotonic()
    with pytest.raises(HookError, match="did not answer"):
        world.runtime.runtime_send_message(handle, "x" * 1_000_000)
    assert time.monotonic() - before < 20
