"""The reference pages say what the code says: commands, options, exit codes, configuration, JSON, layers."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click
import pytest
from doc_pages import DOCS, ROOT, blocks, table_rows

import rouser
from rouser import errors
from rouser.cli.app import COMMANDS, cli
from rouser.cli.fields import FIELDS
from rouser.config import Config, load_config
from rouser.errors import RouserError
from rouser.models import ActivityState, Evidence, PromptState, SessionStatus
from rouser.trust import trust


def command(name: str) -> click.Command:
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    return found


def test_every_command_has_a_page_and_every_page_a_command():
    assert {page.stem for page in (DOCS / "commands").glob("*.md")} == set(COMMANDS)


def test_the_list_of_commands_says_what_the_help_says():
    assert [(row[0], row[1]) for row in table_rows(DOCS / "commands.md", "Command")] == [
        (f"[{name}](commands/{name}.md)", text) for name, text in COMMANDS.items()
    ]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_page_lists_exactly_the_options_of_the_command(name):
    written = {option for row in table_rows(DOCS / "commands" / f"{name}.md", "Option") for option in options_in(row)}
    known = {text for parameter in all_parameters(command(name)) for text in parameter.opts if text.startswith("-")}
    assert written == known


def all_parameters(found: click.Command) -> list[click.Parameter]:
    """Return the parameters of a command and of its own commands."""
    inner = found.commands.values() if isinstance(found, click.Group) else ()
    return [*found.params, *(parameter for each in inner for parameter in all_parameters(each))]


def options_in(row: list[str]) -> list[str]:
    return re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", row[0])


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_page_begins_with_its_synopsis(name):
    first = blocks(DOCS / "commands" / f"{name}.md", "console")[0]
    assert first.startswith(f"$ rouser {name}")
    for parameter in command(name).params:
        if isinstance(parameter, click.Argument):
            word = parameter.make_metavar(click.Context(command(name))).strip("[]")
            assert word in first


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_page_has_examples_and_exit_codes(name):
    page = (DOCS / "commands" / f"{name}.md").read_text()
    assert "## Examples\n" in page
    codes = {int(code) for code in re.findall(r"\b\d+\b", page.partition("## Exit codes\n")[2])}
    assert codes
    assert codes <= set(known_codes())


def error_classes() -> list[type[RouserError]]:
    found = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, RouserError)]
    return sorted(found, key=lambda error: (error.exit_code, error.__name__))


def known_codes() -> list[int]:
    return [0, 1, 2, *(error.exit_code for error in error_classes())]


def test_the_exit_codes_are_those_of_the_error_classes():
    page = DOCS / "exit-codes.md"
    rows = [row for row in table_rows(page, "Code") if len(row) == 4]
    written = sorted((int(code), name, kind) for code, kind, name, _ in rows)
    assert written == sorted((error.exit_code, error.__name__, error.kind) for error in error_classes())


def test_the_exit_codes_page_knows_the_codes_that_no_class_has():
    rows = [row for row in table_rows(DOCS / "exit-codes.md", "Code") if len(row) == 3]
    assert [int(row[0]) for row in rows] == [0, 1, click.UsageError.exit_code]


def test_the_configuration_page_has_every_key_with_its_default_and_variable():
    written = {row[0]: row[1:] for row in table_rows(DOCS / "configuration.md", "Key")}
    assert list(written) == list(Config._fields)
    for name, value in Config._field_defaults.items():
        kind, default, variable, _, _ = written[name]
        if name == "plugins":
            assert (kind, default, variable) == ("tables", "none", "see below")
        else:
            assert default == (str(value) or "empty")
            assert variable == f"ROUSER_{name.upper()}"
            assert kind == {str: "string", float: "number", int: "integer"}.get(type(value), "string")


def test_a_repository_may_set_exactly_the_keys_that_the_page_says(tmp_path):
    repository = tmp_path / "shop"
    (repository / ".git").mkdir(parents=True)
    file = repository / "rouser.toml"
    values = {
        "jobs": "4",
        "archive_after": "7",
        "hook_timeout": "5",
        "prompt_timeout": "5",
        "minimum_evidence": '"hook"',
        "plugins": "{}",
    }
    for key, _, _, _, allowed, _ in table_rows(DOCS / "configuration.md", "Key"):
        file.write_text(f"{key} = {values.get(key, chr(34) + 'x' + chr(34))}\n")
        told: list[str] = []
        before = getattr(load_config(repository, warn=told.append), key)
        trust(file, file.read_bytes())
        after = getattr(load_config(repository), key)
        assert (allowed, bool(told)) in {("yes", False), ("with consent", True)} or key == "plugins"
        assert (before == after) is (allowed == "yes") or key == "plugins"


def test_the_example_configuration_is_accepted(monkeypatch, tmp_path):
    file = tmp_path / "rouser.toml"
    file.write_text(blocks(DOCS / "configuration.md", "toml")[0])
    monkeypatch.setenv("ROUSER_CONFIG", str(file))
    assert load_config().plugins["tmux"] == {"socket": "agents"}


def test_every_variable_that_the_code_reads_is_on_the_configuration_page():
    page = (DOCS / "configuration.md").read_text()
    source = "".join(path.read_text() for path in (ROOT / "core" / "src").rglob("*.py"))
    read = set(re.findall(r"\"(ROUSER_[A-Z_]+|NO_COLOR)\"", source))
    internal = {"ROUSER_DEMO_CONVERSATIONS", "ROUSER_KIT", "ROUSER_KIT_TASK"}
    assert {name for name in read - internal if f"`{name}`" not in page} == set()


def test_the_json_page_has_every_key_of_a_session():
    assert [row[0] for row in table_rows(DOCS / "json.md", "Key")] == list(FIELDS)


@pytest.mark.parametrize("values", [SessionStatus, ActivityState, PromptState, Evidence])
def test_the_pages_name_every_value_of_an_enum(values):
    text = (DOCS / "json.md").read_text() + (DOCS / "configuration.md").read_text()
    assert {value for value in values if f"`{value}`" not in text} == set()


def modules() -> set[str]:
    package = Path(rouser.__file__).parent
    found = {path.stem for path in package.glob("*.py")} | {path.parent.name for path in package.glob("*/__init__.py")}
    return found - {"__init__"}


def test_the_architecture_page_lists_every_module_in_the_order_of_the_layers():
    written = [row[0] for row in table_rows(ROOT / "ARCHITECTURE.md", "Module")]
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    order = [name.strip() for layer in layers for name in layer.split("|")]
    assert set(order) == modules()
    assert written == order


def test_what_plugins_may_import_is_what_the_package_offers():
    for name in rouser.__all__:
        assert getattr(rouser, name) is not None
