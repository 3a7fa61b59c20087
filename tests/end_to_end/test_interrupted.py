"""Commands whose terminal goes away, or that are interrupted: what is done is on record, and said once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support.plugins import SABOTEUR, install
from support.waiting import wait_for
from support.world import World, running


@pytest.fixture
def sabotaged(world: World) -> Iterator[World]:
    """A world with a plugin that holds up the process around any hook."""
    install(world.root / "plugins", "saboteur", SABOTEUR)
    world.extra["PYTHONPATH"] = str(world.root / "plugins")
    return world


@pytest.mark.parametrize(
    ("arguments", "said"), [(("kill", "one"), "killed one"), (("rm", "--force", "one"), "removed one")]
)
def test_a_session_is_ended_from_a_pane_beside_its_agent(world: World, arguments: list[str], said: str) -> None:
    session = world.spawn("", "--name", "one")
    world.spawn("", "--name", "other")
    pid = world.tmux("list-panes", "-t", "=one:", "-F", "#{pane_pid}")
    report = world.root / "report"
    program = f"{sys.executable} -m rouser {' '.join(arguments)} >{report} 2>&1"
    variables = [f"-e{key}={value}" for key, value in world.environment.items() if value != os.environ.get(key)]
    world.tmux("split-window", "-t", "=one:", *variables, program)

    def is_over() -> bool:
        return "one" not in world.tmux_sessions() and said in report.read_text()

    wait_for(is_over, "the command has done its work, its own terminal gone")
    assert not running(int(pid))
    if arguments[0] == "kill":
        assert world.show("one")["status"] == "killed"
        world.ok("restore", "--all")  # which brings back nothing that was killed
        assert world.tmux_sessions() == ["other"]
    else:
        assert [seen["name"] for seen in world.ls()] == ["other"]
        assert not Path(session["workspace_path"]).exists()


def test_a_session_is_restored_from_a_pane_beside_its_dead_agent(world: World) -> None:
    world.spawn("", "--name", "one", agent=["sh", "-c", "read line"])
    world.spawn("", "--name", "other")
    world.tmux("send-keys", "-t", "=one:", "Enter")
    wait_for(lambda: not world.show("one")["alive"], "the agent has ended")
    variables = [f"-e{key}={value}" for key, value in world.environment.items() if value != os.environ.get(key)]
    before = world.tmux("display-message", "-p", "-t", "=one:", "#{session_id}")
    world.tmux("split-window", "-t", "=one:", *variables, f"{sys.executable} -m rouser restore one")
    wait_for(lambda: world.show("one")["alive"], "the agent runs again")
    assert world.tmux("display-message", "-p", "-t", "=one:", "#{session_id}") != before


def test_a_session_that_is_named_twice_is_restored_once(world: World) -> None:
    session = world.spawn("", "--name", "one")
    world.kill_server()
    (restored,) = world.ok("restore", "one", session["id"], session["id"][:8], "--json").json
    assert restored["id"] == session["id"]


def test_an_interrupted_restore_tells_of_all_in_one_document(sabotaged: World) -> None:
    world = sabotaged
    sessions = [world.spawn("", "--name", name)["id"] for name in ("a", "b", "c")]
    world.kill_server()
    waiting = world.root / "waiting"
    process = world.start(
        *("restore", "a", "b", "c", "--json", "--jobs", "1"),
        env={"SABOTAGE": "runtime_create:before:wait", "WAITING": str(waiting)},
        start_new_session=True,
    )
    wait_for(waiting.exists, "the first is under way")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    waiting.unlink()
    assert process.returncode == 130
    document = json.loads(out)
    assert [entry["error"]["kind"] for entry in document] == ["interrupted"] * 3
    assert "left under way" in document[0]["error"]["message"]
    assert all("nothing was changed" in entry["error"]["message"] for entry in document[1:])
    assert "0 restored, 0 failed, 1 left under way, 2 not begun" in err
    assert len(world.ok("restore", *sessions, "--json").json) == 3


AMID = """
import os, signal, sys, time
sys.path.insert(0, sys.argv[1])
from rouser.cli import program

def run(arguments):
    import imported  # which is interrupted, and has to end all the same
    print(imported.done, flush=True)
    try:
        time.sleep(30)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        raise

program._run = run
program.main()
"""


def test_ctrl_c_amid_an_import_waits_until_that_is_done(tmp_path: Path) -> None:
    (tmp_path / "imported.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nfor _ in range(1000): pass\ndone = True\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", AMID, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 130
    assert done.stdout.split() == ["True", "interrupted"]


@pytest.mark.parametrize(
    "way", ["atexit.register(time.sleep, 3600)", "multiprocessing.Process(target=time.sleep, args=(3600,)).start()"]
)
def test_a_command_ends_though_what_a_plugin_registered_for_its_end_does_not(world: World, way: str) -> None:
    world.spawn("", "--name", "one")
    source = f"import atexit, multiprocessing, time\nfrom rouser import hookimpl\n{way}\n\n@hookimpl\ndef session_removed(session): pass\n"
    install(world.root / "plugins", "clinging", source)
    with (world.root / "out").open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "rouser", "ls"],
            env=world.environment | {"PYTHONPATH": str(world.root / "plugins")},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        assert process.wait(60) == 0
        assert "one" in (world.root / "out").read_text()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
