"""What can be asked of a spawn, and what becomes of names and branches."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from core.spawning import spawn
from support.fakes import FakeRuntime
from support.stage import Stage

from rouser import (
    ConfigError,
    HookError,
    PluginCallError,
    PluginNotFoundError,
    hookimpl,
)
from rouser.spawn import _SLUG_LENGTH as LONGEST
from rouser.spawn import slug


class TestRequest:
    """What cannot be carried out is refused before anything is made."""

    def refused(self, stage: Stage, match: str, **fields: Any) -> None:
        with pytest.raises(ConfigError, match=match):
            spawn(stage, **fields)
        assert stage.store.sessions() == [] or "name" in fields
        assert stage.journal.changes == []

    @pytest.mark.parametrize("field", ["task", "branch", "base", "prompt"])
    @pytest.mark.parametrize(("text", "match"), [("a\0b", "NUL"), ("a\udcffb", "not valid UTF-8")])
    def test_text_that_no_program_takes(self, stage: Stage, field: str, text: str, match: str) -> None:
        self.refused(stage, f"the {field} .*{match}", **{field: text})

    def test_an_argument_with_a_nul(self, stage: Stage) -> None:
        self.refused(stage, "NUL", arguments=("--model", "a\0b"))

    @pytest.mark.parametrize("value", [date(2024, 1, 1), float("nan")])
    def test_settings_that_cannot_be_kept(self, stage: Stage, value: object) -> None:
        self.refused(stage, "the settings of agent", agent_settings={"since": value})

    @pytest.mark.parametrize("name", ["", "-x", "a.b", "a:b", "a b", "ä", "a" * 65, "a\n", "a/b"])
    def test_a_name_that_runtimes_do_not_take(self, stage: Stage, name: str) -> None:
        self.refused(stage, "cannot be a name", name=name)

    def test_a_name_that_is_taken(self, stage: Stage) -> None:
        session = stage.add(name="export")
        self.refused(stage, f"belongs to session {session.short_id}", name="export")

    def test_a_name_that_somebody_takes_at_the_same_time(self, stage: Stage) -> None:
        stage.journal.before["agent_prepare"] = lambda: stage.add(name="export")
        with pytest.raises(ConfigError, match=r'the name "export" belongs to session .*rouser rm'):
            spawn(stage, name="export")
        assert stage.journal.changes == []
        assert len(stage.store.sessions()) == 1

    def test_a_directory_that_is_not_there(self, stage: Stage) -> None:
        self.refused(stage, "is not a directory", repository=stage.root / "nowhere")

    def test_a_plugin_that_is_not_there(self, stage: Stage) -> None:
        with pytest.raises(PluginNotFoundError, match="zellij"):
            spawn(stage, runtime="zellij")
        assert not stage.store.path.exists()


class TestNames:
    """Branches, projects and runtimes are named after the task, the name or the id."""

    def test_the_branch_is_named_after_the_task(self, stage: Stage) -> None:
        assert spawn(stage, task="Fix the *flaky* login test!").session.branch == "rouser/fix-the-flaky-login-test"

    def test_the_branch_is_named_after_the_session(self, stage: Stage) -> None:
        session = spawn(stage, name="export").session
        assert session.branch == "rouser/export"
        assert session.runtime_name == "export"

    @pytest.mark.parametrize("task", ["", "日本語", "...", "/"])
    def test_a_task_without_letters_gives_a_branch_named_after_the_id(self, stage: Stage, task: str) -> None:
        session = spawn(stage, task=task).session
        assert session.branch == f"rouser/{session.short_id}"

    def test_the_branch_of_another_session_is_not_used_again(self, stage: Stage) -> None:
        first, second = spawn(stage).session, spawn(stage).session
        assert first.branch == "rouser/fix-the-test"
        assert second.branch == f"rouser/fix-the-test-{second.short_id}"

    def test_a_branch_that_was_asked_for_is_taken_as_it_is(self, stage: Stage) -> None:
        assert spawn(stage, branch="topic/x").session.branch == "topic/x"

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("Ünïcödé Straße", "unicode-strae"),
            ("a" * 300, "a" * LONGEST),
            ("word " * 300, "-".join(["word"] * ((LONGEST + 1) // 5))),
            ("", ""),
        ],
        ids=["accents", "one long word", "many words", "empty"],
    )
    def test_a_slug_is_short_ascii(self, text: str, expected: str) -> None:
        assert slug(text) == expected
        assert len(slug(text)) <= LONGEST

    def test_a_repository_is_found_from_a_directory_inside(self, stage: Stage) -> None:
        (stage.repository / ".git").mkdir()
        inside = stage.repository / "src" / "deep"
        inside.mkdir(parents=True)
        assert spawn(stage, repository=inside).session.repository == stage.repository

    def test_a_repository_whose_name_is_not_utf8_can_be_worked_on(self, stage: Stage) -> None:
        repository = Path(f"{stage.root}/sh\udcffp")
        repository.mkdir()
        session = spawn(stage, repository=repository).session
        assert stage.store.get(session.id).repository == repository
        assert session.project_id == "sh\ufffdp"

    def test_the_project_can_be_configured(self, stage: Stage) -> None:
        stage.config = stage.config._replace(project="the-shop", branch_prefix="me/")
        session = spawn(stage).session
        assert session.project_id == "the-shop"
        assert session.branch == "me/fix-the-test"


class Choosy(FakeRuntime):
    """A runtime that takes one option."""

    @hookimpl
    def runtime_options(self, options: Mapping[str, str]) -> Mapping[str, Any]:
        self.journal.begin("runtime_options", options)
        if options.keys() - {"time"}:
            raise HookError("allowed is time")
        return {"time": int(options["time"])}


def test_options_of_the_runtime_are_checked_kept_and_there_at_creation(tmp_path: Path) -> None:
    stage = Stage(tmp_path, runtime=Choosy)
    session = spawn(stage, runtime_options={"time": "30"}).session
    assert stage.store.get(session.id).runtime_config == {"time": 30}
    assert stage.runtime.created[0].session.runtime_config == {"time": 30}
    stage.close()


def test_a_wrong_option_of_the_runtime_stops_a_spawn_before_anything_is_made(tmp_path: Path) -> None:
    stage = Stage(tmp_path, runtime=Choosy)
    with pytest.raises(PluginCallError, match="allowed is time"):
        spawn(stage, runtime_options={"tiem": "30"})
    assert stage.store.sessions() == []
    stage.close()


def test_a_runtime_without_options_refuses_them(stage: Stage) -> None:
    with pytest.raises(ConfigError, match="the runtime runtime takes no options"):
        spawn(stage, runtime_options={"time": "30"})
    assert stage.store.sessions() == []
