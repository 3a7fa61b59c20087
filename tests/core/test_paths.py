"""Where files are: what is chosen, else what the XDG Base Directory Specification says."""

from pathlib import Path

import pytest

from rouser import data_directory, state_directory
from rouser.paths import user_config_file

PLACES = [
    (state_directory, "XDG_STATE_HOME", ".local/state/rouser", ""),
    (data_directory, "XDG_DATA_HOME", ".local/share/rouser", ""),
    (user_config_file, "XDG_CONFIG_HOME", ".config/rouser/rouser.toml", "rouser.toml"),
]


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("ROUSER_HOME", "ROUSER_CONFIG", *(variable for _, variable, *_ in PLACES)):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/you")
    return Path("/home/you")


@pytest.mark.parametrize(("place", "variable", "usual", "file"), PLACES)
def test_a_directory_is_the_one_of_its_variable_else_the_usual_one(place, variable, usual, file, home, monkeypatch):
    assert place() == home / usual
    for value in ("", "relative"):  # which the specification says to ignore
        monkeypatch.setenv(variable, value)
        assert place() == home / usual
    monkeypatch.setenv(variable, "/elsewhere")
    assert place() == Path("/elsewhere/rouser") / file


@pytest.mark.parametrize("place", [state_directory, data_directory])
def test_what_was_chosen_for_rouser_alone_goes_before(place, home, monkeypatch):
    monkeypatch.setenv("ROUSER_HOME", "~/mine")
    assert place() == home / "mine"


def test_the_configuration_file_can_be_named(home, monkeypatch):
    monkeypatch.setenv("ROUSER_CONFIG", "~/mine.toml")
    assert user_config_file() == home / "mine.toml"
