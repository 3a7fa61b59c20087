"""How prompts travel, and how they are known again."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from rouser import HookError
from rouser_claude_code import prompts

LONG = "do this\n" * 20_000


@pytest.mark.parametrize(
    "text", ["fix it", "--help", "-", "  blanks\n\tand lines \n", "# heading", "a/b", "é🎉", "@file $(now)", "a\r\nb"]
)
def test_a_prompt_is_one_argument_as_it_is(make_session, text):
    assert prompts.arguments(make_session(), text) == ["--", text]


@pytest.mark.parametrize("text", ["/clear", "  /clear", "\n/clear the cache", "!rm -rf", " ! x"])
def test_what_the_client_would_run_as_a_command_stays_text(make_session, text):
    session = make_session()
    dashes, carried = prompts.arguments(session, text)
    assert dashes == "--"
    assert carried.endswith(f"\n\n{text}")
    assert carried[0].isalpha()
    assert prompts.is_sent_as(session, text, carried)


@pytest.mark.parametrize("text", [LONG, "a\0b", "red \x1b[31m", "a\rb", "\x9b31m"])
def test_what_no_argument_can_carry_goes_into_a_private_file_that_the_prompt_names(make_session, text):
    session = make_session()
    dashes, carried = prompts.arguments(session, text)
    path = Path(carried.rpartition(": ")[2])
    assert dashes == "--"
    assert not path.exists()
    prompts.keep(session, text)
    assert path.read_bytes().decode() == text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [child.name for child in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("text", ["fix it", "two\nlines", "  blanks", "$(now) #{x} ;", "é🎉", "x" * 20_000])
def test_a_message_is_typed_as_it_is(make_session, text):
    assert prompts.typed(make_session(), text) == text


@pytest.mark.parametrize("text", ["/clear", "!rm -rf"])
def test_a_typed_message_that_looks_like_a_command_stays_text(make_session, text):
    carried = prompts.typed(make_session(), text)
    assert carried[0].isalpha()
    assert carried.endswith(f"\n\n{text}")
    assert prompts.is_sent_as(make_session(), text, carried)


@pytest.mark.parametrize("text", ["a\tb", "x\x1b[201~y", "ends in a backslash\\", "a\\ \n", "a\0b", "x" * 20_001])
def test_what_typing_would_change_goes_into_a_private_file(make_session, text):
    session = make_session()
    carried = prompts.typed(session, text)
    assert Path(carried.rpartition(": ")[2]).read_bytes().decode() == text
    assert prompts.is_sent_as(session, text, carried)
    assert not prompts.is_sent_as(session, f"{text}!", carried)


def test_asking_twice_gives_the_same_arguments(make_session):
    session = make_session()
    assert prompts.arguments(session, LONG) == prompts.arguments(session, LONG)


def test_a_prompt_from_a_file_is_known_again_wherever_the_file_was(make_session, monkeypatch, tmp_path):
    session = make_session()
    carried = prompts.arguments(session, LONG)[-1]
    monkeypatch.setenv("ROUSER_HOME", str(tmp_path / "other"))
    assert prompts.is_sent_as(session, LONG, carried)
    assert not prompts.is_sent_as(session, LONG + "more", carried)


def test_a_file_that_cannot_be_written_is_an_error_that_names_it(make_session, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ROUSER_HOME", str(tmp_path / "file"))
    with pytest.raises(HookError, match=r"cannot write the prompt to .*: Not a directory"):
        prompts.keep(make_session(), LONG)


def test_the_longest_prompt_that_is_an_argument_fits_into_one(make_session):
    _, carried = prompts.arguments(make_session(), "é" * (prompts.LONGEST_ARGUMENT // 2))
    argv = [sys.executable, "-c", "import sys; print(len(sys.argv[1]))", carried]
    assert subprocess.run(argv, check=True, capture_output=True, text=True, timeout=30).stdout == "65500\n"
