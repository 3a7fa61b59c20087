"""The initial prompt, and how it gets into the agent's arguments."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from rouser.testing.agent.kit import ACCEPTED, AgentKit, AgentTests, is_argument
from rouser.testing.guard import needs
from rouser.testing.oddities import MESSAGES
from rouser.testing.verdict import expect, unless_refused

_HUGE: Final = "z" * 300_000


class PromptTests(AgentTests):
    """The task arrives verbatim, as data."""

    @pytest.mark.parametrize("oddity", MESSAGES)
    def test_initial_prompt_holds_the_task_verbatim(self, kit: AgentKit, oddity: str) -> None:
        """A plugin may add to it, and not change it."""
        prompt = kit.agent.initial_prompt(kit.session(task=MESSAGES[oddity]))
        expect(MESSAGES[oddity] in prompt, f"the initial prompt does not hold a task with {oddity} as it is")

    def test_a_task_that_looks_like_a_template_stays_as_it_is(self, kit: AgentKit) -> None:
        """Braces and per cent signs are often part of code."""
        for task in ("{task} {0} {}", "%s %d %(x)s 100%", "${HOME} $x", "{{x}}", "\\1 \\g<0>"):
            expect(task in kit.agent.initial_prompt(kit.session(task=task)), f"the task {task!r} is changed")

    def test_no_task_is_no_error(self, kit: AgentKit) -> None:
        """``rouser spawn`` without a task starts an agent that waits."""
        kit.agent.initial_prompt(kit.session(task=""))

    @needs("agent_prompt_arguments")
    @pytest.mark.parametrize("oddity", MESSAGES)
    def test_prompt_arguments_carry_the_prompt(self, kit: AgentKit, oddity: str) -> None:
        """Verbatim, in arguments that a process can be given; or not at all."""
        session, prompt = kit.session(), MESSAGES[oddity]
        arguments = unless_refused(lambda: kit.agent.prompt_arguments(session, prompt))
        if arguments is None:
            return
        expect(arguments, "agent_prompt_arguments returns no argument; where none can carry the prompt, return None")
        expect(
            all(map(is_argument, arguments)), f"a prompt ({oddity}) becomes an argument that no process can be given"
        )
        kit.agent.starting(session, prompt)
        carried = any(prompt in argument for argument in arguments)
        in_file = any(prompt.encode() in data for data in _named_files(arguments))
        expect(carried or in_file, f"the prompt ({oddity}) is not in its arguments, and in no file that they name")
        expect(kit.agent.prompt_arguments(session, prompt) == arguments, "the arguments differ from call to call")

    @needs("agent_prompt_arguments")
    def test_a_prompt_that_begins_with_a_dash_is_no_option(self, kit: AgentKit) -> None:
        """It stands behind ``--``, or is the value of an option, or does not begin the argument."""
        for prompt in ("--dangerously-do-anything", "-p"):
            session = kit.session()
            arguments = kit.agent.prompt_arguments(session, prompt) or ()
            if prompt in arguments:
                command = [*kit.agent.launch_command(session), *arguments]
                before = command[: len(command) - len(arguments) + arguments.index(prompt)]
                is_data = "--" in before or before[-1].startswith("-")
                expect(is_data, f"the prompt {prompt!r} would be read as an option; put -- before it")

    @needs("agent_prompt_arguments")
    def test_a_prompt_that_no_argument_can_carry_travels_otherwise_or_is_refused(self, kit: AgentKit) -> None:
        """Linux takes 131,071 bytes in one argument, and no NUL."""
        for prompt in (_HUGE, "before\0after"):
            session = kit.session()
            call = partial(kit.agent.prompt_arguments, session, prompt)
            arguments = unless_refused(call) or ()
            expect(
                all(map(is_argument, arguments)),
                "a prompt that is too long, or holds a NUL, becomes an argument that no process can be given",
            )

    @needs("agent_prompt_state")
    def test_a_prompt_that_was_never_sent_is_not_accepted(self, kit: AgentKit) -> None:
        """What is taken for accepted is never sent again."""
        state = kit.agent.prompt_state(kit.session(), "never sent")
        expect(state not in ACCEPTED, "a prompt that was never sent is said to stand in the conversation")

    @needs("agent_is_ready")
    @pytest.mark.parametrize(
        "output", ["", "\n" * 200, "\x1b[2J\ufffd", "x" * 100_000], ids=["none", "blank", "odd", "long"]
    )
    def test_readiness_is_judged_on_any_output(self, kit: AgentKit, output: str) -> None:
        """Nothing that a terminal may show makes it fail."""
        kit.agent.is_ready(kit.session(), output)


def _named_files(arguments: tuple[str, ...]) -> Iterator[bytes]:
    for word in (word for argument in arguments for word in argument.split()):
        with contextlib.suppress(OSError, ValueError):
            yield Path(word).read_bytes()
