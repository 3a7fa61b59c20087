"""Which variables reach an agent."""

import pytest
from support.stage import Stage


def environment_of_the_agent(stage: Stage) -> dict[str, str]:
    stage.restore(stage.add().id)
    return stage.runtime.created[-1].env


def test_what_is_exported_reaches_the_agent(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    assert environment_of_the_agent(stage)["HTTPS_PROXY"] == "http://proxy:3128"


@pytest.mark.parametrize(
    "name", ["TERM", "TMUX", "TMUX_PANE", "STY", "COLUMNS", "LINES", "SHLVL", "PWD", "OLDPWD", "_", "ROUSER_TERMINAL"]
)
def test_what_belongs_to_the_terminal_is_not_passed(stage: Stage, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "mine")
    assert name not in environment_of_the_agent(stage)


def test_the_session_is_named_in_the_environment(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUSER_SESSION_ID", "of an outer session")
    session = stage.add()
    stage.restore(session.id)
    assert stage.runtime.created[-1].env["ROUSER_SESSION_ID"] == session.id


def test_the_plugin_of_the_agent_sets_and_removes_variables(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INHERITED", "x")
    stage.agent.environment = {"INHERITED": None, "ADDED": "y", "PATH": "/only/here"}
    environment = environment_of_the_agent(stage)
    assert "INHERITED" not in environment
    assert environment["ADDED"] == "y"
    assert environment["PATH"] == "/only/here"


def test_no_secret_of_the_environment_is_kept(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "a-secret-of-the-shell")
    stage.agent.environment = {"OTHER_KEY": "a-secret-of-the-plugin"}
    stage.restore(stage.add().id)
    assert stage.runtime.created[0].env["API_KEY"] == "a-secret-of-the-shell"
    kept = b"".join(path.read_bytes() for path in (stage.root / "home").rglob("*") if path.is_file())
    assert b"restored" in kept
    assert b"a-secret-of" not in kept
