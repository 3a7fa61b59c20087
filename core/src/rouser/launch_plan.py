"""What is going to be started for a session, once that is decided."""

from collections.abc import Mapping
from typing import NamedTuple

from rouser.models import Session


class LaunchPlan(NamedTuple):
    """What is going to be started, and why.

    :ivar session: the record, with the conversation that the command is about.
    :ivar command: the agent's argv, without the arguments that carry the prompt.
    :ivar resumed: whether the command resumes the conversation.
    :ivar prompt: the text to be delivered; empty when there is none, or when it must not be sent again.
    :ivar prompt_arguments: the argv tail that carries it. None: it goes through the runtime.
    :ivar environment: variables that the agent's plugin sets, or with None removes.
    :ivar evidence: one line on the ``conversation`` and one on the ``prompt``.
    """

    session: Session
    command: tuple[str, ...]
    resumed: bool
    prompt: str
    prompt_arguments: tuple[str, ...] | None
    environment: Mapping[str, str | None]
    evidence: Mapping[str, str]

    @property
    def full_command(self) -> tuple[str, ...]:
        """The agent's argv, the arguments that carry the prompt included."""
        return self.command + (self.prompt_arguments or ())

    @property
    def prompt_in_command(self) -> bool:
        """Whether the command itself delivers the prompt."""
        return bool(self.prompt) and self.prompt_arguments is not None
