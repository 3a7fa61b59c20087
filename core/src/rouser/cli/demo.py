"""``rouser demo``."""

from __future__ import annotations

import click

from rouser.completion import complete_plugin
from rouser.config import Config


@click.command("demo")
@click.option(
    "--runtime",
    default=Config().runtime,
    show_default=True,
    shell_complete=complete_plugin,
    help="The runtime plugin, or several: the first that can be used here.",
)
@click.option(
    "--workspace", default="worktree", show_default=True, shell_complete=complete_plugin, help="The workspace plugin."
)
@click.option(
    "--agent",
    default="command",
    show_default=True,
    shell_complete=complete_plugin,
    help="The agent plugin that runs the stand-in agent.",
)
def command(runtime: str, workspace: str, agent: str) -> None:
    """Watch terminated sessions come back, on a scratch repository.

    Spawns three sessions with a small stand-in agent that needs no account, kills what they run under,
    restores them, and shows before and after. Touches nothing of yours, and cleans up.
    """
    from rouser.demo import Choice, run_demo

    run_demo(Choice(runtime=runtime, agent=agent, workspace=workspace))
