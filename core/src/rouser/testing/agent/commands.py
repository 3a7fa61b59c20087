"""The command lines and the environment that an agent plugin asks for."""

from __future__ import annotations

import os
import sys

import pytest

from rouser.testing.agent.kit import AgentKit, AgentTests, contains, is_argument
from rouser.testing.guard import needs
from rouser.testing.oddities import TEXTS
from rouser.testing.verdict import expect, refusal, unless_refused


class CommandTests(AgentTests):
    """Launch, restore, environment, and the check before anything is created."""

    def test_launch_command_can_be_run(self, kit: AgentKit) -> None:
        """A program and its arguments, every one of which a process can be given."""
        command = kit.agent.launch_command(kit.session())
        expect(command[0].strip(), "the launch command names no program")
        expect(all(map(is_argument, command)), "the launch command holds an argument that no process can be given")
        expect(
            " " not in command[0] or os.path.lexists(command[0]),
            f"the launch command is a shell string, not an argv: {command[0]!r}",
        )

    def test_launch_command_is_the_same_each_time(self, kit: AgentKit) -> None:
        """It is asked for more than once, by other processes too, and must not begin something new each time."""
        session = kit.session()
        first = kit.agent.launch_command(session)
        expect(kit.agent.launch_command(session) == first, "the launch command differs from call to call")
        expect(kit.anew().launch_command(session) == first, "the launch command differs from process to process")

    def test_launch_command_is_complete_without_the_prompt(self, kit: AgentKit) -> None:
        """The host adds what carries the prompt; else it would be sent twice, or again at each restore."""
        task = "a task that is told apart from everything else"
        command = kit.agent.launch_command(kit.session(task=task))
        expect(not any(task in word for word in command), "the launch command carries the prompt already")

    @needs("arguments")
    @pytest.mark.parametrize("oddity", [name for name in TEXTS if name not in {"empty", "large"}])
    def test_arguments_reach_the_command_line_verbatim(self, kit: AgentKit, oddity: str) -> None:
        """What the user put behind ``--`` is part of each start, the restored one included."""
        arguments = [sys.executable, *TEXTS[oddity]]
        session = unless_refused(lambda: kit.session(arguments=arguments))
        command = session and unless_refused(lambda: kit.agent.launch_command(session))
        if not session or not command:
            return  # an option that would be in the way may be refused, with a word on why
        expect(contains(command, arguments), f"arguments with {oddity} do not reach the launch command: {command}")
        restored = kit.agent.restore_command(session)
        expect(
            restored is None or contains(restored, arguments),
            f"arguments with {oddity} do not reach the restore command: {restored}",
        )

    def test_environment_names_only_what_the_agent_needs(self, kit: AgentKit, monkeypatch: pytest.MonkeyPatch) -> None:
        """Additions and removals; the caller's own variables are the host's business."""
        monkeypatch.setenv("KIT_OF_THE_CALLER", "1")
        changes = kit.agent.environment(kit.session())
        expect("KIT_OF_THE_CALLER" not in changes, "agent_environment returns a copy of the caller's environment")
        for name, value in changes.items():
            expect(name and "=" not in name and "\0" not in name, f"{name!r} cannot name an environment variable")
            expect(value is None or "\0" not in value, f"the value of {name} holds a NUL, which none may")

    def test_environment_does_not_change_that_of_the_caller(self, kit: AgentKit) -> None:
        """Calls for other sessions go on in the same process."""
        before = dict(os.environ)
        kit.agent.environment(kit.session())
        expect(dict(os.environ) == before, "agent_environment changes the environment of the caller")

    @needs("agent_prepare")
    def test_a_program_that_is_not_there_is_refused_at_spawn(
        self, kit: AgentKit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Before anything is created, with a word on how to mend it."""
        session = kit.session()
        program = kit.agent.launch_command(session)[0]
        if "/" in program:
            pytest.skip(f"the launch command names {program} by its path; name it in agent_config without one")
        monkeypatch.setenv("PATH", str(kit.root / "empty"))
        refusal(lambda: kit.anew().prepare(session), f"a session is accepted though {program} is not installed")

    @needs("agent_prepare")
    def test_what_is_to_be_remembered_can_be_stored(self, kit: AgentKit) -> None:
        """As JSON, and without what the user set being lost."""
        import json

        session = kit.session()
        kept = unless_refused(lambda: kit.agent.prepare(session))
        if kept is None:  # the agent's program need not be installed where it is tested
            pytest.skip("agent_prepare refuses the session; give the fixture agent_config a program that is there")
        expect(json.loads(json.dumps(dict(kept))) == dict(kept), "agent_prepare returns what JSON cannot hold")
        expect("arguments" not in kept, "agent_prepare overwrites the arguments that the user gave")
