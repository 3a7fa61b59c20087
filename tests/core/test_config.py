"""Settings: which source wins, what a repository may not decide, and what each bad value is called."""

from pathlib import Path

import pytest

from rouser import ConfigError, Evidence
from rouser.config import Config, load_config
from rouser.paths import state_directory, user_config_file


@pytest.fixture
def user_file(tmp_path: Path) -> Path:
    """Return the path of the user's file, which is not there yet."""
    return tmp_path / "config.toml"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    made = tmp_path / "shop"
    (made / ".git").mkdir(parents=True)
    return made


def test_without_any_source_there_are_defaults(repository: Path) -> None:
    config = load_config(repository, {})
    assert (config.agent, config.runtime, config.workspace) == ("claude-code", "tmux, process", "worktree")
    assert config.jobs == Config().jobs
    assert dict(config.plugins) == {}


def test_the_user_wins_over_the_repository_and_the_environment_over_both(repository: Path, user_file: Path) -> None:
    (repository / "rouser.toml").write_text('agent = "r"\nruntime = "r"\nworkspace = "r"\nbase = "r"')
    user_file.write_text('runtime = "u"\nworkspace = "u"')
    config = load_config(repository, {"ROUSER_WORKSPACE": "e"})
    assert (config.agent, config.runtime, config.workspace, config.base) == ("r", "u", "e", "r")


def test_an_empty_variable_sets_nothing(user_file: Path) -> None:
    user_file.write_text("jobs = 3")
    assert load_config(None, {"ROUSER_JOBS": ""}).jobs == 3


def test_every_setting_can_come_from_the_environment() -> None:
    config = load_config(
        None,
        {
            "ROUSER_AGENT": "a",
            "ROUSER_RUNTIME": "r",
            "ROUSER_WORKSPACE": "w",
            "ROUSER_PROJECT": "p",
            "ROUSER_BASE": "b",
            "ROUSER_BRANCH_PREFIX": "x/",
            "ROUSER_HOOK_TIMEOUT": "2.5",
            "ROUSER_PROMPT_TIMEOUT": "3",
            "ROUSER_JOBS": "4",
            "ROUSER_MINIMUM_EVIDENCE": "newest_file",
        },
    )
    assert config == Config(
        agent="a",
        runtime="r",
        workspace="w",
        project="p",
        base="b",
        branch_prefix="x/",
        hook_timeout=2.5,
        prompt_timeout=3.0,
        jobs=4,
        minimum_evidence=Evidence.NEWEST_FILE,
        plugins=config.plugins,
    )


class TestRepository:
    """A cloned repository may choose among what is installed, and nothing more."""

    @pytest.mark.parametrize(
        ("line", "name"),
        [
            ('[plugins.command]\ncommand = ["rm"]', "plugins.command.command"),
            ("jobs = 3", "jobs"),
            ("hook_timeout = 1", "hook_timeout"),
            ('minimum_evidence = "newest_file"', "minimum_evidence"),
        ],
    )
    def test_what_it_says_beyond_that_is_left_out_with_one_line(self, repository: Path, line: str, name: str) -> None:
        (repository / "rouser.toml").write_text(f'agent = "chosen"\n{line}')
        told: list[str] = []
        config = load_config(repository, {}, told.append)
        assert config == Config(agent="chosen", plugins=config.plugins)
        assert dict(config.plugins) == {}
        assert len(told) == 1
        assert f"sets {name}, which needs your consent" in told[0]
        assert f"rouser trust {repository}" in told[0]

    def test_a_key_that_there_is_not_is_an_error_all_the_same(self, repository: Path) -> None:
        (repository / "rouser.toml").write_text('command = "rm"')
        with pytest.raises(ConfigError, match=r'shop/rouser.toml: "command" cannot be set here; allowed are'):
            load_config(repository, {})

    def test_its_file_is_found_from_a_directory_inside(self, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (repository / "rouser.toml").write_text('agent = "here"')
        inside = repository / "src" / "deep"
        inside.mkdir(parents=True)
        assert load_config(inside, {}).agent == "here"
        monkeypatch.chdir(inside)
        assert load_config(Path(), {}).agent == "here"
        assert load_config(Path("../deep"), {}).agent == "here"

    def test_a_file_above_the_repository_does_not_count(self, repository: Path) -> None:
        (repository.parent / "rouser.toml").write_text('agent = "above"')
        assert load_config(repository, {}).agent == "claude-code"

    def test_without_a_repository_its_file_does_not_count(
        self, repository: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (repository / "rouser.toml").write_text('agent = "here"')
        monkeypatch.chdir(repository)
        assert load_config(None, {}).agent == "claude-code"


BAD = [
    ("agent", "3", "must be a string"),
    ("jobs", "0", "must be a number from 1 to 256"),
    ("jobs", "257", "must be a number from 1 to 256"),
    ("jobs", "true", "must be a number from 1 to 256"),
    ("jobs", '"many"', "must be a number from 1 to 256"),
    ("jobs", "[]", "must be a number from 1 to 256"),
    ("hook_timeout", "0", "must be a number from 0.1 to 3600"),
    ("hook_timeout", "nan", "must be a number from 0.1 to 3600"),
    ("prompt_timeout", "inf", "must be a number from 0.1 to 3600"),
    ("prompt_timeout", "-1", "must be a number from 0.1 to 3600"),
    ("minimum_evidence", '"rumour"', "must be one of pinned, hook, process, newest_file"),
    ("minimum_evidence", "[]", "must be one of pinned, hook, process, newest_file"),
    ("plugins", "3", "holds tables"),
    ("plugins", "{ tmux = 3 }", "holds tables"),
    ("colour", '"red"', "cannot be set here; allowed are agent, archive_after"),
]


@pytest.mark.parametrize(("key", "value", "message"), BAD)
def test_a_bad_value_in_a_file_names_file_and_key(user_file: Path, key: str, value: str, message: str) -> None:
    user_file.write_text(f"{key} = {value}")
    with pytest.raises(ConfigError) as caught:
        load_config(None, {})
    assert str(caught.value).startswith(f'{user_file}: "{key}" ')
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ROUSER_JOBS", "0"),
        ("ROUSER_JOBS", "x"),
        ("ROUSER_HOOK_TIMEOUT", "nan"),
        ("ROUSER_MINIMUM_EVIDENCE", "rumour"),
        ("ROUSER_BRANCH_PREFIX", "\udcff"),
    ],
)
def test_a_bad_value_in_the_environment_names_the_variable(variable: str, value: str) -> None:
    with pytest.raises(ConfigError, match=rf'^{variable}: "{variable.removeprefix("ROUSER_").lower()}" '):
        load_config(None, {variable: value})


@pytest.mark.parametrize("data", [b"jobs = ", b"\xff\xfe", b"[plugins", b"a = 1\na = 2"])
def test_a_file_that_is_no_toml_is_named(user_file: Path, data: bytes) -> None:
    user_file.write_bytes(data)
    with pytest.raises(ConfigError, match=f"^{user_file} is not valid TOML: "):
        load_config(None, {})


def test_a_file_that_cannot_be_read_is_named(user_file: Path) -> None:
    user_file.mkdir()
    with pytest.raises(ConfigError, match=f"cannot read {user_file}: Is a directory"):
        load_config(None, {})


class TestPlugins:
    """A plugin's table, overlaid with the variables that bear its name."""

    def test_variables_are_laid_over_the_table(self, user_file: Path) -> None:
        user_file.write_text('[plugins.claude-code]\nhome = "file"\nmodel = "file"')
        config = load_config(None, {"ROUSER_CLAUDE_CODE_HOME": "env", "ROUSER_CLAUDE_CODE_NEW_KEY": "x"})
        assert config.plugins["claude-code"] == {"home": "env", "model": "file", "new_key": "x"}

    def test_a_plugin_without_a_table_has_its_variables(self) -> None:
        config = load_config(None, {"ROUSER_TMUX_SOCKET": "s", "ROUSER_TMUX_": "no key", "OTHER_TMUX_X": "y"})
        assert config.plugins["tmux"] == {"socket": "s"}
        assert config.plugins["worktree"] == {}
        assert config.plugins.get("tmux", {}) == {"socket": "s"}

    def test_one_plugin_does_not_change_the_table_of_another(self, user_file: Path) -> None:
        user_file.write_text("[plugins.a]\nx = 1\n[plugins.b]\nx = 2")
        config = load_config(None, {})
        assert (config.plugins["a"], config.plugins["b"]) == ({"x": 1}, {"x": 2})
        assert sorted(config.plugins) == ["a", "b"]


def test_the_places_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ROUSER_HOME", "~/state")
    monkeypatch.setenv("ROUSER_CONFIG", "mine.toml")
    assert state_directory() == tmp_path / "state"
    assert user_config_file() == tmp_path / "mine.toml"
    monkeypatch.delenv("ROUSER_HOME")
    monkeypatch.delenv("ROUSER_CONFIG")
    assert state_directory().is_absolute()
    assert user_config_file().name == "rouser.toml"
