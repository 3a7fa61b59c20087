"""Agents, each with one realistic defect."""

import os
import uuid
from typing import ClassVar

from testing.broken.defects import broken
from testing.sound import SoundAgent, state_of

from rouser import ActivityState, Conversation, Evidence, PromptState, hookimpl


@broken("test_the_conversation_of_a_session_is_the_same_each_time", "differs from call to call")
class NewIdEachTime(SoundAgent):
    @hookimpl
    def agent_find_conversation(self, session):
        return Conversation(id=str(uuid.uuid4()), evidence=Evidence.PINNED, reason="drawn at random")


@broken("test_sessions_do_not_share_a_conversation", "given the same conversation")
class OneForAll(SoundAgent):
    @hookimpl
    def agent_find_conversation(self, session):
        return Conversation(id="main", evidence=Evidence.PINNED, reason="there is only one")


@broken("test_each_session_finds_its_own_conversation", "two sessions in one directory")
class TakesTheNewest(SoundAgent):
    @hookimpl
    def agent_find_conversation(self, session):
        logs = sorted(self.log(session).parent.glob("*"), key=lambda log: log.stat().st_mtime_ns)
        return (logs and Conversation(id=logs[-1].name, evidence=Evidence.PROCESS, reason="the newest")) or None


@broken("test_a_session_that_never_ran_has_nothing_to_resume", "never ran is to be resumed")
class AlwaysResumes(SoundAgent):
    @hookimpl
    def agent_restore_command(self, session):
        return ["agent", "--resume", session.id]


@broken("test_a_conversation_that_is_gone_is_not_resumed", "whose records are gone")
class TrustsTheRecordedId(SoundAgent):
    seen = set()

    @hookimpl
    def agent_find_conversation(self, session):
        if self.log(session).exists():
            self.seen.add(session.id)
        return super().agent_find_conversation(session)

    @hookimpl
    def agent_restore_command(self, session):
        return ["agent", "--resume", session.id] if session.id in self.seen else None


@broken("test_a_conversation_is_found_and_resumed", "is not resumed")
class NeverResumes(SoundAgent):
    @hookimpl
    def agent_restore_command(self, session):
        return None


@broken("test_a_conversation_is_found_and_resumed", "does not say which conversation")
class ContinuesTheLast(SoundAgent):
    @hookimpl
    def agent_restore_command(self, session):
        return ["agent", "--continue"] if self.prompts(session) else None


@broken("test_launch_command_is_complete_without_the_prompt", "carries the prompt already")
class PromptInTheCommand(SoundAgent):
    @hookimpl
    def agent_launch_command(self, session):
        return ["agent", session.task]


@broken("test_launch_command_can_be_run", "a shell string, not an argv")
class ShellString(SoundAgent):
    @hookimpl
    def agent_launch_command(self, session):
        return [f"agent --session {session.id}"]


@broken("test_arguments_reach_the_command_line_verbatim[spaces]", "do not reach the launch command")
class SplitsArguments(SoundAgent):
    def options(self, session):
        return " ".join(session.agent_config.get("arguments", ())).split()


@broken("test_environment_names_only_what_the_agent_needs", "a copy of the caller's environment")
class CopiesTheEnvironment(SoundAgent):
    @hookimpl
    def agent_environment(self, session):
        return {**os.environ, "AGENT_MODE": "quiet"}


@broken("test_environment_does_not_change_that_of_the_caller", "changes the environment of the caller")
class ChangesTheCaller(SoundAgent):
    @hookimpl
    def agent_environment(self, session):
        os.environ["AGENT_SESSION"] = session.id
        return {}


@broken("test_a_task_that_looks_like_a_template_stays_as_it_is", "raise|failed|changed")
class FormatsTheTask(SoundAgent):
    @hookimpl
    def agent_initial_prompt(self, session):
        return ("Do this: " + session.task).format(task=session.task)


@broken("test_initial_prompt_holds_the_task_verbatim[many lines]", "does not hold a task")
class ShortensTheTask(SoundAgent):
    @hookimpl
    def agent_initial_prompt(self, session):
        return session.task[:2000]


@broken("test_a_prompt_that_begins_with_a_dash_is_no_option", "read as an option")
class BarePrompt(SoundAgent):
    @hookimpl
    def agent_prompt_arguments(self, session, prompt):
        return [prompt]


@broken("test_a_prompt_that_no_argument_can_carry_travels_otherwise_or_is_refused", "too long, or holds a NUL")
class AnyPromptIsAnArgument(SoundAgent):
    @hookimpl
    def agent_prompt_arguments(self, session, prompt):
        return ["--", prompt]


@broken("test_a_prompt_that_was_never_sent_is_not_accepted", "never sent is said to stand")
class AcceptsEverything(SoundAgent):
    @hookimpl
    def agent_prompt_state(self, session, prompt):
        return PromptState.DURABLE


@broken("test_an_accepted_prompt_is_told_from_others", "'the first', which was never sent")
class AcceptsParts(SoundAgent):
    @hookimpl
    def agent_prompt_state(self, session, prompt):
        return state_of(any(prompt in said for said in self.prompts(session)))


@broken("test_an_accepted_prompt_is_told_from_others", "which stands in the conversation, is denied")
class DeniesWhatWasAccepted(SoundAgent):
    @hookimpl
    def agent_prompt_state(self, session, prompt):
        return state_of(self.log(session).exists() and prompt in self.log(session).read_text())


@broken("test_an_agent_that_never_ran_is_not_active", "never ran is said to be active")
class AlwaysActive(SoundAgent):
    @hookimpl
    def agent_detect_activity(self, session):
        return ActivityState.ACTIVE


@broken("test_asking_changes_nothing", "asking for commands changes files")
class WritesWhenAsked(SoundAgent):
    @hookimpl
    def agent_launch_command(self, session):
        self.base.mkdir(parents=True, exist_ok=True)
        (self.base / "launched").write_text(session.id)
        return super().agent_launch_command(session)


@broken("test_many_sessions_at_once", "change when others are asked for")
class RemembersTheLastSession(SoundAgent):
    @hookimpl
    def agent_find_conversation(self, session):
        self.last = session
        return super().agent_find_conversation(session)

    @hookimpl
    def agent_launch_command(self, session):
        return super().agent_launch_command(self.last)


@broken("test_what_is_to_be_remembered_can_be_stored", "mapping of str to JSON values is expected")
class RemembersWhatCannotBeStored(SoundAgent):
    missing: ClassVar = {hook: why for hook, why in SoundAgent.missing.items() if hook != "agent_prepare"}

    @hookimpl
    def agent_prepare(self, session):
        return {"seen": {session.id}}


@broken(
    "test_what_is_to_be_remembered_can_be_stored",
    "nan in 'temperature' from agent_prepare, where mapping of str to JSON",
)
class RemembersNaN(SoundAgent):
    missing: ClassVar = {hook: why for hook, why in SoundAgent.missing.items() if hook != "agent_prepare"}

    @hookimpl
    def agent_prepare(self, session):
        return {"temperature": float("nan")}


@broken("test_a_conversation_is_found_and_resumed", "str as Conversation.evidence .*, where Evidence is expected")
class EvidenceAsText(SoundAgent):
    @hookimpl
    def agent_find_conversation(self, session):
        return Conversation(id=session.id, evidence="pinned", reason="chosen at launch")


@broken("test_launch_command_can_be_run", "an argument that no process can be given")
class HalfACharacter(SoundAgent):
    @hookimpl
    def agent_launch_command(self, session):
        return ["agent", "\ud83d"]


@broken("test_it_loads_as_a_plugin_of_its_kind", "agent_starting is async")
class StartsAsynchronously(SoundAgent):
    @hookimpl
    async def agent_starting(self, session, prompt):
        """Write what the agent needs, when somebody awaits it."""
