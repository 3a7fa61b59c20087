"""Packages for new plugins, made from the templates that lie beside this module."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Final

from rouser.errors import ConfigError

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_COMMON: Final = {
    "README.md": "README.md",
    "gitignore": ".gitignore",
    "py.typed": "src/@module@/py.typed",
    "pyproject.toml": "pyproject.toml",
    "test.yml": ".github/workflows/test.yml",
}
_DIRECTORY: Final = "| `directory` | `~/.rouser-@name@` | Where it keeps its files. |"
_SETTING: Final = {"agent": "| `executable` | `@name@` | The program. |"}
_OF_THE_KIND: Final = {
    "init.py": "src/@module@/__init__.py",
    "test_conformance.py": "tests/test_conformance.py",
}


def make_package(name: str, kind: str, directory: Path) -> Path:
    """Write a package for a plugin and return its directory.

    :param name: the plugin's name: lower-case letters and digits, with hyphens between.
    :param kind: ``runtime``, ``agent`` or ``workspace``.
    :param directory: where to; must not be there yet.
    :raises ConfigError: the name is unusable, or the directory is there or cannot be made.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot name a plugin: use lower-case letters, digits and single hyphens, like my-box"
        )
    words = {
        # The first, as it holds another.
        "@setting@": _SETTING.get(kind, _DIRECTORY),
        "@name@": name,
        "@module@": f"rouser_{name.replace('-', '_')}",
        "@NAME@": name.replace("-", "_").upper(),
        "@kind@": kind,
        "@Class@": "".join(word.capitalize() for word in name.split("-")) + kind.capitalize(),
    }
    try:
        directory.mkdir(parents=True)
        for place, names in (("common", _COMMON), (kind, _OF_THE_KIND)):
            for template, target in names.items():
                text = files(__name__).joinpath("templates", place, f"{template}.tmpl").read_text(encoding="utf-8")
                file = directory / _filled(target, words)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(_filled(text, words), encoding="utf-8")
    except FileExistsError as error:
        raise ConfigError(f"{directory} is there already; remove it, or name another with --into") from error
    except OSError as error:
        raise ConfigError(f"{directory} cannot be made: {error.strerror}") from error
    return directory


def _filled(text: str, words: dict[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(word, value)
    return text
