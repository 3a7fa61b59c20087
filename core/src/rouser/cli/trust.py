"""``rouser trust``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("trust")
@click.argument("directory", required=False, type=click.Path(path_type=Path), default=Path())
@click.option("--show", is_flag=True, help="Only show what the file would do.")
@click.option("--revoke", is_flag=True, help="Take the consent back.")
def command(directory: Path, show: bool, revoke: bool) -> None:
    """See what a repository's rouser.toml does, and let it.

    DIRECTORY is one in the repository, by default the current one. What makes a command run, widens what an agent
    may do or names a path counts only after this, and only while the file stays as it is.
    """
    from rouser.cli.output import printable, say
    from rouser.errors import ConfigError
    from rouser.repository_file import read_repository_file, settings_in
    from rouser.trust import distrust, is_trusted, trust

    if show and revoke:
        raise click.UsageError("--show and --revoke exclude each other")
    file = read_repository_file(directory)
    if file is None:
        raise ConfigError(f"neither {directory.resolve()} nor the repository around it has a rouser.toml")
    if revoke:
        say(f"{file.path} is no longer trusted" if distrust(file.path) else f"{file.path} was not trusted")
        return
    click.echo(printable(str(file.path)))
    for title, table in (("counts as it is", file.harmless), ("needs your consent", file.risky)):
        if table:
            click.echo(f"{title}:")
            for name, value in settings_in(table):
                click.echo(printable(f"  {name} = {value}"))
    if not file.risky:
        say("nothing in it needs your consent")
    elif show:
        say("trusted" if is_trusted(file.path, file.data) else "not trusted")
    else:
        trust(file.path, file.data)
        say("trusted, as long as the file stays as it is. Take that back: rouser trust --revoke")
