"""A message reaches its agent once and whole, and nobody else."""

import array
import fcntl
import subprocess
import termios

import pytest

from rouser import HookError
from rouser_tmux.messages import _commands, clean

PASTE, PASTED = b"\x1b[200~", b"\x1b[201~"


@pytest.mark.parametrize("size", [1, 4095, 4096, 20_000, 200_000])
@pytest.mark.parametrize("flags", [(), ("bracketed",)])
def test_messages_of_any_size_arrive_once_and_whole(world, size, flags, eventually):
    handle, out = world.typist(*flags)
    text = "".join(f"{number} ünï\n" for number in range(size))[: size - 1] + "."
    expected = (PASTE + text.encode() + PASTED if flags else text.encode()) + b"\r"
    world.runtime.runtime_send_message(handle, text)
    eventually(lambda: out.stat().st_size >= len(expected))
    assert out.read_bytes() == expected


def test_ten_megabytes_arrive(world, eventually):
    handle, out = world.typist()
    text = "0123456789abcde\n" * 625_000
    world.runtime.runtime_send_message(handle, text)
    eventually(lambda: out.stat().st_size >= len(text) + 1, 60)
    assert out.read_bytes() == text.encode() + b"\r"


@pytest.mark.parametrize(
    "text",
    ["hello;", "-x", "#{pid} #(touch pwned)", "Enter", "C-c", "  spaces  ", "\\;", "/help", "!ls", "'\"$`", "\tx\n"],
)
def test_text_is_typed_as_it_is(world, text, eventually):
    handle, out = world.typist()
    world.runtime.runtime_send_message(handle, text)
    eventually(lambda: out.read_bytes().endswith(b"\r"))
    assert out.read_bytes() == text.encode() + b"\r"


def test_messages_keep_their_order(world, eventually):
    handle, out = world.typist()
    for number in range(5):
        world.runtime.runtime_send_message(handle, f"message {number}")
    eventually(lambda: out.read_bytes().count(b"\r") == 5)
    assert out.read_bytes() == b"".join(b"message %d\r" % number for number in range(5))


def test_submitting_types_enter_and_nothing_else(world, eventually):
    handle, out = world.typist("bracketed")
    world.runtime.runtime_submit(handle)
    eventually(lambda: out.read_bytes() == b"\r")


def test_nothing_is_submitted_to_an_agent_that_has_ended(world, eventually):
    handle = world.create(["true"])
    eventually(lambda: not world.runtime.runtime_is_alive(handle))
    with pytest.raises(HookError, match="has ended"):
        world.runtime.runtime_submit(handle)


def test_line_reader_gets_its_lines(world, eventually):
    out = world.directory / "lines"
    handle = world.create(["sh", "-c", f'while read -r line; do echo "<$line>" >> {out}; done'])
    world.runtime.runtime_send_message(handle, "one\ntwo")
    eventually(lambda: out.exists() and out.read_text() == "<one>\n<two>\n")


def test_control_characters_never_reach_the_terminal(world, eventually):
    handle, out = world.typist("bracketed")
    everything = "".join(map(chr, range(0xA1)))
    world.runtime.runtime_send_message(handle, f"a\x1b[201~b\r\nc\rd{everything}")
    eventually(lambda: out.read_bytes().endswith(b"\r"))
    body = out.read_bytes().removeprefix(PASTE).removesuffix(PASTED + b"\r").decode()
    assert body.startswith("a[201~b\nc\nd")
    assert {character for character in body if not character.isprintable()} == {"\n", "\t", "\xa0"}


def test_cleaning_keeps_what_is_no_control_character():
    assert clean("tab\there\nünï ☃ \U0001f600\u2028") == "tab\there\nünï ☃ \U0001f600\u2028"


@pytest.mark.parametrize("text", ["", " ", "\n\t\n", "\x1b\x07", "\r"])
def test_blank_message_is_refused(world, text):
    with pytest.raises(HookError, match="blank"):
        world.runtime.runtime_send_message(world.create(), text)


def test_text_is_typed_even_while_somebody_scrolls(world, eventually):
    handle, out = world.typist()
    world.tmux("copy-mode", "-t", "=typist:")
    world.runtime.runtime_send_message(handle, "q")
    eventually(lambda: out.read_bytes() == b"q\r")


def test_synchronized_panes_are_spared(world, eventually):
    handle, out = world.typist()
    other = world.directory / "other"
    world.tmux("split-window", "-t", "=typist:", f"stty raw; cat > {other}")
    world.tmux("set-option", "-w", "-t", "=typist:", "synchronize-panes", "on")
    eventually(other.exists)
    world.runtime.runtime_send_message(handle, "for one only")
    eventually(lambda: out.read_bytes() == b"for one only\r")
    assert other.read_bytes() == b""


def test_renamed_session_gets_its_message_and_its_namesake_does_not(world, eventually):
    handle, out = world.typist()
    world.tmux("rename-session", "-t", "=typist", "renamed")
    world.start_foreign("typist")
    world.runtime.runtime_send_message(handle, "hello")
    eventually(lambda: out.read_bytes() == b"hello\r")
    assert "".join(world.tmux("capture-pane", "-p", "-t", "=typist:")).strip() == ""


def test_pane_without_input_is_an_error(world):
    handle, out = world.typist()
    world.tmux("select-pane", "-d", "-t", "=typist:")
    with pytest.raises(HookError, match="takes no input: enable it with"):
        world.runtime.runtime_send_message(handle, "hello")
    assert out.read_bytes() == b""


def test_ended_agent_is_an_error(world, eventually):
    handle = world.create(["true"])
    eventually(lambda: not world.runtime.runtime_is_alive(handle))
    with pytest.raises(HookError, match="has ended"):
        world.runtime.runtime_send_message(handle, "hello")
    world.runtime.runtime_destroy(handle)
    with pytest.raises(HookError, match="no tmux session proj-1"):
        world.runtime.runtime_send_message(handle, "hello")


def test_a_client_that_is_killed_while_it_hands_over_a_message_types_nothing_and_leaves_no_buffer(world, eventually):
    handle, out = world.typist()
    words = [word for command in _commands("rouser-killed", "%0") for word in (*command, ";")]
    client = subprocess.Popen(["tmux", "-S", world.socket, *words[:-1]], stdin=subprocess.PIPE, bufsize=0)
    with client:
        client.stdin.write(b"half of a mess")
        eventually(lambda: waiting_in(client.stdin) == 0)
        client.kill()
    assert world.tmux("list-buffers") == []
    world.runtime.runtime_send_message(handle, "hello")
    eventually(out.read_bytes)
    assert b"half" not in out.read_bytes()


def waiting_in(pipe):
    """Return how many bytes nobody has read yet."""
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


def test_no_paste_buffer_is_left(world, eventually):
    handle, out = world.typist()
    world.runtime.runtime_send_message(handle, "hello")
    eventually(out.read_bytes)
    assert world.tmux("list-buffers") == []
