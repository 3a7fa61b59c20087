"""How an agent plugin behaves as one of many: quickly, without a trace, and for many sessions at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from rouser.agent_provider import Agent
from rouser.models import ActivityState, Session
from rouser.testing.agent.kit import AgentKit, AgentTests
from rouser.testing.guard import needs
from rouser.testing.verdict import expect

_MANY: Final = 16
_QUICK: Final = 0.5


class MannerTests(AgentTests):
    """What listings and parallel restores rely on."""

    def test_an_agent_that_never_ran_is_not_active(self, kit: AgentKit) -> None:
        """Nothing is known of it, or it is not there."""
        activity = kit.agent.detect_activity(kit.session())
        expect(
            activity in {None, ActivityState.EXITED},
            f"an agent that never ran is said to be {activity}",
        )

    def test_activity_is_told_quickly(self, kit: AgentKit) -> None:
        """``rouser ls`` asks it of every live session."""
        session = kit.session()
        begun = time.perf_counter()
        kit.agent.detect_activity(session)
        spent = time.perf_counter() - begun
        expect(spent < _QUICK, f"agent_detect_activity takes {spent:.2f} s, and listings ask it of every session")

    def test_asking_changes_nothing(self, kit: AgentKit) -> None:
        """For a session that never ran, no hook leaves a file behind."""
        session = kit.session()
        before = kit.state()
        kit.agent.find_conversation(session)
        kit.agent.launch_command(session)
        kit.agent.restore_command(session)
        kit.agent.environment(session)
        kit.agent.initial_prompt(session)
        kit.agent.detect_activity(session)
        expect(kit.state() == before, "asking for commands changes files")

    def test_many_sessions_at_once(self, kit: AgentKit) -> None:
        """Calls for different sessions overlap, and must not see each other's."""
        sessions = [kit.session(task=f"task {number}") for number in range(_MANY)]
        alone = [_answers(kit, session) for session in sessions]
        in_turn = [[ask(kit.agent, session) for session in sessions] for ask in _QUESTIONS]
        changed = "answers for one session change when others are asked for"
        expect(list(zip(*in_turn, strict=True)) == alone, f"{changed} in between")
        together = threading.Barrier(_MANY)

        def ask(session: Session) -> tuple[object, ...]:
            together.wait()
            return _answers(kit, session)

        with ThreadPoolExecutor(_MANY) as pool:
            overlapping = list(pool.map(ask, sessions))
        expect(overlapping == alone, f"{changed} at the same time")

    @needs("agent_discover")
    def test_discovering_where_nothing_is_finds_nothing(self, kit: AgentKit) -> None:
        """A machine on which the agent never ran is no error."""
        found = list(kit.discover())
        expect(found == [], f"conversations are discovered where none are: {found}")


_QUESTIONS: Final[Sequence[Callable[[Agent, Session], object]]] = (
    Agent.find_conversation,
    Agent.launch_command,
    Agent.restore_command,
    lambda agent, session: dict(agent.environment(session)),
    Agent.initial_prompt,
)


def _answers(kit: AgentKit, session: Session) -> tuple[object, ...]:
    return tuple(ask(kit.agent, session) for ask in _QUESTIONS)
