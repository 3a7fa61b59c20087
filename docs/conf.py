"""How Sphinx makes the site: ``make docs``. The pages are those that GitHub shows; nothing is fetched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sphinx.application import Sphinx

ROOT: Final = Path(__file__).resolve().parents[1]

project = "rouser"
author = project_copyright = "the authors of rouser"
extensions = ["myst_parser"]

# The root of the source is the checkout, so that a link from docs/ to a plugin's README is the same in both places.
root_doc = "docs/index"
include_patterns = ["*.md", "core/README.md", "plugins/*/README.md", "docs/*.md", "docs/**/*.md"]
exclude_patterns = [".*", "build", "dist", "bench", "tests", "core/src", "plugins/*/src"]

nitpicky = True
myst_heading_anchors = 4  # the anchors that GitHub gives to headings
highlight_language = "none"

html_theme = "furo"
html_title = "rouser"
html_static_path = ["_static"]
html_css_files = ["site.css"]
templates_path = ["_templates"]
html_additional_pages = {"index": "to_documentation.html"}
html_copy_source = False
html_show_sourcelink = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"

_HEADING: Final = re.compile(r"^##+ (.+)$")
_PAGE: Final = re.compile(r"\]\(([^)\s#:]+)\.md\)")
_NAVIGATING: Final = {"docs/index", "docs/commands", "docs/hooks"}


def navigation(text: str) -> Iterator[str]:
    """Yield a hidden table of contents for each section, made of the links in its tables and lists."""
    caption, pages = list[str](), list[str]()
    for line in [*text.splitlines(), "## end"]:
        heading = _HEADING.match(line)
        if heading:
            if pages:
                yield "\n".join(["", "```{toctree}", ":hidden:", *caption, "", *pages, "```", ""])
            caption, pages = [f":caption: {heading[1]}"], []
        elif line.startswith(("|", "- ")):
            pages += _PAGE.findall(line)[:1]


def add_navigation(_: Sphinx, page: str, source: list[str]) -> None:
    """Let the pages that list others be the site's navigation too; a page that none lists is a warning."""
    if page in _NAVIGATING:
        source[0] += "\n".join(navigation(source[0]))


def setup(app: Sphinx) -> None:
    """Connect the navigation; called by Sphinx."""
    app.connect("source-read", add_navigation)
