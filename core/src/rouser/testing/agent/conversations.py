"""Which conversation belongs to a session: found by evidence, resumed as it is, never another one's."""

from __future__ import annotations

from rouser.models import Evidence
from rouser.testing.agent.kit import ACCEPTED, AgentKit, AgentTests
from rouser.testing.guard import needs
from rouser.testing.verdict import expect


class ConversationTests(AgentTests):
    """What is found, what is resumed, and what was accepted."""

    def test_a_session_that_never_ran_has_nothing_to_resume(self, kit: AgentKit) -> None:
        """A restore then starts afresh, and sends the prompt."""
        command = kit.agent.restore_command(kit.session())
        expect(command is None, f"a session that never ran is to be resumed: {command}")

    def test_sessions_do_not_share_a_conversation(self, kit: AgentKit) -> None:
        """Not even in the same directory, with the same task."""
        first, second = kit.session().conversation, kit.session().conversation
        expect(
            first is None or second is None or first.id != second.id,
            "two sessions that never ran are given the same conversation",
        )

    def test_the_conversation_of_a_session_is_the_same_each_time(self, kit: AgentKit) -> None:
        """The launch command pins what was found just before, perhaps by another process."""
        session = kit.session()
        again = kit.anew().find_conversation(session._replace(conversation=None))
        ids = {conversation.id if conversation else None for conversation in (session.conversation, again)}
        expect(len(ids) == 1, "the conversation of a session that never ran differs from call to call")

    @needs("conversations")
    def test_a_conversation_is_found_and_resumed(self, kit: AgentKit) -> None:
        """By a later process, from what the agent wrote."""
        session = kit.session()
        self.have_conversation(session, ["the first prompt"])
        later = kit.anew()
        found = later.find_conversation(session)
        if found is None:
            expect(False, "the conversation that the agent wrote is not found")
            return
        expect(found.reason.strip(), "agent_find_conversation gives no reason for what it found")
        expect(len(found.reason.splitlines()) == 1, "the reason for a conversation is not one line")
        command = later.restore_command(session._replace(conversation=found))
        expect(command, "a conversation that the agent wrote is not resumed")
        expect(
            any(found.id in word for word in command or ()),
            f"the restore command does not say which conversation to resume, {found.id}: {command}",
        )
        expect(
            not any("the first prompt" in word for word in command or ()),
            "the restore command carries a prompt that was accepted already",
        )

    @needs("conversations")
    def test_each_session_finds_its_own_conversation(self, kit: AgentKit) -> None:
        """The newest one of a directory may be another session's."""
        sessions = [kit.session() for _ in range(3)]
        for session in sessions:
            self.have_conversation(session, [f"for {session.id}"])
        found = [kit.anew().find_conversation(session) for session in sessions]
        certain = [one.id for one in found if one and one.evidence is not Evidence.NEWEST_FILE]
        expect(len(certain) == len(set(certain)), "two sessions in one directory are given the same conversation")
        expect(certain, "no conversation is known by better evidence than being the newest")

    @needs("conversations")
    def test_a_conversation_that_is_gone_is_not_resumed(self, kit: AgentKit) -> None:
        """The recorded id alone is no conversation: the agent's client would refuse it, or ask."""
        session = kit.session()
        before = kit.state()
        self.have_conversation(session, ["the first prompt"])
        recorded = kit.found(session)
        for file in kit.state().keys() - before.keys():
            (kit.root / file).unlink()
        command = kit.anew().restore_command(kit.found(recorded))
        expect(command is None, f"a conversation whose records are gone is to be resumed: {command}")

    @needs("conversations")
    @needs("agent_prompt_state")
    def test_an_accepted_prompt_is_told_from_others(self, kit: AgentKit) -> None:
        """Taken for accepted by mistake, a prompt is lost; taken for not accepted, it is sent twice."""
        session = kit.session()
        self.have_conversation(session, ["the first prompt", "two\nlines, Grüße"])
        session = kit.found(session)
        for prompt in ("the first prompt", "two\nlines, Grüße"):
            state = kit.anew().prompt_state(session, prompt)
            expect(
                state is None or state in ACCEPTED,
                f"the prompt {prompt!r}, which stands in the conversation, is denied",
            )
        for prompt in ("the first", "another prompt", "the first prompt, and more"):
            state = kit.anew().prompt_state(session, prompt)
            expect(state not in ACCEPTED, f"the prompt {prompt!r}, which was never sent, is said to be accepted")
        other = kit.session()
        state = kit.agent.prompt_state(other, "the first prompt")
        expect(state not in ACCEPTED, "the prompt of one session is said to be accepted by another")

    @needs("conversations")
    def test_looking_changes_nothing_of_the_agents(self, kit: AgentKit) -> None:
        """A dry run asks all of it; so does every listing."""
        session = kit.session()
        self.have_conversation(session, ["the first prompt"])
        before = kit.state()
        later = kit.anew()
        session = session._replace(conversation=later.find_conversation(session))
        later.restore_command(session)
        later.launch_command(session)
        later.environment(session)
        later.detect_activity(session)
        later.prompt_state(session, "the first prompt")
        expect(kit.state() == before, "looking for a conversation changes files")
