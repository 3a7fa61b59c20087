"""A missing program counts where somebody uses it."""

from __future__ import annotations

import pytest

from rouser import Diagnosis, PluginSpec, hookimpl
from rouser.doctor import examine


class Needy(PluginSpec):
    """A plugin whose program is missing."""

    @hookimpl
    def plugin_diagnose(self):
        return [Diagnosis(subject="needy", ok=False, message="it is missing", remedy="install it", if_used=True)]


@pytest.fixture
def found(stage):
    stage.host.register(Needy(), "needy")

    def look(**changes):
        findings = examine(stage.host, stage.store, stage.config._replace(**changes))
        return next(item for item in findings if item.subject == "needy")

    return look


def test_where_nothing_uses_it_it_is_a_note(stage, found):
    stage.add()
    finding = found()
    assert (finding.ok, finding.remedy) == (True, "install it")
    assert finding.message == "it is missing; nothing here uses it"


@pytest.mark.parametrize("kind", ["agent", "runtime", "workspace"])
def test_for_a_session_that_has_it_it_is_a_fault(stage, found, kind):
    stage.add(**{kind: "needy"})
    assert not found().ok


@pytest.mark.parametrize(
    "chosen",
    [{"agent": "needy"}, {"workspace": "needy"}, {"runtime": "x, needy"}, {"plugins": {"needy": {"executable": "n"}}}],
)
def test_for_a_configuration_that_names_it_it_is_a_fault(found, chosen):
    assert not found(**chosen).ok


def test_a_plugin_that_sessions_have_and_that_is_gone_is_a_fault(stage):
    for _ in range(2):
        stage.add(runtime="gone")
    stage.add(agent="away", workspace=None)
    findings = examine(stage.host, stage.store, stage.config)
    faults = {item.subject: (item.message, item.remedy) for item in findings if not item.ok}
    assert faults["gone"] == (
        "the plugin of 2 sessions is not installed",
        "pip install rouser-gone, or whichever package has it",
    )
    assert faults["away"][0] == "the plugin of 1 session is not installed"
