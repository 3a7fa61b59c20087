"""``rouser completion``."""

from __future__ import annotations

import click


@click.command(
    "completion",
    epilog="""\b
Examples:
  rouser completion bash > ~/.local/share/bash-completion/completions/rouser
  rouser completion zsh > "${fpath[1]}/_rouser"
  rouser completion fish > ~/.config/fish/completions/rouser.fish""",
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the script that completes commands, session ids and plugin names in SHELL."""
    from click.shell_completion import get_completion_class

    from rouser.cli.app import cli

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    script = kind(cli, {}, "rouser", "_ROUSER_COMPLETE")
    click.echo(script.source_template % script.source_vars())
