"""What commands share: the store, the configuration, the plugins; each made when it is first needed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rouser.cli.output import say
from rouser.config import Config, load_config
from rouser.host import Host
from rouser.paths import state_directory
from rouser.store import Store


class State:
    """The store, configuration and plugins of one command.

    :param repository: the directory whose ``rouser.toml`` counts. None: no repository's does.
    """

    def __init__(self, repository: Path | None = None) -> None:
        self.store: Final = Store(state_directory())
        self.config: Final[Config] = load_config(repository, warn=say)
        self._host: Host | None = None

    @property
    def host(self) -> Host:
        """The plugins, loaded at the first use."""
        if self._host is None:
            self._host = Host.load(self.config.plugins, self.config.hook_timeout)
        return self._host

    @property
    def problems(self) -> list[str]:
        """What went wrong with plugins without being asked for, a line each."""
        return [] if self._host is None else list(dict.fromkeys(self._host.problems))


def outlive_terminal() -> None:
    """Go on when the terminal goes away, as it does with the tmux session that somebody ends from within.

    What is half changed would be left so, and what was ended would not be on record. Not ignored, as programs that
    are started would go on ignoring it: a handler is not inherited.
    """
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, lambda *_: None)


@contextmanager
def opened(repository: Path | None = None) -> Iterator[State]:
    """Provide a command's state; at the end say what went wrong with plugins, and close the store."""
    state = State(repository)
    try:
        yield state
    finally:
        for problem in state.problems:
            say(f"warning: {problem}")
        state.store.close()
