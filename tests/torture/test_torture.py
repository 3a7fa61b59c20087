"""The torture fails for what is broken, and gives a part a second chance only where it is asked to."""

import pytest

from torture import __main__ as command
from torture.crowding import Clock
from torture.schedule import Outcome
from torture.tally import Tally


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run the torture with parts that are broken, a number of times each."""
    monkeypatch.setattr(command, "ROOT", tmp_path)

    def call(broken, again):
        def run_parts(parts, *, quick):
            for part in parts:
                tally = Tally()
                broken[part] -= 1
                tally.check("a promise", broken[part] < 0, "it was broken")
                yield Outcome(part, "a title", tally, 1.0, 1.0)

        monkeypatch.setattr(command, "run_parts", run_parts)
        return command.torture([*broken], quick=True, again=again)

    return call


@pytest.mark.parametrize(("times", "again", "code"), [(0, False, 0), (1, False, 1), (1, True, 0), (2, True, 1)])
def test_what_is_broken_fails_unless_it_holds_the_second_time(run, capsys, times, again, code):
    assert run({"trust": 0, "work": times}, again) == code
    assert ("once more: work" in capsys.readouterr().out) == (again and times > 0)


@pytest.mark.parametrize(
    ("taken", "crowding", "kept", "found"),
    [(4, 9, True, (1, 0, 0)), (6, 1, True, (1, 1, 0)), (6, 2, True, (0, 0, 1)), (6, 2, False, (1, 1, 0))],
)
def test_what_is_late_on_a_busy_machine_is_no_case(taken, crowding, kept, found):
    tally = Tally()
    tally.check_in_time("a promise", kept, Clock(taken, crowding), 5, "it was late")
    (count,) = tally.counts.values()
    assert (count.cases, len(count.violations), count.late) == found
