"""What an agent printed can be read, while it runs and afterwards, as a terminal would show it."""

import os
import signal
import threading

import pytest

from rouser_process.handle import Handle
from rouser_process.rendering import render


def test_the_last_lines_are_returned(world, eventually):
    handle = world.create(["sh", "-c", "seq 1 500; cat"])
    eventually(lambda: world.runtime.runtime_get_output(handle, 3) == "498\n499\n500")
    assert world.runtime.runtime_get_output(handle, 500).splitlines() == [str(n) for n in range(1, 501)]


def test_output_is_whole_though_the_agent_ends_at_once(world, eventually):
    handle = world.create(["sh", "-c", "seq 1 2000; printf 'the end'"])
    eventually(lambda: not world.runtime.runtime_is_alive(handle))
    assert world.runtime.runtime_get_output(handle, 2001).splitlines() == [*map(str, range(1, 2001)), "the end"]


def test_the_last_words_are_waited_for(world, eventually):
    """An agent is over at once, but what it printed then is still on its way through its terminal."""
    go_on = world.directory / "go-on"
    handle = world.create(["sh", "-c", f"while [ ! -e {go_on} ]; do sleep 0.01; done; echo last words"])
    agent, supervisor = Handle.parse(handle).agent, Handle.parse(handle).supervisor
    world.signal(supervisor.pid, signal.SIGSTOP)
    go_on.touch()
    eventually(lambda: not agent.runs())
    later = threading.Timer(0.2, os.kill, (supervisor.pid, signal.SIGCONT))
    later.start()
    assert world.runtime.runtime_get_output(handle, 5) == "last words"
    later.join()


def test_output_survives_the_supervisor_being_killed(world, eventually, runs):
    handle = world.create(["sh", "-c", "echo precious; cat"])
    world.wait_for(handle, "precious")
    world.signal(Handle.parse(handle).supervisor.pid, signal.SIGKILL)
    eventually(lambda: not runs(Handle.parse(handle).supervisor.pid))
    assert world.runtime.runtime_get_output(handle, 10) == "precious"


def test_output_can_be_read_from_a_stopped_supervisor(world):
    handle = world.create(["sh", "-c", "echo here; cat"])
    world.wait_for(handle, "here")
    world.signal(Handle.parse(handle).supervisor.pid, signal.SIGSTOP)
    assert world.runtime.runtime_get_output(handle, 10) == "here"


def test_what_is_kept_has_a_bound_and_the_last_of_it_is_there(world, eventually):
    handle = world.create(["sh", "-c", "seq 1 1000000; cat"])
    eventually(lambda: world.runtime.runtime_get_output(handle, 1) == "1000000", 60)
    kept = sum(file.stat().st_size for file in Handle.parse(handle).place.glob("output*"))
    assert kept < 3 * 1024 * 1024
    lines = world.runtime.runtime_get_output(handle, 100_000).splitlines()
    assert lines == [str(n) for n in range(1_000_001 - len(lines), 1_000_001)]
    assert len(lines) > 10_000


def test_output_of_what_is_gone_is_an_error(world, refused):
    handle = world.create()
    world.runtime.runtime_destroy(handle)
    assert "is gone" in refused(world.runtime.runtime_get_output, handle, 10)


def test_how_the_agent_ended_is_kept(world, eventually):
    handle = Handle.parse(world.create(["sh", "-c", "exit 7"]))
    ended = eventually(lambda: (handle.place / "ended.json").exists() and (handle.place / "ended.json").read_text())
    assert '"status": 7' in ended


def shown(printed, rows=5, columns=20, count=50):
    return render(printed, rows=rows, columns=columns, count=count)


@pytest.mark.parametrize(
    ("printed", "lines"),
    [
        ("", []),
        ("a\r\nb\r\n\r\n", ["a", "b"]),
        ("50%\r100%\r\n", ["100%"]),
        ("abc\b\bX", ["aXc"]),
        ("a\tb", ["a       b"]),
        ("\x1b[1;31mred\x1b[0m \x1b[38;5;208mplain\x1b[m", ["red plain"]),
        ("\x1b]0;a title\x07x\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", ["xlink"]),
        ("\x1bPq#0\x1b\\x", ["x"]),
        ("\x1b[?2004h\x1b[>1u\x1b[?25lx", ["x"]),
        ("one\r\ntwo\x1b[1A\x1b[2Kthree", ["   three", "two"]),
        ("one\r\ntwo\r\n\x1b[2A\x1b[J1", ["1"]),
        ("x\x1b[3;5Hy\x1b[Hz", ["z", "", "    y"]),
        ("abcdef\x1b[3G\x1b[K", ["ab"]),
        ("abcdef\x1b[3G\x1b[1K", ["   def"]),
        ("abcdef\x1b[3G\x1b[2P", ["abef"]),
        ("abcdef\x1b[3G\x1b[2@", ["ab  cdef"]),
        ("abcdef\x1b[3G\x1b[2X", ["ab  ef"]),
        ("a\r\nb\r\nc\x1b[2H\x1b[L", ["a", "", "b", "c"]),
        ("a\r\nb\r\nc\x1b[2H\x1b[M", ["a", "c"]),
        ("a\x1b7bc\x1b8X", ["aXc"]),
        ("a\r\nb\x1b[H\x1bMtop", ["top", "a", "b"]),
        ("x" * 25, ["x" * 20, "x" * 5]),
        ("x" * 20 + "\r\ny", ["x" * 20, "y"]),
        ("日本語", ["日本語"]),
        ("日本語\x1b[3G!", ["日! 語"]),
        ("e\u0301a", ["e\u0301a"]),
        ("usual\x1b[?1049heditor\x1b[?1049l again", ["usual again"]),
        ("usual\r\n\x1b[?1049heditor", ["usual", "", "", "", "", "", "editor"]),
        ("\x1b[2;3r\x1b[3Ha\r\nb\r\nc", ["", "b", "c"]),
        ("\x1b[99999999999Bx\x1b[9999999Cy", ["", "", "", "", "x                  y"]),
        ("cut off \x1b[3", ["cut off"]),
        ("bad \ufffd byte", ["bad \ufffd byte"]),
    ],
)
def test_a_program_is_shown_as_on_a_terminal(printed, lines):
    assert shown(printed) == lines


def test_lines_that_left_the_screen_are_kept_as_many_as_are_wanted():
    printed = "".join(f"{n}\r\n" for n in range(100))
    assert shown(printed, count=7) == [str(n) for n in range(93, 100)]


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1)])
def test_no_sequence_is_too_much_for_the_smallest_screen(size):
    import random

    source = random.Random(4)
    pieces = ["日", "a", "\n", "\r", "\t", "\b", "\x1bM", "\x1b7", "\x1b8", "\u0301", "\x1b[?1049h", "\x1b[?1049l"]
    pieces += [f"\x1b[{n}{final}" for n in ("", "0", "1", "2", "3;4", "999") for final in "ABCDEFGHJKLMPSTX@dfrsu`"]
    for _ in range(200):
        render("".join(source.choices(pieces, k=60)), rows=size[0], columns=size[1], count=5)
