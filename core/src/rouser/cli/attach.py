"""``rouser attach``."""

from __future__ import annotations

import os
import shlex
import sys

import click

from rouser.completion import complete_session


@click.command("attach")
@click.argument("session", metavar="ID", shell_complete=complete_session)
def command(session: str) -> None:
    """Attach the terminal to a session's agent, wherever it runs.

    Without a terminal, the command that would attach is printed instead.
    """
    from rouser.cli.state import opened
    from rouser.errors import MessageNotSentError, PluginNotFoundError
    from rouser.runtime_provider import Runtime

    with opened() as state:
        record = state.store.find(session)
        state.host.require(record.runtime, "runtime")
        if record.runtime_handle is None:
            raise MessageNotSentError(
                f"{record.short_id} has no runtime to attach to. Restore it first: rouser restore {record.short_id}"
            )
        argv = Runtime(state.host, record.runtime).attach_command(record.runtime_handle)
        if not argv:
            raise PluginNotFoundError(f"{record.runtime} has no terminal to attach to", record.runtime)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        click.echo(shlex.join(argv))
        return
    sys.stdout.flush()
    os.execvp(argv[0], list(argv))  # noqa: S606 - the runtime's client takes over this terminal
