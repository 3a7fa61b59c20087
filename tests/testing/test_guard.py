"""Inherited tests are neither removed nor overridden in silence."""

import pytest

from rouser.testing import AgentConformance, RuntimeConformance, WorkspaceConformance

BASES = (AgentConformance, RuntimeConformance, WorkspaceConformance)
TEST = "test_importing_it_is_quick"


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("member", [None, lambda self: None, property(lambda self: None)], ids=["gone", "other", "odd"])
def test_overriding_a_test_is_refused(base, member):
    with pytest.raises(TypeError, match=f"removes or overrides {TEST}"):
        type("Mine", (base,), {TEST: member})


def test_overriding_through_another_base_is_refused():
    with pytest.raises(TypeError, match="removes or overrides"):
        type("Mine", (type("Mixin", (), {TEST: lambda self: None}), RuntimeConformance), {})


def test_a_change_that_is_declared_with_its_reason_is_allowed():
    type("Mine", (RuntimeConformance,), {TEST: lambda self: None, "changed": {TEST: "it has to be slow"}})


@pytest.mark.parametrize("changed", [{TEST: " "}, {"test_nothing": "of this name"}])
def test_a_change_without_reason_or_subject_is_refused(changed):
    with pytest.raises(TypeError, match=r"gives no reason|no test of the kit|removes or overrides"):
        type("Mine", (RuntimeConformance,), {"changed": changed})


def test_switching_collection_off_is_refused():
    with pytest.raises(TypeError, match="__test__"):
        type("Mine", (RuntimeConformance,), {"__test__": False})


def test_tampering_after_the_definition_is_found():
    mine = type("Mine", (RuntimeConformance,), {})
    assert mine.problems() == []
    setattr(mine, TEST, lambda self: None)
    assert TEST in mine.problems()[0]
