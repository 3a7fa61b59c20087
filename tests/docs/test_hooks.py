"""Every hook has a page, whose signature is the code's and whose example is a plugin that works."""

from __future__ import annotations

import ast
import inspect
import os
import sys
import types
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from doc_pages import DOCS, blocks, table_rows
from support.waiting import eventually

from rouser import ActivityState, Conversation, Evidence, HookError, PromptState, RestoreOutcome, Session, SessionStatus
from rouser.agent_provider import Agent
from rouser.errors import PluginCallError
from rouser.hookspecs import KINDS, hooks_of, is_optional
from rouser.host import Host
from rouser.runtime_provider import Runtime
from rouser.workspace_provider import Workspace

HOOKS = {hook: (kind, spec) for kind, spec in KINDS.items() for hook in hooks_of(spec)}
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def page_of(hook: str) -> Path:
    return DOCS / "hooks" / f"{hook}.md"


def test_every_hook_has_a_page_and_every_page_a_hook():
    assert {page.stem for page in (DOCS / "hooks").glob("*.md")} == set(HOOKS)


def test_the_list_of_hooks_has_each_with_the_first_sentence_of_its_page():
    assert table_rows(DOCS / "hooks.md", "Hook") == [
        [f"[{hook}](hooks/{hook}.md)", "optional" if is_optional(spec, hook) else "required", first_sentence(hook)]
        for hook, (_, spec) in HOOKS.items()
    ]


def first_sentence(hook: str) -> str:
    paragraph = page_of(hook).read_text().split("\n\n")[1]
    return " ".join(paragraph.split()).partition(". ")[0].removesuffix(".") + "."


@pytest.mark.parametrize("hook", HOOKS)
def test_the_documented_signature_is_the_one_in_the_code(hook):
    source = blocks(page_of(hook), "python")[0]
    namespace: dict[str, object] = {}
    exec(compile("from __future__ import annotations\n" + source, hook, "exec"), namespace)
    assert inspect.signature(namespace[hook]) == inspect.signature(getattr(HOOKS[hook][1], hook))


@pytest.mark.parametrize("hook", HOOKS)
def test_every_parameter_is_described(hook):
    parameters = list(inspect.signature(getattr(HOOKS[hook][1], hook)).parameters)[1:]
    assert [row[0] for row in table_rows(page_of(hook), "Name")] == parameters


@pytest.mark.parametrize("hook", HOOKS)
def test_the_page_says_whether_the_hook_is_required(hook):
    word = "optional" if is_optional(HOOKS[hook][1], hook) else "required"
    assert f", {word}; called for" in page_of(hook).read_text()


def load(source: str, name: str):
    """Execute an example and return its plugin class, as an entry point would name it."""
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(source, name, "exec"), module.__dict__)
    classes = [node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    return getattr(module, classes[-1])


@pytest.fixture
def session(tmp_path, repository):
    identifier = str(uuid.uuid4())
    return Session(
        id=identifier,
        project_id="shop",
        status=SessionStatus.WORKING,
        agent="example",
        runtime="example",
        workspace="example",
        repository=repository,
        branch="rouser/example",
        task="fix the flaky login test",
        conversation=Conversation(id=identifier, evidence=Evidence.PINNED),
        created_at=MOMENT,
        updated_at=MOMENT,
    )


@pytest.mark.parametrize("hook", HOOKS)
def test_the_example_is_a_complete_plugin_that_answers_its_hook(hook, session, tmp_path, capsys, monkeypatch):
    kind, _ = HOOKS[hook]
    host = Host(settings={"example": {}})
    host.register(load(blocks(page_of(hook), "python")[-1], f"example_{hook}"), "example")
    assert host.implements("example", hook)
    assert host.plugins[0].kinds == (("events",) if kind == "plugin" else (kind,))
    CALLS[kind](host, hook, session, tmp_path, capsys, monkeypatch)


def announced(host, hook, session):
    if hook == "runtime_creating":
        host.call("example", hook, session=session)


def call_runtime(host, hook, session, tmp_path, capsys, monkeypatch):
    runtime = Runtime(host, "example")
    announced(host, hook, session)
    handle = runtime.create(session, "login", tmp_path, ["cat"], {"PATH": "/usr/bin:/bin"})
    try:
        with pytest.raises(PluginCallError, match="there already"):
            runtime.create(session, "login", tmp_path, ["cat"], {})
        assert runtime.is_alive(handle)
        runtime.send_message(handle, "hello")
        with pytest.raises(PluginCallError) as caught:
            runtime.create(session, "other", tmp_path, ["no-such-program"], {})
        assert isinstance(caught.value.__cause__, HookError)
        if hook == "runtime_get_output":
            eventually(lambda: runtime.get_output(handle, 1) == "hello")
        if hook == "runtime_end":
            eventually(lambda: (tmp_path / ".processes/login/output").read_text() == "hello\n")
            assert runtime.end(handle, 1) == "hello"
            assert not runtime.is_alive(handle)
            assert runtime.end(handle, 1) == ""
        if hook == "runtime_submit":
            runtime.submit(handle)
        if hook == "runtime_attach_command":
            assert runtime.attach_command(handle)[0] == "tail"
        if hook == "runtime_list_alive":
            assert runtime.list_alive([handle, "gone:1:never"]) == {handle: True, "gone:1:never": False}
        if hook == "runtime_describe":
            eventually(lambda: runtime.describe([handle, "gone:1:never"]) == {handle: "6 bytes of output"})
        if hook == "runtime_options":
            assert runtime.options({"nice": "5"}) == {"nice": 5}
            with pytest.raises(PluginCallError, match="allowed is nice"):
                runtime.options({"nice": "never"})
        if hook == "runtime_adopt":
            assert runtime.adopt(session, int(handle.split(":")[1])) == handle
            assert runtime.adopt(session, os.getpid()) is None
        if hook == "runtime_discover":
            assert [(found.handle, found.session_id) for found in runtime.discover()] == [(handle, session.id)]
    finally:
        runtime.destroy(handle)
    assert not runtime.is_alive(handle)
    runtime.destroy(handle)
    assert not list((tmp_path / ".processes").iterdir())


def call_agent(host, hook, session, tmp_path, capsys, monkeypatch):
    agent = Agent(host, "example")
    log = tmp_path / ".scribe" / f"{session.id}.log"
    assert agent.launch_command(session)[:2] == ("scribe", "--start")
    assert agent.restore_command(session) is None
    assert agent.detect_activity(session) is None
    assert agent.environment(session)["SCRIBE_PARENT"] is None
    assert agent.find_conversation(session) == Conversation(
        id=session.id, evidence=Evidence.PINNED, reason=agent.find_conversation(session).reason
    )
    prompt = agent.initial_prompt(session)
    assert prompt.startswith(session.task)
    if hook == "agent_prepare":
        assert agent.prepare(session) == {}
        monkeypatch.setenv("SCRIBE_PROFILE", "work")
        assert agent.prepare(session) == {"profile": "work"}
    if hook == "agent_prompt_arguments":
        assert agent.prompt_arguments(session, prompt) == ("--", prompt)
        assert agent.prompt_arguments(session, "x" * 200_000) is None
    if hook == "agent_prompt_state":
        assert agent.prompt_state(session, prompt) is PromptState.QUEUED
    log.parent.mkdir()
    log.write_text(f"user: {prompt}\nassistant: on it\n")
    assert agent.restore_command(session)[:3] == ("scribe", "--resume", session.id)
    if hook == "agent_prompt_state":
        assert agent.prompt_state(session, prompt) is PromptState.DURABLE
        assert agent.prompt_state(session, prompt, datetime.now(UTC) + timedelta(hours=1)) is PromptState.QUEUED
    AGENT_CHECKS.get(hook, lambda *_: None)(agent, session, log)
    if hook == "agent_detect_activity":
        assert agent.detect_activity(session) is ActivityState.ACTIVE
    if hook == "agent_discover":
        found = agent.discover(None)
        assert [(item.id, item.first_words) for item in found] == [(session.id, prompt.splitlines()[0])]
        assert agent.discover(datetime.now(UTC) + timedelta(hours=1)) == []


def check_starting(agent, session, log):
    agent.starting(session, "fix it")
    assert log.with_suffix(".settings").exists()


def check_holder(agent, session, log):
    assert agent.holder(session) is None
    log.with_suffix(".pid").write_text(str(os.getpid()))
    assert agent.holder(session) == f"process {os.getpid()}"


def check_start(agent, session, log):
    assert agent.has_started(session) is False
    log.with_suffix(".ready").touch()
    assert agent.has_started(session) is True


def check_explanation(agent, session, log):
    assert session.short_id in agent.explain_screen(session, "Trust this directory? [y/N] ")
    assert agent.explain_screen(session, "scribe> ") is None


def check_input(agent, session, log):
    assert agent.holds_input(session, "scribe> hello\n", "hello") is True
    assert agent.holds_input(session, "scribe> ", "hello") is False


def check_message(agent, session, log):
    assert agent.message(session, ":quit") == "Word for word: :quit"


AGENT_CHECKS = {
    "agent_starting": check_starting,
    "agent_holder": check_holder,
    "agent_has_started": check_start,
    "agent_explain_screen": check_explanation,
    "agent_holds_input": check_input,
    "agent_message": check_message,
}


def call_workspace(host, hook, session, tmp_path, capsys, monkeypatch):
    workspace = Workspace(host, "example")
    path = workspace.create(session, session.repository, session.branch, None)
    assert workspace.create(session, session.repository, session.branch, None) == path
    assert workspace.exists(path)
    if hook == "workspace_discover":
        assert [(found.path, found.session_id) for found in workspace.discover()] == [(path, session.id)]
    (path / "work.py").write_text("pass\n")
    if hook == "workspace_has_branch":
        assert workspace.has_branch(session.repository, "main")
        assert not workspace.has_branch(session.repository, session.branch)
    if hook == "workspace_describe":
        assert workspace.describe(path) == "1 files changed, not committed"
    if "snapshot" in hook:
        check_snapshots(workspace, session, path)
    with pytest.raises(PluginCallError, match="not committed"):
        workspace.destroy(path, force=False)
    workspace.destroy(path, force=True)
    workspace.destroy(path, force=False)
    assert not workspace.exists(path)
    with pytest.raises(PluginCallError, match="left alone"):
        workspace.destroy(session.repository, force=True)
    assert workspace.exists(session.repository)
    if hook == "workspace_restore":
        with pytest.raises(PluginCallError, match="rouser/example"):
            workspace.restore(session, path)


def check_snapshots(workspace, session, path):
    taken = workspace.snapshot(session, path, "by hand")
    assert (taken.number, taken.files, taken.reason) == (1, 1, "by hand")
    assert workspace.snapshot(session, path, "by hand") is None
    (path / "work.py").write_text("changed\n")
    assert workspace.restore_snapshot(session, path, 1, overwrite=False) == ["work.py"]
    assert workspace.restore_snapshot(session, path, 1, overwrite=True) == []
    assert (path / "work.py").read_text() == "pass\n"
    assert workspace.snapshots(session) == [taken]
    workspace.drop_snapshot(session, 1)
    assert workspace.snapshots(session) == []


def call_events(host, hook, session, tmp_path, capsys, monkeypatch):
    outcome = RestoreOutcome(session=session, launch_command=(), runtime_handle="h", resumed=True, prompt_sent=False)
    arguments = {
        "session_restoring": {},
        "session_restored": {"outcome": outcome},
        "session_restore_failed": {"error": HookError("no luck")},
        "session_removed": {},
        "session_status_changed": {"old": None, "new": SessionStatus.SPAWNING},
    }
    host.notify(hook, session=session, **arguments[hook])
    assert host.problems == []
    assert session.short_id in capsys.readouterr().err


def call_plugin(host, hook, session, tmp_path, capsys, monkeypatch):
    if hook == "plugin_scratch_settings":
        settings = host.call("example", hook, directory=tmp_path)
        assert settings == {"file": str(tmp_path / "restored.log")}
    if hook == "plugin_available":
        assert Runtime(host, "example").unavailable() is None
    if hook == "plugin_diagnose":
        assert Runtime(host, "example").diagnose()[0].ok
    outcome = RestoreOutcome(session=session, launch_command=(), runtime_handle="h", resumed=True, prompt_sent=False)
    host.notify("session_restored", session=session, outcome=outcome)
    assert host.problems == []
    assert session.id in (tmp_path / "restored.log").read_text()


CALLS = {
    "runtime": call_runtime,
    "agent": call_agent,
    "workspace": call_workspace,
    "events": call_events,
    "plugin": call_plugin,
}


def test_an_example_without_a_required_hook_is_refused():
    source = blocks(page_of("runtime_create"), "python")[-1].replace("def runtime_is_alive", "def is_alive")
    with pytest.raises(Exception, match="is_alive"):
        Host().register(load(source, "example_incomplete"), "example")
