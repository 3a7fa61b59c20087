"""The command group.

Importing this module costs little more than importing click: each command is a module of its own that is
imported when it runs, and ``--help``, ``--version`` and completion need none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

import click

from rouser._version import __version__

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS: Final = {
    "spawn": "Start an agent on a task, in a workspace and a runtime of its own.",
    "ls": "List sessions and tell which are alive.",
    "show": "Show everything that is known of a session.",
    "restore": "Bring terminated sessions back.",
    "attach": "Attach the terminal to a session's agent.",
    "send": "Send a message to a session's agent.",
    "logs": "Print what a session's agent printed last.",
    "kill": "End sessions' agents; their work stays.",
    "rm": "Remove sessions and their workspaces.",
    "snapshot": "Keep the uncommitted work of sessions.",
    "snapshots": "List what was kept of a session's work, put it back, or drop it.",
    "discover": "List conversations that no session owns.",
    "adopt": "Make sessions of conversations that others started.",
    "trust": "See what a repository's rouser.toml does, and let it.",
    "plugins": "List the plugins, begin a new one, or check one.",
    "doctor": "Check that everything rouser needs is in order.",
    "demo": "Watch terminated sessions come back, on a scratch repository.",
    "completion": "Print the script that completes commands and ids in a shell.",
}
"""Every command with its one-line help, in the order of ``rouser --help``; a test holds them against the modules."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are invoked."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; None when there is none of that name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"rouser.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the names of commands without importing any."""
        from click.shell_completion import CompletionItem

        found = [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]
        return found + click.Command.shell_complete(self, ctx, incomplete)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Ids may be shortened to any unambiguous prefix; names work too. Start with: rouser demo",
)
@click.version_option(__version__, message="rouser %(version)s")
@click.option("--debug", is_flag=True, envvar="ROUSER_DEBUG", help="Show tracebacks of errors.")
def cli(debug: bool) -> None:
    """Run coding agents side by side, and bring their sessions back after a crash or reboot.

    Each session is one agent on one task, in its own workspace and its own runtime. When the machine
    reboots or the runtime dies, `rouser restore` puts it back: same workspace with its uncommitted work,
    same conversation, same name to attach to.
    """
    del debug
