"""The kit finds every broken plugin, and names what is wrong with it."""

import os
import re
from pathlib import Path

import pytest
from testing.broken import agents, process_runtimes, slow_import, tmux_runtimes, workspaces
from testing.broken.defects import defects_in
from testing.sound import SoundAgent, SoundRuntime

from rouser.testing import verdict

DEFECTS = [
    defect
    for module in (agents, process_runtimes, slow_import, tmux_runtimes, workspaces)
    for defect in defects_in(module)
]
NOT_NEEDED = ("randomly", "xdist", "timeout", "cacheprovider")
pytest_plugins = ["pytester"]
SUITE = """
import json
import pytest
from rouser.testing import {base}
from {module} import {name}

class TestBroken({base}):
    missing = {name}.missing
    programs = {name}.programs

    @pytest.fixture
    def plugin(self):
        return {name}
"""
CONVERSATION = """
    def have_conversation(self, session, prompts):
        file = {name}().log(session)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{{json.dumps(prompt)}}\\n" for prompt in prompts))
"""


def suite_for(plugin):
    kind = {SoundAgent: "Agent", SoundRuntime: "Runtime"}
    kinds = [word for base, word in kind.items() if issubclass(plugin, base)]
    if plugin.__module__ == tmux_runtimes.__name__:
        kinds = ["Runtime"]
    names = {"base": f"{(kinds or ['Workspace'])[0]}Conformance", "module": plugin.__module__, "name": plugin.__name__}
    return (SUITE + (CONVERSATION if kinds == ["Agent"] else "")).format(**names)


@pytest.fixture
def run(pytester, monkeypatch):
    """Run a suite in this process, as its author's pytest would, and return the result and what was printed."""
    before = dict(os.environ)
    pytester.syspathinsert(Path(__file__).parents[1])
    monkeypatch.setattr(verdict, "patience", 2.0)

    def run_suite(suite, *options):
        pytester.makepyfile(test_suite=suite)
        result = pytester.runpytest_inprocess(*(f"-pno:{name}" for name in NOT_NEEDED), *options)
        return result, result.stdout.str() + result.stderr.str()

    yield run_suite
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.plugin.__name__)
def test_broken_plugin_fails_for_its_defect(defect, run):
    result, printed = run(suite_for(defect.plugin), f"test_suite.py::TestBroken::{defect.test}")
    result.assert_outcomes(failed=1)
    assert re.search(defect.words, printed)


def test_there_are_many_broken_plugins():
    assert len(DEFECTS) >= 30
