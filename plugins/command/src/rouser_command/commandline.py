"""Command lines with placeholders, and how a prompt gets into them.

``{session_id}`` may stand anywhere. ``{prompt}`` may stand in the last element of the launch command only,
because the host appends what carries the prompt to a command line that is complete without it.
Other braces are nobody's business and stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rouser import HookError
from rouser_command.settings import PromptWay, Settings

PROMPT: Final = "{prompt}"
SESSION_ID: Final = "{session_id}"

# Linux takes 131,072 bytes in one argument, the closing NUL included (MAX_ARG_STRLEN, execve(2)).
LONGEST_ARGUMENT: Final = 131_071


def launch(settings: Settings, session_id: str) -> list[str]:
    """Return the argv of a fresh start, without what carries the prompt."""
    command = settings.command[:-1] if takes_prompt(settings) else settings.command
    return _with_id(command, session_id)


def resume(settings: Settings, session_id: str) -> list[str] | None:
    """Return the argv of a resumed start; None when a restore is a fresh start."""
    return _with_id(settings.resume, session_id) or None


def prompt_tail(settings: Settings, session_id: str, prompt: str) -> list[str] | None:
    """Return the argv tail that carries ``prompt``; None when it is to be typed.

    :raises HookError: the prompt does not fit into an argument.
    """
    if takes_prompt(settings):
        # The prompt goes in last, so that a placeholder in its own text stays text.
        tail = settings.command[-1].replace(SESSION_ID, session_id).replace(PROMPT, prompt)
    elif settings.prompt is PromptWay.ARGUMENT:
        tail = prompt
    else:
        return None
    size = len(tail.encode(errors="surrogateescape"))
    if "\0" in tail:
        raise HookError("the prompt holds a NUL character, which no argument can carry; take it out")
    if size > LONGEST_ARGUMENT:
        raise HookError(
            f"the prompt takes {size} bytes, more than the {LONGEST_ARGUMENT} that fit into an argument; "
            "put it into a file and name that in the prompt"
        )
    return [tail]


def takes_prompt(settings: Settings) -> bool:
    """Return whether the launch command has a place for the prompt."""
    return bool(settings.command) and PROMPT in settings.command[-1]


def pins_session_id(settings: Settings) -> bool:
    """Return whether a resumed start names the very conversation that the launch began."""
    return all(any(SESSION_ID in word for word in command) for command in (settings.command, settings.resume))


def check(settings: Settings, prompt: str) -> None:
    """Check that the command line can be run and can carry the prompt.

    :param prompt: the prompt that the session will start with; blank when there is none.
    :raises HookError: what is wrong, and how to mend it.
    """
    if not settings.command:
        raise HookError(
            "nothing to run: put the command line behind --, as in: rouser spawn TASK --agent command -- aider --yes"
        )
    if any(PROMPT in word for word in (*settings.command[:-1], *settings.resume)) or PROMPT in settings.command[0]:
        raise HookError(f"{PROMPT} may stand only in the last argument of the command, and not in resume")
    if _names_id(settings.resume) and not _names_id(settings.command):
        raise HookError(f"resume names {SESSION_ID}, but the command does not: nothing starts under that id")
    if settings.prompt is PromptWay.NONE and (takes_prompt(settings) or prompt.strip()):
        raise HookError('prompt is "none", but there is a prompt to deliver: set it to "type" or "argument"')
    if takes_prompt(settings) and not prompt.strip():
        raise HookError(f"the command has a place for a {PROMPT}, but there is no task: give one, or take it out")
    prompt_tail(settings, "", prompt)


def _names_id(command: Sequence[str]) -> bool:
    return any(SESSION_ID in word for word in command)


def _with_id(command: Sequence[str], session_id: str) -> list[str]:
    return [word.replace(SESSION_ID, session_id) for word in command]
