"""The environment of an agent: the caller's, without what belongs to the caller's terminal alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rouser.daemons import RUNTIME_VARIABLE

_OF_THE_TERMINAL: Final = frozenset(
    {
        "_",
        "COLUMNS",
        "LINES",
        "OLDPWD",
        "PWD",
        "SHLVL",
        "STY",
        "TERM",
        "TERMCAP",
        "TERM_PROGRAM",
        "TERM_PROGRAM_VERSION",
        "TERM_SESSION_ID",
        "TMUX",
        "TMUX_PANE",
        "WINDOW",
        "WINDOWID",
        RUNTIME_VARIABLE,
        "_ROUSER_COMPLETE",
    }
)


def environment_for(session_id: str, wanted: Mapping[str, str | None], caller: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment for a session's agent.

    As if the agent had been started by hand in the shell where rouser was: what is exported there (``PATH``,
    keys, proxies) reaches it. ``ROUSER_SESSION_ID`` is added.

    :param caller: the environment that rouser was called with.
    :param wanted: what the agent's plugin sets, or with None removes.
    """
    environment = {name: value for name, value in caller.items() if name not in _OF_THE_TERMINAL}
    environment["ROUSER_SESSION_ID"] = session_id
    for name, value in wanted.items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
    return environment
