"""What the documentation guards share: the pages, and the pieces of a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def all_pages() -> list[Path]:
    """Return every page that is part of the documentation, the plugins' READMEs included."""
    top = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    return [*top, ROOT / "core" / "README.md", *sorted(ROOT.glob("plugins/*/README.md")), *sorted(DOCS.rglob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a language, in their order."""
    return [text for found, text in _BLOCK.findall(page.read_text()) if found == language]


def without_blocks(page: Path) -> str:
    """Return the text of a page without its code blocks."""
    return _BLOCK.sub("", page.read_text())


def table_rows(page: Path, header: str) -> list[list[str]]:
    """Return the cells of the table whose first header is ``header``, backquotes taken off."""
    rows: list[list[str]] = []
    inside = False
    for line in page.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            inside = False
        elif cells[0] == header:
            inside = True
        elif inside and not set(cells[0]) <= set("-: "):
            rows.append([cell.strip("`") for cell in cells])
    return rows


def console_commands(page: Path) -> Iterator[str]:
    """Yield every command line that stands behind a ``$`` in a ``console`` block."""
    for block in blocks(page, "console"):
        for line in block.splitlines():
            if line.startswith("$ "):
                yield line.removeprefix("$ ")
