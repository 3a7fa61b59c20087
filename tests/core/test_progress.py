"""The live view of restores: what is under way on a terminal, lines alone elsewhere."""

import io
import sys
import time
from types import SimpleNamespace

import pytest
from support.screen import left_on_screen

from rouser.cli import progress


class Terminal(io.StringIO):
    """A terminal that keeps everything that was written to it."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def many():
    begun = time.monotonic()
    under_way = {"aaaaaaaa-1": begun - 1.5, "bbbbbbbb-2": begun - 3.0}
    return SimpleNamespace(under_way=under_way, unfinished=["bbbbbbbb-2"], reported=4)


def test_each_session_under_way_has_its_state_and_the_slowest_comes_first(many):
    slowest, other, total = progress._lines(many, 6)
    assert slowest.split() == ["bbbbbbbb", "…", "restoring", "3.0", "s"]
    assert other.split() == ["aaaaaaaa", "…", "looking", "1.5", "s"]
    assert total == "4 of 6"


def test_on_a_terminal_both_are_shown(many, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress.shown(many, 6) as tell:
        tell("cccccccc  ✓ restored\x1b[2J")
    assert "4 of 6" in terminal.getvalue()
    assert "cccccccc  ✓ restored�[2J" in terminal.getvalue()


def test_what_is_drawn_meanwhile_neither_stays_nor_takes_a_line_with_it(many, monkeypatch, request):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_REFRESHES", 0.0001)
    before = sys.getswitchinterval()
    request.addfinalizer(lambda: sys.setswitchinterval(before))
    sys.setswitchinterval(1e-6)
    done = [f"{number}  ✓ restored" for number in range(500)]
    with progress.shown(many, len(done)) as tell:
        for number, line in enumerate(done):
            many.under_way = {f"{slow}": 0.0 for slow in range(number % 4)}
            tell(line)
    assert left_on_screen(terminal.getvalue()).split("\n") == done


@pytest.mark.parametrize(("total", "terminal", "term"), [(1, True, "xterm"), (6, False, "xterm"), (6, True, "dumb")])
def test_elsewhere_there_are_only_lines(many, monkeypatch, capsys, total, terminal, term):
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal, raising=False)
    monkeypatch.setenv("TERM", term)
    with progress.shown(many, total) as tell:
        tell("cccccccc  ✓ restored")
    assert capsys.readouterr().err == "cccccccc  ✓ restored\n"
