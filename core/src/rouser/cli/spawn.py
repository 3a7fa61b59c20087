"""``rouser spawn``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from rouser.completion import complete_plugin

_SEPARATOR = "rouser.arguments"


class SpawnCommand(click.Command):
    """A command that keeps what stands behind ``--`` apart: those are the agent's words, not ours."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Cut the agent's arguments off before the rest is parsed."""
        if "--" in args:
            position = args.index("--")
            ctx.meta[_SEPARATOR] = tuple(args[position + 1 :])
            args = args[:position]
        return super().parse_args(ctx, args)


@click.command(
    "spawn",
    cls=SpawnCommand,
    options_metavar="[OPTIONS]",
    epilog="""\b
Examples:
  rouser spawn "fix the flaky login test"
  rouser spawn "add CSV export" --name export --base origin/main
  rouser spawn "fix the flaky test" --agent command -- aider --yes
  rouser spawn --prompt-file task.md --repo ~/src/shop""",
)
@click.argument("task", required=False, default="")
@click.option(
    "--repo", type=click.Path(path_type=Path), default=Path(), help="A directory in the repository.  [default: .]"
)
@click.option("--agent", shell_complete=complete_plugin, help="The agent plugin.")
@click.option("--runtime", shell_complete=complete_plugin, help="The runtime plugin.")
@click.option(
    "--runtime-option", "runtime_options", metavar="KEY=VALUE", multiple=True, help="An option of the runtime's own."
)
@click.option("--workspace", shell_complete=complete_plugin, help="The workspace plugin.")
@click.option("--branch", help="The branch to work on; created if it does not exist.  [default: named after TASK]")
@click.option("--base", help="The revision that a new branch starts from.  [default: what is checked out]")
@click.option("--name", help="A name for the session, usable in place of its id, and for its runtime.")
@click.option(
    "--prompt-file",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Read the prompt from a file, - for standard input; TASK is then only what listings show.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the session as JSON.")
@click.pass_context
def command(
    context: click.Context, /, task: str, repo: Path, prompt_file: Path | None, as_json: bool, **options: Any
) -> None:
    """Start an agent on TASK, in a workspace and a runtime of its own.

    What stands behind -- goes to the agent: further arguments of its own, or with `--agent command` the
    whole command line. It is kept with the session and used again by `rouser restore`.
    """
    from rouser.cli.fields import session_fields
    from rouser.cli.output import printable, say, write_json
    from rouser.cli.state import opened, outlive_terminal
    from rouser.providers import first_usable
    from rouser.spawn import SpawnRequest, spawn_session

    repo = _absolute(repo)
    prompt = None if prompt_file is None else read_prompt(prompt_file)
    if not task and prompt:
        task = prompt.strip().splitlines()[0][:120] if prompt.strip() else ""
    outlive_terminal()
    with opened(repo) as state:
        config = state.config
        agent = options["agent"] or config.agent
        request = SpawnRequest(
            task=task,
            repository=repo,
            agent=agent,
            runtime=first_usable(state.host, "runtime", options["runtime"] or config.runtime),
            workspace=options["workspace"] or config.workspace,
            arguments=context.meta.get(_SEPARATOR, ()),
            agent_settings=config.plugins[agent],
            runtime_options=pairs(options["runtime_options"]),
            branch=options["branch"],
            base=options["base"],
            name=options["name"],
            prompt=prompt,
        )
        outcome = spawn_session(state.host, state.store, request, config)
    session = outcome.session
    if as_json:
        write_json(
            {
                **session_fields(session, alive=True),
                "launch_command": list(outcome.launch_command),
                "prompt_sent": outcome.prompt_sent,
                "warnings": list(outcome.warnings),
            }
        )
    elif not sys.stdout.isatty():
        click.echo(session.short_id)
    where = f"{session.agent} in {session.runtime} · {session.workspace} {session.workspace_path} on {session.branch}"
    label = session.name or session.short_id
    say(f"✓ {session.short_id}  {printable(where)}")
    say(f"  {prompt_words(outcome.prompt_sent, session.prompt)} · attach: rouser attach {label}")
    for warning in outcome.warnings:
        say(f"warning: {warning}")


def prompt_words(sent: bool, receipt: Any) -> str:
    """Return how far the prompt got, in a few words."""
    if not sent:
        return "no prompt was sent"
    return "prompt accepted" if receipt is not None and receipt.state == "durable" else "prompt handed over"


def pairs(texts: Sequence[str]) -> dict[str, str]:
    """Return what ``KEY=VALUE`` texts say; of several with one key, the last counts.

    :raises click.BadParameter: one has no key.
    """
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise click.BadParameter(f'"{text}" is not of the form KEY=VALUE', param_hint="--runtime-option")
        found[key] = value
    return found


def _absolute(repo: Path) -> Path:
    try:
        return repo.absolute()
    except FileNotFoundError:  # nobody can say where that was
        raise click.UsageError("the current directory was removed; cd elsewhere, or give --repo a full path") from None


def read_prompt(path: Path, option: str = "--prompt-file") -> str:
    """Return the text of a prompt file, byte for byte.

    :param option: what it was given with.
    :raises click.BadParameter: it cannot be read, or is not UTF-8.
    """
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        return data.decode()
    except OSError as error:
        raise click.BadParameter(f"cannot read {path}: {error.strerror}", param_hint=option) from error
    except UnicodeDecodeError as error:
        raise click.BadParameter(f"{path} is not UTF-8 text", param_hint=option) from error
