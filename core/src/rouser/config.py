"""Configuration: the repository's ``rouser.toml``, the user's file, ``ROUSER_*`` variables; the later wins.

A cloned repository is not trusted: its file may choose among installed plugins and name things, nothing
more. Whatever makes a command run or names paths belongs in the user's own file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from rouser.errors import ConfigError
from rouser.models import Evidence
from rouser.paths import user_config_file

FILE_NAME: Final = "rouser.toml"


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """The settings of one command.

    :ivar agent: name of the agent plugin for new sessions.
    :ivar runtime: name of the runtime plugin for new sessions; or several, separated by commas: the first
        that is installed and of use on this machine.
    :ivar workspace: name of the workspace plugin for new sessions.
    :ivar project: project id of new sessions. Empty: the repository directory's name.
    :ivar base: revision that new branches start from. Empty: what the repository has checked out.
    :ivar branch_prefix: what generated branch names begin with.
    :ivar hook_timeout: deadline of a hook call in seconds, 0.1 to 3600.
    :ivar prompt_timeout: how long to wait for an agent to take a prompt, in seconds, 0.1 to 3600.
    :ivar jobs: how many sessions are restored at a time, 1 to 256.
    :ivar archive_after: for how many days sessions that are over are listed, 0 to 36500.
    :ivar minimum_evidence: the weakest evidence on which a conversation is resumed.
    :ivar plugins: each plugin's own settings by its name.
    """

    agent: str = "claude-code"
    runtime: str = "tmux, process"
    workspace: str = "worktree"
    project: str = ""
    base: str = ""
    branch_prefix: str = "rouser/"
    hook_timeout: float = 10.0
    prompt_timeout: float = 30.0
    jobs: int = 8
    archive_after: float = 14.0
    minimum_evidence: Evidence = Evidence.PROCESS
    plugins: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


_REPOSITORY_KEYS: Final = frozenset({"agent", "runtime", "workspace", "project", "base", "branch_prefix"})
_USER_KEYS: Final = frozenset(item.name for item in fields(Config))


def load_config(repository: Path | None = None, environment: Mapping[str, str] | None = None) -> Config:
    """Read all sources and return the settings.

    :param repository: the directory whose ``rouser.toml`` counts; also looked for in its parents, up to the
        root of the repository. None: no repository's file counts.
    :param environment: the environment variables. None: those of this process.
    :raises ConfigError: a source holds something unusable; the message names source and key.
    """
    # A copy: plugins read their settings later, when others may have changed what they should not.
    environment = dict(os.environ) if environment is None else environment
    values: dict[str, Any] = {}
    found = None if repository is None else _repository_file(repository)
    if found is not None:
        values.update(_read_file(found, _REPOSITORY_KEYS, "a repository's file may set only"))
    values.update(_read_file(user_config_file(), _USER_KEYS, "allowed are"))
    plugins = {name: dict(table) for name, table in values.pop("plugins", {}).items()}
    values.update(_from_environment(environment))
    return Config(**values, plugins=_Overlaid(plugins, environment))


def _repository_file(start: Path) -> Path | None:
    start = start.resolve()  # a relative path has no parents
    for directory in (start, *start.parents):
        candidate = directory / FILE_NAME
        if candidate.is_file():
            return candidate
        if (directory / ".git").exists():
            return None
    return None


def _read_file(path: Path, allowed: frozenset[str], rule: str) -> dict[str, Any]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    import tomllib

    try:
        table = tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    unknown = sorted(set(table) - allowed)
    if unknown:
        raise ConfigError(f'{path}: "{unknown[0]}" cannot be set here; {rule} {", ".join(sorted(allowed))}')
    return {key: _checked(key, value, str(path)) for key, value in table.items()}


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for key in sorted(_USER_KEYS - {"plugins"}):
        name = f"ROUSER_{key.upper()}"
        if environment.get(name):
            yield key, _checked(key, environment[name], name)


class _Overlaid(Mapping[str, Mapping[str, Any]]):
    """Settings by plugin name, with ``ROUSER_NAME_KEY`` variables laid over them when they are asked for.

    Which variables belong to a plugin is known only once its name is: ``ROUSER_A_B_C`` may be key ``b_c`` of
    the plugin ``a``, or key ``c`` of ``a-b``.
    """

    def __init__(self, tables: dict[str, dict[str, Any]], environment: Mapping[str, str]) -> None:
        self._tables = tables
        self._environment = environment

    def __getitem__(self, name: str) -> Mapping[str, Any]:
        prefix = f"ROUSER_{name.upper().replace('-', '_')}_"
        overlay = {
            variable.removeprefix(prefix).lower(): value
            for variable, value in self._environment.items()
            if variable.startswith(prefix) and variable != prefix
        }
        return {**self._tables.get(name, {}), **overlay}

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)


def _checked(key: str, value: Any, source: str) -> Any:
    """Return ``value`` as the type that ``key`` has."""
    if key == "plugins":
        if not isinstance(value, dict) or not all(isinstance(table, dict) for table in value.values()):
            raise ConfigError(f'{source}: "plugins" holds tables, as in [plugins.tmux]')
        return value
    if key in {"hook_timeout", "prompt_timeout"}:
        return _number(key, value, source, (0.1, 3600.0))
    if key == "archive_after":
        return _number(key, value, source, (0.0, 36500.0))
    if key == "jobs":
        return int(_number(key, value, source, (1, 256)))
    if key == "minimum_evidence":
        try:
            return Evidence(value)
        except ValueError as error:
            raise ConfigError(f'{source}: "{key}" must be one of {", ".join(Evidence)}') from error
    if not isinstance(value, str):
        raise ConfigError(f'{source}: "{key}" must be a string')
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise ConfigError(f'{source}: "{key}" is not valid UTF-8')
    return value


def _number(key: str, value: Any, source: str, bounds: tuple[float, float]) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if isinstance(value, bool) or not bounds[0] <= number <= bounds[1]:
        raise ConfigError(f'{source}: "{key}" must be a number from {bounds[0]:g} to {bounds[1]:g}')
    return number
