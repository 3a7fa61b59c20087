"""The command line's own parts: its table of commands, its words, its errors, and what it does not import."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from support.stage import LONG_AGO, make_session

import rouser
from rouser import RouserError, errors
from rouser.cli import program
from rouser.cli.app import COMMANDS, cli
from rouser.cli.fields import FIELDS, age, session_fields, short_prefix
from rouser.cli.output import printable, printable_lines
from rouser.completion import complete_session
from rouser.errors import SessionNotFoundError
from rouser.store import Store


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_is_a_module_that_agrees_with_it(name: str) -> None:
    command = import_module(f"rouser.cli.{name}").command
    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.help
    assert COMMANDS[name].endswith(".")
    assert COMMANDS[name].split()[0] == command.help.split()[0]


def test_every_module_with_a_command_is_in_the_table() -> None:
    directory = Path(rouser.__file__).parent / "cli"
    found = {
        path.stem
        for path in directory.glob("*.py")
        if re.search(r"^@click\.(command|group)\(\s*\"", path.read_text(), re.MULTILINE)
    }
    assert found == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: cli {name}")


def test_the_help_lists_all_commands() -> None:
    output = CliRunner().invoke(cli, ["--help"]).output
    assert all(f"\n  {name} " in output for name in COMMANDS)


class TestWords:
    """What is written for people."""

    def test_nothing_from_a_session_steers_the_terminal(self) -> None:
        controls = "".join(chr(code) for code in [*range(32), *range(127, 160)] if chr(code) not in "\t\n\r")
        assert printable(f"a{controls}b") == f"a{'�' * len(controls)}b"
        assert printable("a\tb\r\nc") == "a b  c"
        assert printable("é ✓ \N{SNOWMAN}") == "é ✓ \N{SNOWMAN}"

    def test_lone_surrogates_can_be_written(self) -> None:
        assert printable("a\udcffb") == "a?b"
        assert printable_lines("a\udcff\nb").encode() == b"a?\nb"

    def test_output_keeps_its_lines_and_tabs_only(self) -> None:
        assert printable_lines("a\n\tb\x1b[31m\r\x9bx") == "a\n\tb�[31m��x"

    @pytest.mark.parametrize(
        ("seconds", "expected"),
        [
            (-5, "0s"),
            (0, "0s"),
            (59.9, "59s"),
            (60, "1m"),
            (3599, "59m"),
            (3600, "1h"),
            (86399, "23h"),
            (86400 * 400, "400d"),
        ],
    )
    def test_ages(self, seconds: float, expected: str) -> None:
        assert age(LONG_AGO, LONG_AGO + timedelta(seconds=seconds)) == expected

    @pytest.mark.parametrize(
        ("others", "expected"),
        [([], "abc"), (["abd00000"], "abc"), (["abc00000"], "abc1"), (["abc12300"], "abc1234")],
    )
    def test_prefixes_are_as_short_as_they_can_be(self, others: list[str], expected: str) -> None:
        assert short_prefix("abc12345", ["abc12345", *others]) == expected

    def test_the_json_of_a_session_has_its_keys_in_order_and_can_be_written(self, tmp_path: Path) -> None:
        session = make_session(Path(f"{tmp_path}/\udcff"))
        document = session_fields(session, alive=None)
        assert tuple(document) == FIELDS
        assert json.loads(json.dumps(document))["repository"] == str(session.repository)


def test_every_kind_of_error_has_a_code_and_a_name_of_its_own() -> None:
    classes = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, RouserError)]
    assert len(classes) > 15
    kinds = [item.kind for item in classes]
    assert len(set(kinds)) == len(kinds)
    codes = {item.kind: item.exit_code for item in classes if item.kind not in {"plugin", "hook"}}
    assert len(set(codes.values())) == len(codes)
    assert not set(codes.values()) & {0, 2}


class TestCompletion:
    """Ids and names are completed from the database alone."""

    @pytest.fixture
    def _sessions(self, tmp_path: Path) -> Iterator[None]:
        with Store(tmp_path / "home") as store:
            store.add(make_session(tmp_path, id="ab120000-0000-4000-8000-000000000001", task="a\x1b\ntask"), "added")
            store.add(make_session(tmp_path, id="cd120000-0000-4000-8000-000000000002", name="ab-name"), "added")
            yield

    def complete(self, text: str) -> list[str]:
        command = click.Command("x")
        items = complete_session(click.Context(command), click.Argument(["session"]), text)
        assert all(item.help.isprintable() for item in items)
        return sorted(item.value for item in items)

    @pytest.mark.usefixtures("_sessions")
    @pytest.mark.parametrize(
        ("text", "expected"),
        [("ab", ["ab-name", "ab120000"]), ("cd1", ["cd120000"]), ("%", []), ("_", []), ("\\", []), ("x", [])],
    )
    def test_what_begins_so(self, text: str, expected: list[str]) -> None:
        assert self.complete(text) == expected

    @pytest.mark.usefixtures("_sessions")
    def test_more_than_eight_characters_are_completed_too(self) -> None:
        assert self.complete("ab120000-00") == ["ab120000-00"]

    def test_without_a_database_there_is_nothing_and_none_is_made(self, tmp_path: Path) -> None:
        assert self.complete("ab") == []
        assert not (tmp_path / "home").exists()

    def test_a_damaged_database_is_no_noise_in_the_shell(self, tmp_path: Path) -> None:
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / "rouser.db").write_text("these are notes" * 100)
        assert self.complete("ab") == []


class TestImports:
    """What a command does not need is not imported: this, not a stopwatch, keeps it quick."""

    PLUGINS = (
        "rouser_tmux",
        "rouser_claude_code",
        "rouser_worktree",
        "rouser_command",
        "rouser_process",
        "rouser_clone",
        "rouser_gemini",
        "rouser_codex",
        "rouser_opencode",
        "libtmux",
        "git",
    )
    HEAVY = ("rich", "importlib.metadata", "asyncio", "pluggy", "sqlite3")

    def imported(self, *arguments: str, **environment: str) -> set[str]:
        script = (
            "import atexit, sys\n"
            "sys.path.insert(0, sys.argv.pop(1))\n"
            "atexit.register(lambda: print('\\n'.join(['MODULES', *sys.modules]), file=sys.stderr))\n"
            "from rouser.cli import main\n"
            "main()\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, str(Path(rouser.__file__).parents[1]), *arguments],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return set(done.stderr.rpartition("MODULES\n")[2].split())

    @pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["-h"]])
    def test_help_and_version_import_click_and_little_else(self, arguments: list[str]) -> None:
        modules = self.imported(*arguments)
        assert "rouser.cli.app" in modules
        assert not modules & {*self.HEAVY, *self.PLUGINS}
        own = {name.removeprefix("rouser.cli.") for name in modules if name.startswith("rouser.cli.")}
        assert own == {"app", "direct", "output", "program"}

    def test_a_listing_does_not_import_click(self, tmp_path: Path) -> None:
        modules = self.imported("ls", ROUSER_HOME=str(tmp_path / "home"))
        assert "rouser.cli.listing" in modules
        assert "click" not in modules

    def test_completing_commands_imports_no_command(self) -> None:
        words = {"_ROUSER_COMPLETE": "bash_complete", "COMP_WORDS": "rouser sh", "COMP_CWORD": "1"}
        modules = self.imported(**words)
        assert not modules & {*self.HEAVY, *self.PLUGINS}

    def test_completing_ids_needs_the_database_only(self) -> None:
        words = {"_ROUSER_COMPLETE": "bash_complete", "COMP_WORDS": "rouser show a", "COMP_CWORD": "2"}
        modules = self.imported(**words)
        assert "sqlite3" in modules
        assert not modules & {*self.HEAVY, *self.PLUGINS} - {"sqlite3"}

    @pytest.mark.parametrize("arguments", [["ls"], ["ls", "--no-probe"]])
    def test_a_listing_that_asks_nobody_loads_no_plugin(self, arguments: list[str]) -> None:
        modules = self.imported(*arguments)
        assert "rouser.store" in modules
        assert not modules & {"rich", "importlib.metadata", "asyncio", *self.PLUGINS}

    def test_importing_rouser_imports_nothing_of_it(self) -> None:
        script = "import sys; before = set(sys.modules); import rouser; print(*set(sys.modules) - before)"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
        modules = set(done.stdout.split())
        assert {name for name in modules if name.startswith("rouser")} == {"rouser", "rouser._version"}
        assert not modules & {*self.HEAVY, *self.PLUGINS}


def test_every_public_name_can_be_had_and_no_other() -> None:
    for name in rouser.__all__:
        assert getattr(rouser, name) is not None
    assert set(dir(rouser)) == set(rouser.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        rouser.nonsense  # noqa: B018 - the access is what is tested


def test_a_disk_that_fails_is_no_defect_of_ours() -> None:
    failed = program._describe(OSError(5, "Input/output error", "/disk\x1b/file"))
    assert failed == (
        "error",
        "/disk\N{REPLACEMENT CHARACTER}/file: Input/output error. See that the disk is in order.",
        1,
    )


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("arguments", [["ls"], ["ls", "--json"], ["show", "nothing"], ["--version"]])
def test_closed_streams_are_no_failure_and_nothing_takes_their_place(
    tmp_path: Path, closed: str, arguments: list[str]
) -> None:
    home = tmp_path / "home"
    with Store(home) as store:
        store.add(make_session(tmp_path), "added")
    before = (home / "rouser.db").read_bytes()
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "rouser", *arguments],
        env=os.environ | {"ROUSER_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == (SessionNotFoundError.exit_code if "show" in arguments else 0)
    assert "Traceback" not in done.stderr
    assert (home / "rouser.db").read_bytes() == before


@pytest.mark.parametrize(
    "arguments", [["ls", "--no-probe"], ["ls", "--json"], ["show", "nothing", "--json"], ["--version"]]
)
def test_an_output_that_takes_nothing_is_an_error_of_one_line(tmp_path: Path, arguments: list[str]) -> None:
    with Store(tmp_path / "home") as store:
        store.add(make_session(tmp_path), "added")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "rouser", *arguments],
            env=os.environ | {"ROUSER_HOME": str(tmp_path / "home")},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == (SessionNotFoundError.exit_code if "show" in arguments else 1)
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")


@pytest.mark.parametrize("arguments", [[], ["snapshots"]])
def test_without_a_command_there_is_the_help_and_nothing_else(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "rouser", *arguments]
    bare, asked = (
        subprocess.run([*command, *more], capture_output=True, text=True, timeout=60, check=False)
        for more in ([], ["--help"])
    )
    assert (bare.returncode, bare.stdout) == (2, "")
    assert bare.stderr.split() == asked.stdout.split()


@pytest.mark.parametrize("arguments", [["spawn", "x"], ["spawn", "x", "--json"]])
def test_a_directory_that_was_removed_is_an_error_that_says_what_to_do(tmp_path: Path, arguments: list[str]) -> None:
    place = tmp_path / "gone"
    place.mkdir()
    done = subprocess.run(
        ["sh", "-c", f'rmdir {place}; exec "$@"', "sh", sys.executable, "-m", "rouser", *arguments],
        cwd=place,
        env=os.environ | {"ROUSER_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "the current directory was removed; cd elsewhere, or give --repo a full path" in done.stderr
    assert not (tmp_path / "home").exists()
