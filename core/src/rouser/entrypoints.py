"""Which plugins are installed, read from the entry points of the installed distributions.

Reads the ``entry_points.txt`` files directly: importing ``importlib.metadata`` and letting it parse every
distribution costs more than everything else that ``rouser ls`` does. The format is that of
https://packaging.python.org/en/latest/specifications/entry-points/; the tests hold the result against
``importlib.metadata``, which is still used for entries of ``sys.path`` that are no directories.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from importlib import import_module
from typing import Final, NamedTuple

GROUP: Final = "rouser"
KINDS_GROUP: Final = "rouser.kinds"
"""Where a distribution may declare what a plugin serves, and nothing else: kinds and events, joined by dots."""

_METADATA: Final = (".dist-info", ".egg-info")
_AT_ONCE: Final = 65_536  # bytes


class EntryPoint(NamedTuple):
    """One entry point of a distribution.

    :ivar name: the plugin's name.
    :ivar value: ``module`` or ``module:attribute``, where the plugin is found.
    :ivar distribution: name of the distribution that declares it.
    :ivar version: that distribution's version.
    :ivar kinds: the kinds and events that the distribution declares for the plugin; empty: it declares nothing.
    """

    name: str
    value: str
    distribution: str
    version: str
    kinds: tuple[str, ...] = ()

    def load(self) -> object:
        """Import the module and return the plugin."""
        module, _, attributes = self.value.partition(":")
        found: object = import_module(module.strip())
        for attribute in filter(None, attributes.strip().split(".")):
            found = getattr(found, attribute)
        return found


def installed(group: str = GROUP, path: Iterable[str] | None = None) -> list[EntryPoint]:
    """Return the entry points of ``group``, sorted by name, then by distribution.

    Of a distribution that is there twice, the one that comes first on the path counts, as for imports.

    :param path: directories to look in. None: ``sys.path``.
    """
    found: list[EntryPoint] = []
    seen: set[str] = set()
    for directory in dict.fromkeys(sys.path if path is None else path):
        found += _in_directory(directory or ".", group, seen)
    return sorted(found, key=lambda entry: (entry.name, entry.distribution))


def _in_directory(directory: str, group: str, seen: set[str]) -> Iterator[EntryPoint]:
    try:
        names = [name for name in os.listdir(directory) if name.endswith(_METADATA)]  # noqa: PTH208 - pathlib is slow
    except NotADirectoryError:
        yield from _in_archive(directory, group, seen)
        return
    except OSError:
        return
    for name in sorted(names):
        distribution, version = _identity(name)
        normal = _normalised(distribution)
        if normal in seen:
            continue
        seen.add(normal)
        text = _read(f"{directory}/{name}/entry_points.txt")
        if text and f"[{group}]" in text:
            distribution = _declared_name(f"{directory}/{name}") or distribution
            kinds = dict(_section(text, KINDS_GROUP))
            for key, value in _section(text, group):
                yield EntryPoint(key, value, distribution, version, _kinds(kinds.get(key)))


def _in_archive(file: str, group: str, seen: set[str]) -> Iterator[EntryPoint]:
    import importlib.metadata

    for distribution in importlib.metadata.distributions(path=[file]):
        name = distribution.metadata["Name"]
        if _normalised(name) in seen:
            continue
        seen.add(_normalised(name))
        kinds = {entry.name: entry.value for entry in distribution.entry_points.select(group=KINDS_GROUP)}
        for entry in distribution.entry_points.select(group=group):
            yield EntryPoint(entry.name, entry.value, name, distribution.version, _kinds(kinds.get(entry.name)))


def _kinds(declared: str | None) -> tuple[str, ...]:
    return tuple(declared.split(".")) if declared else ()


def _identity(directory: str) -> tuple[str, str]:
    """Split ``name-version.dist-info``; in the directory's name ``-`` stands between the two only."""
    stem = directory.rpartition(".")[0]
    name, _, version = stem.partition("-")
    return name, version.partition("-py")[0]


def _normalised(name: str) -> str:
    text = name.lower().replace("_", "-").replace(".", "-")
    while "--" in text:
        text = text.replace("--", "-")
    return text


def _declared_name(directory: str) -> str:
    for file in ("METADATA", "PKG-INFO"):
        for line in _read(f"{directory}/{file}").splitlines():
            if not line.strip():  # behind it stands a whole README
                break
            if line.startswith("Name:"):
                return line.removeprefix("Name:").strip()
    return ""


def _read(file: str) -> str:
    """Return a text, read in the third part of the time that a file object takes; empty if it cannot be read."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return b"".join(iter(partial(os.read, descriptor, _AT_ONCE), b"")).decode(errors="replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)


def _section(text: str, group: str) -> Iterator[tuple[str, str]]:
    """Yield name and value of each line in the section, as ``importlib.metadata`` reads them."""
    inside = False
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            inside = line[1:-1].strip() == group
        elif inside:
            name, equals, value = line.partition("=")
            if equals:
                yield name.strip(), value.partition("[")[0].strip()
