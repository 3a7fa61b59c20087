"""What may be set: by configuration for all sessions, and by ``--runtime-option`` for one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rouser import HookError, state_directory

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_TIME: Final = re.compile(r"(\d+-)?\d+(:\d{1,2}){0,2}|UNLIMITED|INFINITE", re.IGNORECASE)
_NUMBER: Final = re.compile(r"[1-9]\d*")
_MEMORY: Final = re.compile(r"\d+[KMGT]?", re.IGNORECASE)
_OF_SBATCH: Final[Mapping[str, str]] = {
    "partition": "--partition",
    "account": "--account",
    "qos": "--qos",
    "time": "--time",
    "cpus": "--cpus-per-task",
    "memory": "--mem",
    "gres": "--gres",
    "constraint": "--constraint",
    "reservation": "--reservation",
}
_FORMS: Final = {
    "time": (_TIME, "minutes, H:M:S, D-H or D-H:M:S"),
    "cpus": (_NUMBER, "a number"),
    "memory": (_MEMORY, "a number of megabytes, or one with K, M, G or T"),
}
# What the plugin itself depends on, or would end or start copies behind its back.
_RESERVED: Final = (
    *("--array", "-a", "--requeue", "--no-requeue", "--job-name", "-J", "--comment", "--signal", "--export"),
    *("--parsable", "--output", "-o", "--error", "-e", "--input", "-i", "--open-mode", "--wrap", "--chdir", "-D"),
    *("--nodes", "-N", "--ntasks", "-n", "--wait", "-W", "--test-only", "--clusters", "-M", "--export-file"),
    *("--hold", "-H", "--quiet", "-Q", "--begin", "-b", "--get-user-env", "--uid", "--gid"),
)
OPTIONS: Final = (*_OF_SBATCH, "sbatch")
_PLUGIN: Final = ("conf", "cluster", "directory", "tmux", "lease_seconds", "notice_seconds", "submissions_per_second")
_NUMBERS: Final[Mapping[str, tuple[float, float]]] = {
    "lease_seconds": (2, 600),
    "notice_seconds": (0, 65535),
    "submissions_per_second": (1, 1000),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The plugin's settings.

    :ivar conf: path of Slurm's configuration file. Empty: wherever Slurm looks for it.
    :ivar cluster: name of the cluster, where there are several. Empty: the default one.
    :ivar directory: where the plugin's files are; on a file system that all nodes share.
    :ivar tmux: the tmux of the nodes.
    :ivar lease_seconds: for how long a job that cannot reach its lease lives on.
    :ivar notice_seconds: how long before its time limit an agent is told of it; 0: never.
    :ivar submissions_per_second: how many jobs are submitted in a second at most.
    :ivar options: options for sbatch by their names, as in :data:`OPTIONS`.
    """

    conf: str = ""
    cluster: str = ""
    directory: Path
    tmux: str = "tmux"
    lease_seconds: int = 4
    notice_seconds: int = 300
    submissions_per_second: int = 50
    options: Mapping[str, str] = field(default_factory=dict)


def parse(settings: Mapping[str, Any]) -> Settings:
    """Return what ``[plugins.slurm]`` says.

    :raises HookError: a setting is unknown or unusable.
    """
    unknown = sorted(settings.keys() - {*_PLUGIN, *OPTIONS})
    if unknown:
        raise HookError(f"unknown setting {unknown[0]!r} of slurm; allowed are: {', '.join((*_PLUGIN, *OPTIONS))}")
    given = {key: value for key, value in settings.items() if value != ""}
    values: dict[str, Any] = {key: _number(key, given[key]) for key in _NUMBERS if key in given}
    values |= {key: _text(key, given[key]) for key in ("conf", "cluster", "tmux") if key in given}
    place = _text("directory", given["directory"]) if "directory" in given else str(state_directory() / "slurm")
    options = check({key: str(value) for key, value in given.items() if key in OPTIONS})
    if "conf" in values:
        values["conf"] = str(Path(values["conf"]).expanduser().absolute())
    return Settings(directory=Path(place).expanduser().absolute(), options=options, **values)


def check(options: Mapping[str, str]) -> dict[str, str]:
    """Return options for sbatch, once it is sure that they can be what they are given for.

    :raises HookError: one is unknown or unusable.
    """
    for key, value in options.items():
        if key not in OPTIONS:
            raise HookError(f"unknown option {key!r} of slurm; allowed are: {', '.join(OPTIONS)}")
        if _CONTROL.search(value) or not value:
            raise HookError(f"the option {key} of slurm is {value!r}, which sbatch would not take")
        form, words = _FORMS.get(key, (None, ""))
        if form and not form.fullmatch(value):
            raise HookError(f"the option {key} of slurm is {value!r}; give {words}")
    _extra(options.get("sbatch", ""))
    return dict(options)


def arguments(options: Mapping[str, str]) -> list[str]:
    """Return the arguments of sbatch that options stand for."""
    given = [f"{_OF_SBATCH[key]}={value}" for key, value in options.items() if key in _OF_SBATCH]
    return given + _extra(options.get("sbatch", ""))


def _extra(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise HookError(f"the option sbatch of slurm is {text!r}: {error}") from error
    for word in words:
        flag = word.partition("=")[0]
        if not flag.startswith("-"):
            raise HookError(f"the option sbatch of slurm holds {word!r}; write options as --name=value")
        short = flag[:2] if not flag.startswith("--") else flag
        if flag in _RESERVED or short in _RESERVED:
            raise HookError(f"the option sbatch of slurm holds {flag}, which rouser itself has to decide")
    return words


def _text(key: str, value: object) -> str:
    if not isinstance(value, str) or _CONTROL.search(value):
        raise HookError(f"the setting {key} of slurm is {value!r}; give a text on one line")
    return value


def _number(key: str, value: object) -> int:
    low, high = _NUMBERS[key]
    try:
        number = int(str(value))
    except ValueError:
        number = -1
    if isinstance(value, bool) or not low <= number <= high:
        raise HookError(f"the setting {key} of slurm is {value!r}; give a whole number from {low:g} to {high:g}")
    return number
