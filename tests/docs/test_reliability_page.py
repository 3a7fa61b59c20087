"""The table of promises has what the torture counts, and nothing that it does not."""

from __future__ import annotations

import ast
from functools import cache

import pytest
from doc_pages import DOCS, ROOT, table_rows
from torture.schedule import PARTS

PAGE = DOCS / "reliability.md"
TORTURE = ROOT / "tests" / "torture"
ROWS = table_rows(PAGE, "Promise")


@cache
def sentences() -> set[str]:
    """Every string that stands in the torture's code."""
    trees = [ast.parse(path.read_text()) for path in TORTURE.glob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_the_parts_of_the_table_are_those_of_the_torture_in_their_order() -> None:
    assert list(dict.fromkeys(row[1] for row in ROWS)) == list(PARTS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_a_promise_is_counted_by_the_torture_was_tried_and_was_kept(row: list[str]) -> None:
    promise, part, cases, violations = row
    assert (TORTURE / f"{part}.py").exists()
    assert promise in sentences()
    assert int(cases.replace(",", "")) > 0
    assert violations == "0"
