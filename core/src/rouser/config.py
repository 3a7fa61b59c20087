"""Configuration: the repository's ``rouser.toml``, the user's file, ``ROUSER_*`` variables; the later wins.

A cloned repository is not trusted: without the user's consent, its file may choose among installed plugins and
name things, nothing more.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rouser.errors import ConfigError
from rouser.models import Evidence
from rouser.paths import user_config_file

if TYPE_CHECKING:
    from rouser.repository_file import RepositoryFile


class Config(NamedTuple):
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
    :ivar jobs: how many sessions are restored or killed at a time, 1 to 256.
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
    jobs: int = 24
    archive_after: float = 14.0
    minimum_evidence: Evidence = Evidence.PROCESS
    plugins: Mapping[str, Mapping[str, Any]] = MappingProxyType({})


_USER_KEYS: Final = frozenset(Config._fields)


def load_config(
    repository: Path | None = None,
    environment: Mapping[str, str] | None = None,
    warn: Callable[[str], None] | None = None,
) -> Config:
    """Read all sources and return the settings.

    :param repository: the directory whose ``rouser.toml`` counts; also looked for in its parents, up to the
        root of the repository. None: no repository's file counts.
    :param environment: the environment variables. None: those of this process.
    :param warn: told in one line what of the repository's file does not count for want of the user's consent.
    :raises ConfigError: a source holds something unusable; the message names source and key.
    """
    # A copy: plugins read their settings later, when others may have changed what they should not.
    environment = dict(os.environ) if environment is None else environment
    values: dict[str, Any] = {}
    if repository is not None:
        from rouser.repository_file import read_repository_file  # which most commands have none of

        if (found := read_repository_file(repository)) is not None:
            values.update(_from_repository(found, warn))
    plugins = {name: dict(table) for name, table in values.pop("plugins", {}).items()}
    values.update(_from_user(user_config_file()))
    for name, table in values.pop("plugins", {}).items():
        plugins[name] = {**plugins.get(name, {}), **table}
    values.update(_from_environment(environment))
    return Config(**values, plugins=_Overlaid(plugins, environment))


def _from_repository(file: "RepositoryFile", warn: Callable[[str], None] | None) -> dict[str, Any]:
    from rouser.repository_file import settings_in
    from rouser.trust import is_trusted

    source = str(file.path)
    _require_known(source, file.table)
    table, risky = file.harmless, file.risky
    if risky and is_trusted(file.path, file.data):
        table |= risky
    elif risky and warn is not None:
        names = [name for name, _ in settings_in(risky)]
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        warn(
            f"warning: {source} sets {names[0]}{more}, which needs your consent and does not count without it. "
            f"To see and allow it: rouser trust {file.path.parent}"
        )
    return {key: _checked(key, value, source) for key, value in table.items()}


def _from_user(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    from rouser.repository_file import parse

    table = parse(path, data)
    _require_known(str(path), table)
    return {key: _checked(key, value, str(path)) for key, value in table.items()}


def _require_known(source: str, table: Mapping[str, Any]) -> None:
    unknown = sorted(set(table) - _USER_KEYS)
    if unknown:
        raise ConfigError(f'{source}: "{unknown[0]}" cannot be set here; allowed are {", ".join(sorted(_USER_KEYS))}')


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
