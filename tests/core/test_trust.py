"""Consent: for one file with one content, kept privately, and for what was shown."""

import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from rouser import ConfigError
from rouser.cli.trust import command
from rouser.config import load_config
from rouser.paths import state_directory
from rouser.repository_file import read_repository_file, settings_in
from rouser.trust import distrust, is_trusted, trust

RISKY = '[plugins.command]\ncommand = ["touch", "canary"]\n'


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    made = tmp_path / "shop"
    (made / ".git").mkdir(parents=True)
    (made / "rouser.toml").write_text(RISKY)
    return made


def run(*arguments: str) -> str:
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def counts(repository: Path) -> bool:
    return "command" in dict(load_config(repository, {}).plugins)


def test_consent_makes_the_file_count_until_it_changes(repository: Path) -> None:
    assert not counts(repository)
    assert 'plugins.command.command = ["touch", "canary"]' in run(str(repository))
    assert counts(repository)
    (repository / "rouser.toml").write_text(RISKY + "# changed\n")
    assert not counts(repository)
    (repository / "rouser.toml").write_text(RISKY)
    assert counts(repository)


def test_showing_gives_no_consent_and_revoking_takes_it_back(repository: Path) -> None:
    assert "not trusted" in run("--show", str(repository))
    assert not counts(repository)
    run(str(repository))
    assert "not trusted" not in run("--show", str(repository))
    assert "no longer trusted" in run("--revoke", str(repository))
    assert not counts(repository)
    assert "was not trusted" in run("--revoke", str(repository))


def test_the_same_content_elsewhere_is_not_trusted(repository: Path, tmp_path: Path) -> None:
    run(str(repository))
    repository.rename(tmp_path / "moved")
    assert not counts(tmp_path / "moved")


def test_the_users_own_settings_win_key_by_key(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[plugins.command]\ncommand = ["cat"]\nown = 1\n')
    (repository / "rouser.toml").write_text(RISKY + "theirs = 2\n")
    run(str(repository))
    assert load_config(repository, {}).plugins["command"] == {"command": ["cat"], "own": 1, "theirs": 2}


def test_consents_are_private_and_those_that_others_could_write_do_not_count(repository: Path) -> None:
    run(str(repository))
    (consent,) = (state_directory() / "trusted").iterdir()
    assert stat.S_IMODE(consent.stat().st_mode) == 0o600
    assert stat.S_IMODE(consent.parent.stat().st_mode) == 0o700
    consent.chmod(0o666)
    assert not counts(repository)


@pytest.mark.parametrize("what", ["link", "pipe", "directory", "empty", "rubbish"])
def test_a_consent_that_is_something_else_does_not_count(repository: Path, tmp_path: Path, what: str) -> None:
    run(str(repository))
    (consent,) = (state_directory() / "trusted").iterdir()
    good = consent.read_bytes()
    consent.unlink()
    if what == "link":
        (tmp_path / "good").write_bytes(good)
        consent.symlink_to(tmp_path / "good")
    elif what == "pipe":
        os.mkfifo(consent)
    elif what == "directory":
        consent.mkdir()
    else:
        consent.write_bytes(b"" if what == "empty" else os.urandom(100))
    assert not counts(repository)


def test_what_is_hashed_is_what_is_used(repository: Path) -> None:
    file = read_repository_file(repository)
    assert file is not None
    (repository / "rouser.toml").write_text('[plugins.command]\ncommand = ["other"]\n')
    trust(file.path, file.data)
    assert not counts(repository)
    assert is_trusted(file.path, file.data)
    assert distrust(file.path)


@pytest.mark.parametrize(
    "data",
    [b"\0", b"\xff", b"x = 1\0", b"a = " + b"[" * 100_000, b"jobs = " + b"9" * 10_000, b"#" * (1024 * 1024 + 1)],
    ids=["nul", "latin", "nul inside", "deep", "digits", "large"],
)
def test_a_file_that_is_no_configuration_is_an_error(repository: Path, data: bytes) -> None:
    (repository / "rouser.toml").write_bytes(data)
    with pytest.raises(ConfigError, match=r"rouser\.toml"):
        load_config(repository, {})


@pytest.mark.parametrize("what", ["pipe", "device", "dangling"])
def test_what_is_no_file_is_passed_over(repository: Path, what: str) -> None:
    file = repository / "rouser.toml"
    file.unlink()
    if what == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to("/dev/zero" if what == "device" else "nowhere")
    assert read_repository_file(repository) is None


def test_a_link_is_trusted_as_what_it_leads_to(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_text(RISKY)
    (repository / "rouser.toml").unlink()
    (repository / "rouser.toml").symlink_to(tmp_path / "real.toml")
    run(str(repository))
    assert counts(repository)
    (tmp_path / "other.toml").write_text(RISKY)
    (repository / "rouser.toml").unlink()
    (repository / "rouser.toml").symlink_to(tmp_path / "other.toml")
    assert not counts(repository)


def test_nothing_hides_in_what_is_shown(repository: Path) -> None:
    table = {"plugins": {"x\x1b[2J\u202e": {"a.b": "\x9b\u202e\n", "empty": {}}}}
    shown = list(settings_in(table))
    assert shown == [
        ('plugins."x\\u001b[2J\\u202e"."a.b"', '"\\u009b\\u202e\\n"'),
        ('plugins."x\\u001b[2J\\u202e".empty', "{}"),
    ]


def test_a_directory_without_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    with pytest.raises(ConfigError, match=r"has a rouser\.toml"):
        run(str(tmp_path))
