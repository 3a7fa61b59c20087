"""``rouser plugins``: list them, begin a new one, check one."""

from __future__ import annotations

from pathlib import Path

import click


@click.group("plugins", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print an array of plugins as JSON.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List the installed plugins: name, kinds, where from, and what became of each.

    Exits with 1 when a plugin failed to load or two clash. ROUSER_DISABLE_PLUGINS=name,name keeps plugins out.
    """
    if context.invoked_subcommand is not None:
        if as_json:
            raise click.UsageError("--json is for the list of plugins")
        return
    _list(as_json=as_json)


@command.command("new")
@click.argument("name")
@click.option("--kind", type=click.Choice(["runtime", "agent", "workspace"]), required=True, help="What it is to be.")
@click.option(
    "--into",
    "directory",
    type=click.Path(path_type=Path),
    help="The directory to make; rouser-NAME here by default.",
)
def new(name: str, kind: str, directory: Path | None) -> None:
    """Make a package for a new plugin, whose tests say what is left to write.

    NAME is what people will type, and what sessions remember: lower-case letters, digits and hyphens.
    """
    from rouser.cli.output import say
    from rouser.scaffold import make_package

    made = make_package(name, kind, directory or Path(f"rouser-{name}"))
    say(f'made {made}. Next: cd {made} && pip install -e ".[test]" && pytest')


@command.command("check")
@click.argument("name")
@click.option("--program", "programs", multiple=True, help="A program that it runs, to be replaced by faulty ones.")
@click.option("-k", "expression", default="", help="Only tests whose names match, as for pytest.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def check(name: str, programs: tuple[str, ...], expression: str, arguments: tuple[str, ...]) -> None:
    """Run the conformance tests against an installed plugin, apart from everything that is yours.

    ARGUMENTS behind -- are an agent's, as for rouser spawn. Exits with 1 when a test fails.
    """
    from rouser.check import check_plugin
    from rouser.config import load_config

    code = check_plugin(name, load_config(), programs=programs, expression=expression, arguments=arguments)
    raise SystemExit(code)


def _list(*, as_json: bool) -> None:
    from rouser.cli.output import say, table, write_json
    from rouser.config import load_config
    from rouser.host import Host
    from rouser.loader import PluginState

    config = load_config()
    plugins = Host.load(config.plugins, config.hook_timeout).plugins
    if as_json:
        write_json(
            [
                {
                    "name": info.name,
                    "kinds": list(info.kinds),
                    "distribution": info.distribution,
                    "version": info.version,
                    "status": info.state,
                    "error": info.error or None,
                }
                for info in plugins
            ]
        )
    elif plugins:
        rows = [
            [
                info.name,
                ", ".join(info.kinds) or "-",
                info.distribution,
                info.version,
                f"{info.state}: {info.error}" if info.error else info.state,
            ]
            for info in plugins
        ]
        table(("NAME", "KINDS", "DISTRIBUTION", "VERSION", "STATUS"), rows, elastic="STATUS")
    else:
        say('no plugins are installed. Install the usual ones: pip install "rouser[standard]"')
    if any(info.state in {PluginState.FAILED, PluginState.CONFLICT} for info in plugins):
        raise SystemExit(1)
