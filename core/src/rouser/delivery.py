"""Waiting for an agent that was started, and seeing words to it: handed over, accepted, durable, or why not."""

import time
from collections.abc import Callable
from typing import Final, NamedTuple

from rouser.agent_provider import Agent
from rouser.deadline import pause
from rouser.errors import AgentNotStartedError, HookTimeoutError, PluginError
from rouser.models import PromptState, Session
from rouser.runtime_provider import Runtime
from rouser.store import now

OUTPUT_LINES: Final = 200
_SHOWN_LINES: Final = 8
_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.25

# A screen is being drawn for a while; what stands on it twice in a row is there to stay.
_LOOK_EVERY: Final = 0.4

# Time for the agent to take in what was typed; then Enter may have come too soon.
_SUBMIT_AGAIN_AFTER: Final = 1.5
_MOST_SUBMITS: Final = 3


class NotDeliveredError(Exception):
    """The agent did not take what was for it, or did not say so in time; the message says why."""


class BlockedError(NotDeliveredError):
    """Something on the agent's screen keeps it from working; the message says what, and what to do."""


class Watch(NamedTuple):
    """One session's agent, watched while something is waited for.

    :ivar runtime: where it runs.
    :ivar agent: its plugin.
    :ivar session: the record, with the handle of the live runtime.
    """

    runtime: Runtime
    agent: Agent
    session: Session

    @property
    def handle(self) -> str:
        """The handle of the live runtime."""
        return self.session.runtime_handle or ""

    def until(self, condition: Callable[[], bool], seconds: float, failure: str) -> None:
        """Poll ``condition``, ever more slowly, for as long as the agent can still fulfil it and the time allows.

        :raises NotDeliveredError: it has exited, or the time is over; begins with ``failure``.
        :raises BlockedError: its screen shows what keeps it from going on.
        """
        start = time.monotonic()
        seconds_between, next_look, seen = _FIRST_PAUSE, start + _LOOK_EVERY, ""
        while not condition():
            if not self._may_live(start + seconds):
                if condition():  # what it wrote with its last breath counts
                    return
                raise NotDeliveredError(f"{failure}: it has exited")
            moment = time.monotonic()
            if self.agent.explains_screens and moment >= next_look:
                before, seen = seen, self.explanation()
                if seen and seen == before:
                    raise BlockedError(seen)
                next_look = moment + _LOOK_EVERY
            if moment >= start + seconds:
                raise NotDeliveredError(f"{failure} within {seconds:g} s")
            pause(seconds_between)
            seconds_between = min(seconds_between * 1.5, _LONGEST_PAUSE)

    def _may_live(self, end: float) -> bool:
        """Return False when it has exited. Until ``end``, what cannot be told now may be told a moment later.

        An agent that is dying with its terminal has lost that before it has ended, and may have taken the words.
        """
        try:
            return self.runtime.is_alive(self.handle)
        except HookTimeoutError:
            raise
        except PluginError:
            if time.monotonic() >= end:
                raise
            return True

    def explanation(self) -> str:
        """Return what the screen says that keeps the agent from working; empty when nothing is recognised."""
        if not self.agent.explains_screens:
            return ""
        return self.agent.explain_screen(self.session, last_output(self.runtime, self.handle)) or ""


def await_start(watch: Watch, seconds: float) -> None:
    """Wait until the agent itself says that it is up, when its plugin can tell.

    :raises AgentNotStartedError: it has ended, waits at a dialog, or says nothing; with its last lines.
    :raises PluginError: a plugin does not answer.
    """
    if not watch.agent.tells_start:
        return
    try:
        watch.until(
            lambda: watch.agent.has_started(watch.session) is not False,
            seconds,
            "the agent did not say that it is up",
        )
    except NotDeliveredError as error:
        raise not_started(watch, str(error)) from error


def verify(watch: Watch) -> None:
    """Check that the agent is up and that nothing known keeps it from working.

    :raises AgentNotStartedError: it has ended, or is stuck; the message holds the last lines that it printed.
    :raises PluginError: the runtime cannot tell.
    """
    if not watch.runtime.is_alive(watch.handle):
        raise not_started(watch, "the agent ended as soon as it was started")
    stuck = watch.explanation()
    if stuck:
        raise not_started(watch, stuck)


def not_started(watch: Watch, what: str) -> AgentNotStartedError:
    """Return the error for an agent that is not up, with its last lines and what to do."""
    short = watch.session.short_id
    output = last_output(watch.runtime, watch.handle)
    last = [line.strip() for line in output.strip().splitlines()[-_SHOWN_LINES:] if line.strip()]
    said = f" Its last lines: {' | '.join(last)}" if last else ""
    if watch.agent.explains_screens and what.endswith("it has exited"):
        explained = watch.agent.explain_screen(watch.session, output)
        what = f"{what}: {explained}" if explained else what
    return AgentNotStartedError(
        f"{short}: {what}.{said} Its workspace is as it was. See: rouser logs {short}; "
        f"if it has ended, try again: rouser restore {short}"
    )


def say(watch: Watch, text: str, seconds: float) -> tuple[PromptState, str]:
    """Type ``text`` once the agent is ready for it, and wait until the agent has it.

    :param seconds: how long to wait for each of the two.
    :returns: how far it got, and a line on how that is known.
    :raises NotDeliveredError: it was not typed, or the agent did not take it; which of the two is said.
    :raises PluginError: a plugin failed; nothing was typed unless the runtime failed at it.
    """
    _await_ready(watch, seconds)
    typed = watch.agent.message(watch.session, text)
    since = now()
    watch.runtime.send_message(watch.handle, typed)
    nudge = _Nudge(watch, typed)

    def state() -> PromptState | None:
        found = watch.agent.prompt_state(watch.session, text, since)
        if found is PromptState.QUEUED:
            nudge.perhaps()
        return found

    return confirm(watch, state, seconds)


def confirm(
    watch: Watch,
    state: Callable[[], PromptState | None],
    seconds: float,
    accepted: Callable[[], None] = lambda: None,
) -> tuple[PromptState, str]:
    """Wait for the agent's own evidence that it has the words for good, when its plugin can tell.

    :param state: asks the plugin how far they got.
    :param accepted: called once when the agent has them, but not for good yet.
    :returns: how far they got, and a line on how that is known.
    :raises NotDeliveredError: the agent has not taken them.
    """
    found: PromptState | None = None

    def is_settled() -> bool:
        nonlocal found
        before, found = found, state()
        if found is PromptState.ACCEPTED and before is not found:
            accepted()
        return found in {None, PromptState.DURABLE}

    try:
        watch.until(is_settled, seconds, "the agent did not confirm it")
    except NotDeliveredError as error:
        if found is PromptState.ACCEPTED:
            raise NotDeliveredError(f"the agent took it, but did not write it down: {error}") from error
        raise
    if found is None:
        return PromptState.HANDED_OVER, "the agent cannot confirm it"
    return PromptState.DURABLE, "it stands in the conversation"


def _await_ready(watch: Watch, seconds: float) -> None:
    if not watch.agent.tells_readiness:
        return
    try:
        watch.until(
            lambda: (
                watch.agent.is_ready(watch.session, watch.runtime.get_output(watch.handle, OUTPUT_LINES) or "")
                is not False
            ),
            seconds,
            "the agent did not become ready",
        )
    except NotDeliveredError as error:
        raise type(error)(f"nothing was typed: {error}") from error


class _Nudge:
    """Presses Enter again when it seems to have been lost, and only while our own text waits for it."""

    def __init__(self, watch: Watch, typed: str) -> None:
        self._watch = watch
        self._typed = typed
        self._left = _MOST_SUBMITS if watch.runtime.submits else 0
        self._next = time.monotonic() + _SUBMIT_AGAIN_AFTER

    def perhaps(self) -> None:
        """Press Enter if it is time to, and right."""
        if not self._left or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _SUBMIT_AGAIN_AFTER
        watch = self._watch
        if watch.agent.holds_input(watch.session, last_output(watch.runtime, watch.handle), self._typed):
            self._left -= 1
            watch.runtime.submit(watch.handle)


def last_output(runtime: Runtime, handle: str) -> str:
    """Return what the agent printed last; empty when that cannot be had."""
    try:
        return runtime.get_output(handle, OUTPUT_LINES) or ""
    except PluginError:
        return ""


def end_runtime(runtime: Runtime, handle: str) -> str:
    """End a runtime, and return what the agent printed last; empty when that cannot be had.

    :raises PluginError: it could not be ended, or it is unknown whether it was.
    """
    if runtime.ends:
        return runtime.end(handle, OUTPUT_LINES)
    output = last_output(runtime, handle)
    runtime.destroy(handle)
    return output


def digest_of(text: str) -> str:
    """Return what identifies a text in records: the first 16 hexadecimal digits of its SHA-256."""
    import hashlib  # 7 ms, which a restore without a prompt need not pay

    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]
