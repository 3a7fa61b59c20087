"""``rouser plugins``."""

from __future__ import annotations

import click


@click.command("plugins")
@click.option("--json", "as_json", is_flag=True, help="Print an array of plugins as JSON.")
def command(as_json: bool) -> None:
    """List the installed plugins: name, kinds, where from, and what became of each.

    Exits with 1 when a plugin failed to load or two clash. ROUSER_DISABLE_PLUGINS=name,name keeps plugins out.
    """
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
