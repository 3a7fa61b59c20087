"""What docs/howto/reboot.md starts with the machine restores sessions, in as poor an environment as it will have."""

from __future__ import annotations

import configparser
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from consoles import Stage, Step
from doc_pages import DOCS, blocks
from support.waiting import wait_for

PAGE = DOCS / "howto" / "reboot.md"


@pytest.fixture
def stage():
    """A user whose agent died with everything around it, and who has rouser in ``~/.local/bin``."""
    made = Stage(PAGE)
    try:
        (made.home / ".local" / "bin").mkdir(parents=True)
        (made.home / ".local" / "bin" / "rouser").symlink_to(Path(sys.executable).parent / "rouser")
        made.play(Step('rouser spawn "fix it" --name login --agent command -- cat', None))
        made.play(Step("tmux kill-server", None))
        wait_for(lambda: not alive(made), "the agent is dead")
        yield made
    finally:
        made.end()


def alive(stage: Stage) -> bool:
    return json.loads(stage.quietly("rouser", "ls", "--json"))[0]["alive"]


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(blocks(PAGE, "ini")[0])
    return parser


def in_a_bare_environment(stage: Stage, argv: list[str], **variables: str) -> None:
    environment = {"HOME": str(stage.home), "TMUX_TMPDIR": str(stage.tmux), "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(
        argv,
        cwd=stage.home,
        env={**environment, **variables},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        check=True,
        timeout=60,
    )


def test_the_systemd_unit_restores_what_died_and_leaves_it_running(stage):
    service = unit()["Service"]
    name, _, path = service["Environment"].replace("%h", str(stage.home)).partition("=")
    in_a_bare_environment(stage, shlex.split(service["ExecStart"]), **{name: path})
    assert alive(stage)
    assert (service["Type"], service["KillMode"]) == ("oneshot", "process")


def test_the_line_for_cron_restores_what_died_and_logs_what_it_did(stage):
    when, _, line = blocks(PAGE, "text")[0].strip().partition(" ")
    assert when == "@reboot"
    # What crontab(5) says that a command is run with.
    in_a_bare_environment(stage, ["/bin/sh", "-c", line], PATH="/usr/bin:/bin", SHELL="/bin/sh", LOGNAME="you")
    assert alive(stage)
    assert "restored" in (stage.home / "rouser-restore.log").read_text()
