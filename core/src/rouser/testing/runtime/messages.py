"""Messages: once, whole, to the right agent, submitted, and never able to steer the terminal."""

from __future__ import annotations

import itertools
import os
import re
from typing import Final

import pytest

from rouser.testing.oddities import MESSAGES, STEERING
from rouser.testing.probes import Probe
from rouser.testing.runtime.kit import RuntimeKit, RuntimeTests, Started
from rouser.testing.verdict import eventually, expect, refusal

_SHOWN: Final = 120
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]")


class MessageTests(RuntimeTests):
    """What ``runtime_send_message`` delivers."""

    @pytest.mark.parametrize("flags", ["raw", "raw,paste"])
    @pytest.mark.parametrize("oddity", MESSAGES)
    def test_message_arrives_once_and_whole(self, kit: RuntimeKit, oddity: str, flags: str) -> None:
        """As one submission, whether or not the agent takes pasted text as such."""
        started = kit.start(flags=flags)
        _expect_delivery(kit, started, [MESSAGES[oddity]], f"a message ({oddity})")

    def test_messages_arrive_in_order(self, kit: RuntimeKit) -> None:
        """One after the other, none lost, none run together."""
        started = kit.start(flags="raw,paste")
        _expect_delivery(kit, started, [f"message {number}\nof two lines" for number in range(10)], "one of several")

    @pytest.mark.parametrize("flags", ["raw", "raw,paste"])
    @pytest.mark.parametrize("oddity", STEERING)
    def test_control_characters_never_reach_the_terminal(self, kit: RuntimeKit, oddity: str, flags: str) -> None:
        """They could end a paste and type a command; text around them still arrives, or nothing at all does."""
        started = kit.start(flags=flags)
        try:
            kit.runtime.send_message(started.handle, STEERING[oddity])
        except Exception as error:
            expect("before" not in started.agent.input.decode(errors="replace"), f"refused after delivery: {error}")
        kit.runtime.send_message(started.handle, "fence")
        expect(_has_come(started.agent, b"fence"), "no message arrives after one with control characters")
        expect(started.agent.runs, f"a message ended the agent ({oddity})")
        data = started.agent.received.text
        found = _CONTROL.search(data)
        expect(not found, f"a control character reached the terminal ({oddity}): {data!r}")

    def test_control_characters_do_not_end_an_agent_that_reads_lines(self, kit: RuntimeKit) -> None:
        """A terminal that is not raw turns control characters into signals and ends of input."""
        started = kit.start()
        for text in STEERING.values():
            try:
                kit.runtime.send_message(started.handle, text)
            except Exception as error:
                expect(started.agent.runs, f"a message ended the agent: {error}")
        kit.runtime.send_message(started.handle, "fence")
        expect(eventually(lambda: b"fence" in started.agent.input), "an agent that reads lines gets no more messages")
        expect(started.agent.runs, "a control character in a message ended the agent")

    def test_message_reaches_only_its_agent(self, kit: RuntimeKit) -> None:
        """Also where names begin alike, and the other runtime was created later."""
        short = kit.start("proj-1", flags="raw")
        others = [kit.start(name, flags="raw") for name in ("proj-10", "proj", "other")]
        _expect_delivery(kit, short, ["for proj-1"], "a message")
        strays = [other for other in others if other.agent.input]
        expect(not strays, "a message reached another runtime, too")
        for number, other in enumerate(others):
            _expect_delivery(kit, other, [f"for another {number}"], "a message to another runtime")

    def test_message_to_an_agent_that_has_ended_is_an_error(self, kit: RuntimeKit) -> None:
        """What is not delivered is not reported as delivered."""
        started = kit.start()
        started.agent.exit()
        expect(eventually(lambda: not kit.runtime.is_alive(started.handle)), "an agent that has exited is alive")
        refusal(
            lambda: kit.runtime.send_message(started.handle, "hello"),
            "a message to an agent that has ended is accepted, and lost",
        )

    def test_message_to_a_destroyed_runtime_is_an_error(self, kit: RuntimeKit) -> None:
        """What is not delivered is not reported as delivered."""
        started = kit.start()
        kit.runtime.destroy(started.handle)
        refusal(
            lambda: kit.runtime.send_message(started.handle, "hello"),
            "a message to a runtime that is gone is accepted, and lost",
        )


def _expect_delivery(kit: RuntimeKit, started: Started, messages: list[str], what: str) -> None:
    """Send messages and a last one; when that has come, all that was sent before must be there, and no more."""
    fence = f"fence-{os.urandom(6).hex()}"
    before = started.agent.received.text
    for message in [*messages, fence]:
        kit.runtime.send_message(started.handle, message)
    came = _has_come(started.agent, fence.encode())
    data = started.agent.received
    joint = b"" if started.agent.has_terminal else b"\n"
    wanted = [os.fsencode(message) for message in [*messages, fence]]
    whole = before + joint.join(wanted)
    if not started.agent.has_terminal and before:
        whole = before + joint + joint.join(wanted)
    got = data.text[len(before) :]
    expect(came, f"{what} does not arrive: {len(got)} of {len(whole) - len(before)} bytes came; is Enter pressed?")
    if data.text != whole and data.text.replace(b"\n", b"") == whole.replace(b"\n", b""):
        expect(len(data.submits) <= len(wanted), f"{what} is submitted line by line: its newlines are sent as Enter")
    for text in wanted:
        times = got.count(text)
        expect(times, f"{what} arrives damaged: {_shown(text)} came as {_shown(got)}")
        expect(times == wanted.count(text) or len(text) < len(fence), f"{what} arrives {times} times")
    expect(data.text == whole, f"{what} arrives damaged: {_shown(whole[len(before) :])} came as {_shown(got)}")
    if started.agent.has_terminal:
        ends = [len(before) + end for end in itertools.accumulate(map(len, wanted))]
        new = [submit for submit in data.submits if submit > len(before)]
        expect(len(new) >= len(ends), f"{what} was not submitted: Enter was lost")
        expect(new == ends, f"{what} was submitted {len(new)} times in place of {len(ends)}, or in the wrong place")


def _has_come(agent: Probe, text: bytes) -> bool:
    def submitted() -> bool:
        data = agent.received
        return data.text.endswith(text) and data.submits[-1:] == (len(data.text),)

    return eventually(submitted)


def _shown(data: bytes) -> str:
    return repr(data) if len(data) <= _SHOWN else f"{data[:60]!r}...{data[-40:]!r} ({len(data)} bytes)"
