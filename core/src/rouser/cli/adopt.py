"""``rouser adopt``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from rouser.cli.filters import as_filter, filtered
from rouser.completion import complete_plugin

if TYPE_CHECKING:
    from rouser.adopt import AdoptRequest
    from rouser.cli.state import State
    from rouser.discover import Found
    from rouser.models import Session


@click.command(
    "adopt",
    epilog="""\b
Examples:
  rouser adopt 5b1e7a34
  rouser adopt --all --dead --directory ~/src
  rouser adopt 5b1e7a34 --worktree""",
)
@click.argument("conversations", metavar="ID...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Adopt all that `rouser discover` lists with the same options.")
@click.option("--in-place", "place", flag_value="", help="Leave it in the directory that it ran in.  [default]")
@click.option("--worktree", "place", flag_value="worktree", help="Short for --workspace worktree.")
@click.option(
    "--workspace",
    shell_complete=complete_plugin,
    help="Continue in a new workspace that this plugin makes, on a branch that starts at the one it ran on.",
)
@click.option(
    "--runtime",
    shell_complete=complete_plugin,
    help="The runtime plugin: to restore in, or the only one in which to look for a live one.",
)
@filtered
@click.option("--json", "as_json", is_flag=True, help="Print an array of the sessions as JSON.")
@click.pass_context
def command(
    context: click.Context,
    /,
    conversations: tuple[str, ...],
    everything: bool,
    place: str | None,
    workspace: str | None,
    runtime: str | None,
    as_json: bool,
    **filters: Any,
) -> None:
    """Make sessions of conversations that others started, as `rouser discover` lists them.

    One that no longer runs can be restored at once. One that runs in a runtime is adopted where it runs, and
    nothing of it is changed. A directory that it works in stays as it is, whatever becomes of the session.
    """
    from rouser.adopt import AdoptRequest
    from rouser.cli.batch import for_each
    from rouser.cli.output import say
    from rouser.cli.state import opened
    from rouser.discover import pick

    if everything == bool(conversations):
        raise click.UsageError("name the conversations to adopt, or give --all")
    if workspace is not None and place is not None:
        raise click.UsageError("give one of --in-place, --worktree and --workspace")
    if not everything:
        _refuse_filters(context)
    request = AdoptRequest(workspace=workspace or place or None, runtime=runtime)
    with opened() as state:
        found = _found(state, filters, everything=everything)
        if everything and not found:
            say("nothing to adopt: no conversation is without a session")
        texts = [item.conversation.id for item in found] if everything else list(conversations)
        adopted: list[Session] = []

        def action(text: str) -> Session:
            adopted.append(_adopt(state, pick(found, text), request))
            return adopted[-1]

        code = for_each(texts, action, done="adopted", as_json=as_json, alive=_runs)
    dead = [session for session in adopted if not _runs(session)]
    if dead:
        say(f"not running: {len(dead)} of {len(adopted)}. To resume: rouser restore {_which(dead)}")
    raise SystemExit(code)


def _found(state: State, filters: dict[str, Any], *, everything: bool) -> list[Found]:
    """Return what ``--all`` means, or else what the ids on the command line are looked for in."""
    from rouser.discover import Filter, discover, discover_all

    sessions, floor = state.store.sessions(), state.config.minimum_evidence
    if everything:
        return discover(state.host, sessions, as_filter(filters), floor)
    return discover_all(state.host, sessions, Filter(agent=filters["agent"]), floor)


def _adopt(state: State, found: Found, request: AdoptRequest) -> Session:
    """Adopt one, with the configuration that a session would have that is spawned where it ran."""
    from rouser.adopt import adopt_conversation
    from rouser.cli.output import say
    from rouser.config import load_config

    directory = found.conversation.directory
    config = load_config(directory, warn=say) if os.access(directory, os.X_OK) else state.config
    return adopt_conversation(state.host, state.store, found, request, config)


def _runs(session: Session) -> bool:
    return not session.status.is_terminal


def _which(dead: list[Session]) -> str:
    return dead[0].short_id if len(dead) == 1 else "--all"


def _refuse_filters(context: click.Context) -> None:
    from click.core import ParameterSource

    for name in ("directory", "since", "alive", "limit"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError("--directory, --since, --live, --dead and --limit go with --all")
