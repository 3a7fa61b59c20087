"""Which files a snapshot leaves out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rouser.errors import HookError

SETTINGS: Final = ("snapshot_ignored", "snapshot_max_file_size")
_SIZE: Final = re.compile(r"(\d{1,15})([kMG]?)")
_UNITS: Final = {"": 1, "k": 1024, "M": 1024**2, "G": 1024**3}
_WORDS: Final = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, kw_only=True, slots=True)
class SnapshotPolicy:
    """What goes into a snapshot beside tracked and untracked files of a usual size.

    :ivar max_file_size: the size in bytes of the largest file that is kept.
    :ivar ignored: whether files are kept that git ignores.
    """

    max_file_size: int = 100 * 1024**2
    ignored: bool = False


def snapshot_policy(settings: Mapping[str, Any]) -> SnapshotPolicy:
    """Return the policy that a plugin's settings ask for; settings of other names are not looked at.

    :param settings: ``snapshot_max_file_size``, a number of bytes, or a string like ``100M``, with ``k``, ``M`` or
        ``G``; ``snapshot_ignored``, true or false.
    :raises HookError: one of them is unusable.
    """
    default = SnapshotPolicy()
    return SnapshotPolicy(
        max_file_size=_size(settings.get("snapshot_max_file_size", default.max_file_size)),
        ignored=_flag(settings.get("snapshot_ignored", default.ignored)),
    )


def _size(value: Any) -> int:
    found = None if isinstance(value, bool) else _SIZE.fullmatch(str(value))
    if found is None:
        raise HookError(f"snapshot_max_file_size is {value!r}; it must be a number of bytes, or like 500k, 100M or 2G")
    return int(found[1]) * _UNITS[found[2]]


def _flag(value: Any) -> bool:
    flag = value if isinstance(value, bool) else _WORDS.get(str(value).lower())
    if flag is None:
        raise HookError(f"snapshot_ignored is {value!r}; it must be true or false")
    return flag
