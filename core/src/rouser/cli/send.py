"""``rouser send``."""

from __future__ import annotations

from pathlib import Path

import click

from rouser.completion import complete_session


@click.command(
    "send",
    epilog="""\b
Examples:
  rouser send f3a "now add a test for it"
  git diff | rouser send f3a --file -
  rouser send f3a --prompt""",
)
@click.argument("session", metavar="ID", shell_complete=complete_session)
@click.argument("message", required=False)
@click.option(
    "--file",
    "file",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Read the message from a file, - for standard input.",
)
@click.option("--prompt", is_flag=True, help="Send the session's initial prompt again.")
@click.option(
    "--wait",
    type=click.FloatRange(0.1, 86400),
    metavar="SECONDS",
    help="How long to wait for the agent to be ready, and again for it to confirm.  [default: prompt_timeout]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the session as JSON.")
def command(
    session: str, message: str | None, file: Path | None, prompt: bool, wait: float | None, as_json: bool
) -> None:
    """Send MESSAGE to a session's agent, once it is ready, and wait until the agent has it."""
    from rouser.cli.fields import session_fields
    from rouser.cli.output import say, write_json
    from rouser.cli.spawn import read_prompt
    from rouser.cli.state import opened
    from rouser.control import send

    if (message is not None) + (file is not None) + prompt != 1:
        raise click.UsageError("give a MESSAGE, or --file, or --prompt")
    text = None if prompt else message if file is None else read_prompt(file, "--file")
    with opened() as state:
        record = send(state.host, state.store, session, text, wait or state.config.prompt_timeout)
    if as_json:
        write_json(session_fields(record, alive=True))
    say(f"sent to {record.name or record.short_id}")
