"""What makes time, counted: processes started, transactions written, packages imported by each command.

Exact, as a command that starts one process more takes some milliseconds more on every machine. Who changes a
number here has either made a command slower, or made it faster and may be proud of it.
"""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass

import pytest

TRACE = """
import atexit, json, os, sys
seen = {"processes": [], "commits": 0}

def told(statement):
    seen["commits"] += statement == "COMMIT"

def traced(connect):
    def connected(*arguments, **options):
        connection = connect(*arguments, **options)
        connection.set_trace_callback(told)
        return connection

    connected.traced = True
    return connected

def watch(event, arguments):
    database = sys.modules.get("sqlite3")  # somebody imported it, which must not be done here
    if hasattr(database, "connect") and not hasattr(database.connect, "traced"):
        database.connect = traced(database.connect)
    if event == "subprocess.Popen":
        seen["processes"].append(os.path.basename(arguments[1][0]))
    elif event == "os.posix_spawn":
        argv = arguments[1]
        becomes = argv[4] if argv[:2] == ["/bin/sh", "-c"] else argv[0]  # a shell that only goes to a directory
        seen["processes"].append(os.path.basename(becomes))
    elif event in ("os.system", "os.fork", "os.forkpty"):
        seen["processes"].append(event)

def tell():
    modules = {name.partition(".")[0] for name in list(sys.modules)}
    seen["packages"] = sorted(name for name in modules if name.startswith("rouser") or name in WATCHED)
    with open(sys.argv[1], "w") as file:
        json.dump(seen, file)

WATCHED = set(sys.argv[2].split(","))
report = sys.argv[1:3]
sys.addaudithook(watch)
atexit.register(lambda: (sys.argv.__setitem__(slice(1, None), report), tell()))
sys.argv[1:] = sys.argv[3:]
from rouser.__main__ import main
main()
"""
WATCHED = (
    *("asyncio", "click", "dataclasses", "git", "hashlib", "importlib.metadata", "libtmux", "pluggy", "rich"),
    *("shutil", "sqlite3", "subprocess", "platformdirs", "tempfile", "tomllib", "yaml"),
)


@dataclass
class Cost:
    """What a command has cost."""

    processes: list[str]
    commits: int
    packages: list[str]


@pytest.fixture
def cost(world, tmp_path):
    # Where people have it, for to find it there has its price too.
    (tmp_path / "config" / "rouser").mkdir(parents=True)
    environment = {**world.environment, "XDG_CONFIG_HOME": str(tmp_path / "config")}
    if named := environment.pop("ROUSER_CONFIG", None):
        (tmp_path / "config" / "rouser" / "rouser.toml").symlink_to(named)

    def run(*arguments):
        report = tmp_path / "report.json"
        subprocess.run(
            [sys.executable, "-c", TRACE, str(report), ",".join(WATCHED), *arguments],
            cwd=world.repository,
            env=environment,
            check=True,
            capture_output=True,
            timeout=60,
        )
        return Cost(**json.loads(report.read_text()))

    return run


@pytest.fixture
def sessions(world):
    """Two live sessions."""
    for name in ("one", "two"):
        world.ok("spawn", "", "--name", name, "--", *world.agent)


def test_version_and_help_start_nothing_and_import_click(cost):
    assert cost("--version") == Cost([], 0, ["click", "rouser"])
    assert cost("--help") == Cost([], 0, ["click", "rouser", "shutil"])  # click asks how wide the terminal is


def test_a_listing_asks_each_runtime_once_and_imports_what_its_sessions_name(cost, sessions):
    wanted = ["pluggy", "rouser", "rouser_command", "rouser_tmux", "sqlite3"]
    assert cost("ls") == cost("ls", "--json") == Cost(["tmux"], 0, wanted)


def test_a_listing_without_a_probe_loads_no_plugin(cost, sessions):
    spent = cost("ls", "--no-probe")
    assert (spent.processes, spent.commits) == ([], 0)
    assert not [name for name in spent.packages if name.startswith("rouser_")]


def test_a_restore_is_two_transactions_and_two_tmux_clients(cost, world, sessions):
    world.kill_server()
    # One client finds the server gone, one creates the runtime; that the agent is up stands in /proc.
    spent = cost("restore", "one")
    assert (spent.processes, spent.commits) == (["tmux"] * 2, 2)
    unwanted = {"git", "libtmux", "rich", "hashlib", "shutil", "subprocess", "tempfile", "asyncio", "dataclasses"}
    assert not unwanted & set(spent.packages)
    assert [name for name in spent.packages if name.startswith("rouser_")] == [
        "rouser_command",
        "rouser_tmux",
        "rouser_worktree",
    ]


def test_a_restore_beside_live_sessions_takes_no_more(cost, world, sessions):
    world.tmux("kill-session", "-t", "=one")
    spent = cost("restore", "one")
    assert (spent.processes, spent.commits) == (["tmux"] * 2, 2)


def test_restoring_all_asks_once_for_all_what_is_alive(cost, world, sessions):
    world.kill_server()
    spent = cost("restore", "--all", "--jobs", "1")
    assert (spent.processes, spent.commits) == (["tmux"] * (1 + 2), 2 * 2)


def test_a_spawn_asks_git_and_tmux_without_their_libraries(cost, world, sessions):
    spent = cost("spawn", "", "--name", "three", "--", *world.agent)
    # Of git: is the branch there, the repository, is it a branch's name, is it there now that the lock is held, where
    # it starts, make it, make the worktree. The record: added, workspace, intent, handle, working.
    assert (spent.processes, spent.commits) == (["git"] * 7 + ["tmux"], 5)
    assert not {"git", "libtmux", "rich", "asyncio"} & set(spent.packages)


def test_a_restore_that_makes_the_worktree_anew_does_without_gitpython(cost, world, sessions):
    world.kill_server()
    shutil.rmtree(world.show("one")["workspace_path"])
    spent = cost("restore", "one")
    assert "git" not in spent.packages
