"""What a hook returns is checked to its last field, and its plugin is blamed for what is wrong with it."""

import typing
from collections import UserDict, UserList
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from support.fakes import FakeAgent, FakeRuntime, FakeWorkspace
from support.stage import Stage

import rouser
from rouser import (
    ActivityState,
    Conversation,
    Diagnosis,
    DiscoveredConversation,
    DiscoveredRuntime,
    DiscoveredWorkspace,
    Evidence,
    PluginCallError,
    PromptState,
    Snapshot,
    hookimpl,
)
from rouser.answers import CHECKS
from rouser.hookspecs import KINDS, hooks_of
from rouser.host import Host

NOW = datetime(2024, 2, 29, 12, 30, tzinfo=UTC)
SPECS = {hook: spec for spec in KINDS.values() for hook in hooks_of(spec)}


class Words(str):
    """A text that cannot be compared."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError


class Items(list):
    """A list that cannot be read."""

    def __iter__(self):
        raise ZeroDivisionError


class Table(dict):
    """A dict that cannot be read."""

    def items(self):
        raise ZeroDivisionError


def ask(hook: str, answer: Any) -> Any:
    """Return what the host makes of a plugin's answer."""

    class Odd(FakeRuntime, FakeAgent, FakeWorkspace):
        def __init__(self) -> None:
            """Need nothing, as only the one hook is called."""

    setattr(Odd, hook, hookimpl(lambda self: answer))
    host = Host()
    host.register(Odd(), "odd")
    return host.call("odd", hook, **dict.fromkeys(_parameters(hook)))


def _parameters(hook: str) -> tuple[str, ...]:
    code = getattr(SPECS[hook], hook).__code__
    return code.co_varnames[1 : code.co_argcount]


def conversation(**fields: Any) -> Conversation:
    return Conversation(**({"id": "c", "evidence": Evidence.PINNED, "reason": "r"} | fields))


def snapshot(**fields: Any) -> Snapshot:
    return Snapshot(**({"number": 1, "commit": "c", "at": NOW} | fields))


def discovered(**fields: Any) -> list[DiscoveredConversation]:
    return [DiscoveredConversation(**({"id": "c", "directory": Path("/d"), "last_activity": NOW} | fields))]


FIELDS = [
    ("agent_find_conversation", conversation(id=None), "NoneType as Conversation.id .*, where str"),
    ("agent_find_conversation", conversation(id=Path("/x")), "PosixPath as Conversation.id .*, where str"),
    ("agent_find_conversation", conversation(id="\ud800"), "Conversation.id .*, where text that can be kept"),
    ("agent_find_conversation", conversation(id="a\0"), "Conversation.id .*, where text that can be kept"),
    ("agent_find_conversation", conversation(id=""), "an empty text as Conversation.id .*, where an id that is not"),
    ("agent_find_conversation", conversation(evidence="pinned"), "str as Conversation.evidence .*, where Evidence"),
    ("agent_find_conversation", conversation(evidence="nonsense"), "str as Conversation.evidence .*, where Evidence"),
    ("agent_find_conversation", conversation(reason=None), "NoneType as Conversation.reason .*, where str"),
    ("workspace_snapshot", snapshot(number="1"), "str as Snapshot.number .*, where int"),
    ("workspace_snapshot", snapshot(number=True), "bool as Snapshot.number .*, where int"),
    ("workspace_snapshot", snapshot(number=10**5000), "more than 64 bits as Snapshot.number"),
    ("workspace_snapshot", snapshot(at="now"), "str as Snapshot.at .*, where datetime"),
    ("workspace_snapshot", snapshot(at=NOW.replace(tzinfo=None)), "without its zone as Snapshot.at"),
    ("workspace_snapshot", snapshot(commit=b""), "bytes as Snapshot.commit .*, where str"),
    ("workspace_snapshot", snapshot(left_out=None), "NoneType as Snapshot.left_out .*, where sequence of str"),
    ("workspace_snapshots", [snapshot(), snapshot(left_out=[1])], "int as Snapshot.left_out .*, where str"),
    ("runtime_discover", [DiscoveredRuntime(handle=1, session_id="s", name="n")], "int as DiscoveredRuntime.handle"),
    ("runtime_discover", [DiscoveredRuntime(handle="h", session_id=3, name="n")], "DiscoveredRuntime.session_id"),
    ("runtime_discover", [DiscoveredRuntime(handle="h", session_id="s", name=None)], "DiscoveredRuntime.name"),
    ("workspace_discover", [DiscoveredWorkspace(path="/x", session_id="s")], "str as DiscoveredWorkspace.path"),
    ("workspace_discover", [DiscoveredWorkspace(path=Path("/x\ud800"), session_id="s")], "that a file can have"),
    ("agent_discover", discovered(id=""), "an empty text as DiscoveredConversation.id"),
    ("agent_discover", discovered(directory="/d"), "str as DiscoveredConversation.directory"),
    ("agent_discover", discovered(directory=Path("d")), "DiscoveredConversation.directory .*, where absolute path"),
    ("agent_discover", discovered(pid="1"), "str as DiscoveredConversation.pid"),
    ("agent_discover", discovered(branch=b"x"), "bytes as DiscoveredConversation.branch"),
    ("plugin_diagnose", [Diagnosis(subject="s", ok=object(), message="m")], "object as Diagnosis.ok .*, where bool"),
    ("plugin_diagnose", [Diagnosis(subject="s", ok=True, message=b"m")], "bytes as Diagnosis.message"),
]
VALUES = [
    ("workspace_create", Path("/a\0b"), "where absolute path that a file can have"),
    ("workspace_create", Path("/\ud800"), "where absolute path that a file can have"),
    ("workspace_restore", Path("relative"), "where absolute path"),
    ("workspace_create", PurePosixPath("/x"), "PurePosixPath .*, where Path"),
    ("runtime_create", "\ud800", "where text that can be kept"),
    ("runtime_is_alive", 1, "int .*, where bool"),
    ("runtime_get_output", b"x", "bytes .*, where str"),
    ("runtime_attach_command", ["\ud800"], "an argument that no process can be given"),
    ("runtime_attach_command", ["a\0"], "an argument that no process can be given"),
    ("runtime_discover", None, "NoneType .*, where sequence of DiscoveredRuntime"),
    ("runtime_list_alive", ["h"], "list .*, where mapping"),
    ("agent_launch_command", ["a\0"], "an argument that no process can be given"),
    ("agent_launch_command", ["\udbff"], "an argument that no process can be given"),
    ("agent_restore_command", [Path("agent")], "PosixPath .*, where str"),
    ("agent_prompt_arguments", ["\udd00"], "an argument that no process can be given"),
    ("agent_environment", {"A=B": "x"}, "a variable named 'A=B'"),
    ("agent_environment", {"": "x"}, "a variable named ''"),
    ("agent_environment", {"A\0": "x"}, "an argument that no process can be given"),
    ("agent_environment", {"A": "\0"}, "an argument that no process can be given"),
    ("agent_environment", {"A": 5}, "int .*, where str"),
    ("agent_environment", {5: "A"}, "int .*, where str"),
    ("agent_initial_prompt", "\ud800", "text that cannot be encoded"),
    ("agent_message", "\ud800", "text that cannot be encoded"),
    ("agent_detect_activity", "active", "str .*, where ActivityState or None"),
    ("agent_prompt_state", "accepted", "str .*, where PromptState or None"),
    ("agent_prompt_state", PromptState.FAILED, "PromptState.FAILED .*, where QUEUED, ACCEPTED, DURABLE or None"),
    ("agent_prompt_state", PromptState.HANDED_OVER, "PromptState.HANDED_OVER .*, where QUEUED"),
    ("agent_has_started", 1, "int .*, where bool or None"),
    ("agent_prepare", {"a": float("nan")}, "nan in 'a' .*, where mapping of str to JSON values"),
    ("agent_prepare", {"a": [{"b": float("-inf")}]}, "-inf in 'a' .*, where mapping of str to JSON values"),
    ("runtime_options", {"a": float("inf")}, "inf in 'a' .*, where mapping of str to JSON values"),
    ("agent_prepare", {5: 6}, "the key 5"),
    ("agent_prepare", {"a": {1, 2}}, "set in 'a'"),
    ("agent_prepare", {"a": 10**5000}, "a number beyond all others in 'a'"),
    ("agent_prepare", {"a": "\ud800"}, "text that cannot be encoded in 'a'"),
    ("plugin_scratch_settings", {"a": Path("/x")}, "PosixPath in 'a'"),
    ("plugin_available", True, "bool .*, where str or None"),
    ("workspace_restore_snapshot", [1], "int .*, where str"),
    ("workspace_destroy", False, "bool .*, where None"),
]


@pytest.mark.parametrize(("hook", "answer", "words"), FIELDS + VALUES)
def test_what_is_wrong_names_the_plugin_the_hook_and_the_field(hook: str, answer: Any, words: str) -> None:
    with pytest.raises(PluginCallError, match=f"^odd returned .*{words}") as caught:
        ask(hook, answer)
    assert f" from {hook}, where " in str(caught.value)
    assert (caught.value.plugin, caught.value.hook) == ("odd", hook)


@pytest.mark.parametrize(
    ("hook", "answer"),
    [
        ("agent_launch_command", Items(["x"])),
        ("agent_discover", Items([1])),
        ("agent_environment", Table(a="b")),
        ("runtime_describe", Table(a="b")),
        ("agent_prepare", {"a": Table(a="b")}),
    ],
)
def test_what_cannot_be_looked_at_is_a_failure_of_its_plugin(hook: str, answer: Any) -> None:
    with pytest.raises(PluginCallError, match=f"odd failed in {hook}: ZeroDivisionError"):
        ask(hook, answer)


@pytest.mark.parametrize("levels", [101, 3000, 100_000])
def test_what_is_nested_too_deeply_is_refused_and_exhausts_nobody(levels: int) -> None:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    with pytest.raises(PluginCallError, match="more than 100 levels"):
        ask("agent_prepare", value)


def test_what_holds_itself_is_refused() -> None:
    value: dict[str, Any] = {}
    value["a"] = value
    with pytest.raises(PluginCallError, match="more than 100 levels"):
        ask("runtime_options", value)


@pytest.mark.parametrize(
    ("hook", "answer", "taken"),
    [
        ("agent_find_conversation", conversation(), conversation()),
        ("agent_find_conversation", None, None),
        ("agent_detect_activity", ActivityState.IDLE, ActivityState.IDLE),
        ("agent_prompt_state", PromptState.DURABLE, PromptState.DURABLE),
        ("agent_launch_command", ("agent", "\udcff"), ["agent", "\udcff"]),
        ("agent_launch_command", UserList(["agent"]), ["agent"]),
        ("agent_environment", UserDict({"A": None, "B": "\udcff="}), {"A": None, "B": "\udcff="}),
        ("agent_prepare", {"a": (1, 2.5, None, True, {"b": []})}, {"a": [1, 2.5, None, True, {"b": []}]}),
        ("agent_discover", discovered(pid=7, branch="b"), discovered(pid=7, branch="b")),
        ("workspace_snapshot", snapshot(left_out=["x"]), snapshot(left_out=("x",))),
        ("workspace_create", Path("/a/\udcff"), Path("/a/\udcff")),
        ("workspace_restore_snapshot", ["\udcff"], ["\udcff"]),
        ("runtime_list_alive", {"h": True, "i": None}, {"h": True, "i": None}),
        ("runtime_send_message", None, None),
        ("plugin_scratch_settings", {}, {}),
    ],
)
def test_what_is_right_is_taken_as_it_is(hook: str, answer: Any, taken: Any) -> None:
    assert ask(hook, answer) == taken


def test_what_nobody_awaited_is_not_taken_for_done(recwarn: pytest.WarningsRecorder) -> None:
    async def send() -> None:
        """Do nothing, however long one waits for it."""

    with pytest.raises(PluginCallError, match="odd returned coroutine from runtime_send_message, where None"):
        ask("runtime_send_message", send())
    assert list(recwarn) == []


def test_an_event_takes_no_answer(stage: Stage) -> None:
    class Talkative:
        @hookimpl
        def session_removed(self):
            return "noted"

    stage.host.register(Talkative(), "talkative")
    stage.host.notify("session_removed", session=stage.add())
    assert stage.host.problems == ["talkative returned str from session_removed, where None is expected"]


def test_text_becomes_plain_wherever_it_stands() -> None:
    assert type(ask("runtime_create", Words("h"))) is str
    assert type(ask("agent_find_conversation", conversation(id=Words("c"))).id) is str
    assert [type(word) for word in ask("agent_launch_command", [Words("agent")])] == [str]
    assert type(ask("agent_prepare", {"a": Words("b")})["a"]) is str


def test_a_runtime_is_found_even_by_a_handle_that_cannot_be_kept() -> None:
    runtime = DiscoveredRuntime(handle="h\0", session_id="s", name="n")
    assert ask("runtime_discover", [runtime]) == [runtime]


def test_half_a_character_in_text_for_people_is_replaced_and_costs_nothing_else() -> None:
    (found,) = ask("agent_discover", discovered(first_words="\ud83d cut"))
    assert found.first_words == "? cut"


def test_every_hook_has_a_check_that_takes_what_its_specification_says() -> None:
    assert set(CHECKS) == set(SPECS)
    values: dict[Any, Any] = {
        str: "x",
        bool: True,
        type(None): None,
        Path: Path("/x"),
        ActivityState: ActivityState.IDLE,
        PromptState: PromptState.QUEUED,
        Conversation: conversation(),
        Snapshot: snapshot(),
        DiscoveredConversation: discovered()[0],
        DiscoveredRuntime: DiscoveredRuntime(handle="h", session_id="s", name="n"),
        DiscoveredWorkspace: DiscoveredWorkspace(path=Path("/x"), session_id="s"),
        Diagnosis: Diagnosis(subject="s", ok=True, message="m"),
    }
    for hook, spec in SPECS.items():
        expected = typing.get_type_hints(getattr(spec, hook), vars(rouser.hookspecs))["return"]
        for kind in typing.get_args(expected) if type(None) in typing.get_args(expected) else (expected,):
            origin = typing.get_origin(kind)
            inside = typing.get_args(kind)
            value = values[kind] if origin is None else {"k": "v"} if len(inside) == 2 else [values[inside[0]]]
            CHECKS[hook](value)
