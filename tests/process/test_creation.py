"""Creating a runtime: what the agent gets, what it does not get, and who wins."""

import json
import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rouser import HookError
from rouser_process.handle import Handle

HARD = [
    "",
    " ",
    "a b",
    "it's",
    '"q"',
    "two\nlines\n",
    "ends;",
    "#{pid} #(id)",
    "$HOME `id` \\",
    "-x",
    "--",
    "ünï日本",
    "\udcff\udc80",
    "*?[",
    "%s%n",
    "\x1b[31m",
    "x" * 100_000,
]


def test_arguments_arrive_byte_for_byte(world):
    _, record = world.record(*HARD)
    assert record["argv"] == [os.fsencode(argument) for argument in HARD]


def test_the_environment_arrives_byte_for_byte_and_no_other(world, monkeypatch):
    monkeypatch.setenv("OF_THE_CALLER", "secret")
    given = world.env | {f"V{n}": text for n, text in enumerate(HARD)} | {"odd-name%%": "x", "ä": "ö"}
    handle, record = world.record(env=given)
    terminal = {b"TERM": b"xterm-256color", b"ROUSER_TERMINAL": Handle.parse(handle).token.encode()}
    assert record["env"] == {os.fsencode(name): os.fsencode(value) for name, value in given.items()} | terminal


@pytest.mark.parametrize("name", ["plain", "a b", 'it\'s "q"', "ends;", "two\nlines", "-x", "ünï", "#{pid}"])
def test_the_agent_runs_in_its_directory(world, name):
    directory = world.directory / name
    directory.mkdir()
    _, record = world.record(cwd=directory)
    assert record["cwd"] == os.fsencode(directory)


def test_the_agent_leads_a_session_on_a_terminal_and_has_nothing_else_open(world):
    read, write = os.pipe()
    os.set_inheritable(read, True)
    try:
        _, record = world.record()
    finally:
        os.close(read)
        os.close(write)
    assert record["tty"] == [True, True, True]
    assert record["sid"] == record["pid"]
    assert record["fds"] == ["0", "1", "2", "3"]  # the last one is its look at the directory


def test_no_signal_reaches_the_agent_as_ignored_but_what_its_own_interpreter_ignores(world):
    _, record = world.record()
    python_ignores = {signal.SIGPIPE, signal.SIGXFSZ}
    changeable = signal.valid_signals()  # glibc keeps two to itself, which stay as they were inherited
    assert {n for n in changeable if int(record["ignored"], 16) >> (n - 1) & 1} <= python_ignores
    handle = world.create(["sh", "-c", "grep SigIgn /proc/self/status; echo DONE; cat"], "shell")
    world.wait_for(handle, "DONE")
    ignored = int(world.printed(handle).partition("SigIgn:")[2].split()[0], 16)
    assert not {n for n in changeable if ignored >> (n - 1) & 1}


def test_the_agent_keeps_the_callers_umask(world):
    before = os.umask(0o027)
    try:
        _, record = world.record()
    finally:
        os.umask(before)
    assert record["umask"] == "0027"


def test_a_relative_program_is_found_from_the_agents_directory_and_a_bare_one_on_its_path(world):
    tool = world.directory / "bin" / "tool"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho FOUND\ncat\n")
    tool.chmod(0o755)
    world.wait_for(world.create(["bin/tool"], "relative"), "FOUND")
    world.wait_for(world.create(["tool"], "bare", env={"PATH": f"{tool.parent}:/usr/bin:/bin"}), "FOUND")


def broken(world):
    script = world.directory / "not-executable"
    script.write_text("x")
    return {
        "a missing directory": ({"cwd": world.directory / "none"}, "does not exist"),
        "a file for a directory": ({"cwd": script}, "does not exist"),
        "a relative directory": ({"cwd": Path("tests")}, "does not exist"),
        "a missing program": ({"command": ["no-such-program"]}, "'no-such-program' cannot be executed"),
        "a program that is not executable": ({"command": [str(script)]}, "cannot be executed: Permission denied"),
        "an empty program": ({"command": [""]}, "cannot be executed"),
        "no command": ({"command": []}, "empty"),
        "a NUL": ({"command": ["cat", "a\0b"]}, "NUL"),
        "half a character": ({"command": ["cat", "\ud800"]}, "no bytes stand for"),
        "a variable without a name": ({"env": {"": "x"}}, "no name"),
        "an argument that is too long": ({"command": ["cat", "x" * 200_000]}, "too long"),
        "a bad name": ({"name": "a.b"}, "cannot name a runtime"),
    }


CASES = [
    "a missing directory",
    "a file for a directory",
    "a relative directory",
    "a missing program",
    "a program that is not executable",
    "an empty program",
    "no command",
    "a NUL",
    "half a character",
    "a variable without a name",
    "an argument that is too long",
    "a bad name",
]


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_started_is_an_error_that_leaves_nothing(world, refused, case):
    changes, reason = broken(world)[case]
    assert reason in refused(world.create, **changes)
    assert not world.base.exists() or [path.name for path in world.base.iterdir()] == [".lock"]
    assert world.runtime.runtime_discover() == []


def test_a_taken_name_is_refused_and_its_runtime_left_alone(world, refused):
    handle = world.create(name="proj-1")
    assert "proj-1" in refused(world.create, name="proj-1")
    assert world.runtime.runtime_is_alive(handle)


def test_names_that_begin_alike_are_different_runtimes(world):
    longer = world.create(name="proj-10")
    shorter = world.create(name="proj-1")
    world.runtime.runtime_destroy(shorter)
    assert world.runtime.runtime_is_alive(longer)


def test_of_eight_that_create_one_name_exactly_one_wins(world):
    def attempt(_):
        try:
            return world.create(name="contested")
        except HookError as error:
            return error

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(attempt, range(8)))
    winners = [result for result in results if isinstance(result, str)]
    assert len(winners) == 1
    assert [found.handle for found in world.runtime.runtime_discover()] == winners


def test_a_name_is_free_again_when_its_agent_has_ended_though_its_output_stays(world, eventually):
    first = world.create(["echo", "first words"], "again")
    eventually(lambda: not world.runtime.runtime_is_alive(first))
    second = eventually(lambda: attempt(world, "again"))
    assert world.runtime.runtime_is_alive(second)
    assert world.runtime.runtime_get_output(first, 5) == "first words"
    world.runtime.runtime_destroy(first)
    assert world.runtime.runtime_is_alive(second)


def attempt(world, name):
    try:
        return world.create(name=name)
    except HookError:
        return None


def test_a_name_whose_agent_survived_its_supervisor_is_taken(world, refused, eventually, runs):
    handle = Handle.parse(world.stubborn("survivor"))
    world.signal(handle.supervisor.pid, signal.SIGKILL)
    eventually(lambda: not runs(handle.supervisor.pid))
    assert f"rouser kill {handle.session_id[:8]}" in refused(world.create, name="survivor")


def test_what_a_killed_creation_left_is_cleared_away(world):
    left = world.base / "half.0123456789abcdef"
    left.mkdir(parents=True)
    world.base.chmod(0o700)
    (left / "socket").touch()
    world.create(name="half")
    assert not left.exists()


CREATOR = """
import datetime as dt, os, sys, uuid
from pathlib import Path
from rouser import Session, SessionStatus
from rouser_process.plugin import ProcessRuntime
now = dt.datetime.now(dt.UTC)
session = Session(id=str(uuid.uuid4()), project_id="x", status=SessionStatus.SPAWNING, agent="c", runtime="process",
                  workspace="w", repository=Path("/"), branch="m", created_at=now, updated_at=now)
runtime = ProcessRuntime()
runtime.plugin_configure({"directory": sys.argv[1]})
print(runtime.runtime_create(session, "detached", Path("/"), ["cat"], {"PATH": os.environ["PATH"]}))
sys.stdout.flush()
sys.stdin.read()
"""


def test_the_runtime_outlives_the_command_that_made_it_its_session_and_its_terminal(world, eventually):
    creator = subprocess.Popen(
        [sys.executable, "-c", CREATOR, str(world.base)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    handle = world.adopt(creator.stdout.readline().strip())
    supervisor = Handle.parse(handle).supervisor.pid
    fields = Path(f"/proc/{supervisor}/stat").read_text().rpartition(")")[2].split()
    assert int(fields[1]) != creator.pid  # not its child
    assert int(fields[3]) != creator.pid  # nor of its session
    assert int(fields[4]) == 0  # without a terminal that could hang up on it
    os.killpg(creator.pid, signal.SIGKILL)
    assert creator.communicate(timeout=30)[1] == ""  # its pipes end with it: nobody else has them open
    assert world.runtime.runtime_is_alive(handle)


def test_the_supervisor_holds_nothing_of_the_callers_open(world):
    lock = os.open(world.directory / "lock", os.O_RDWR | os.O_CREAT)
    os.set_inheritable(lock, True)
    try:
        handle = Handle.parse(world.create())
    finally:
        os.close(lock)
    links = {str(entry.readlink()) for entry in Path(f"/proc/{handle.supervisor.pid}/fd").iterdir()}
    files = {link for link in links if link.startswith("/") and not link.startswith(("/dev/", str(handle.place)))}
    assert files == set()
    assert not any(link.startswith("pipe:") for link in links)


def test_arguments_and_environment_are_not_shown_by_the_supervisor(world):
    secret = "hush-hush-hush"
    handle = Handle.parse(world.create(["cat", "-", secret], env=world.env | {"KEY": secret}))
    for file in ("cmdline", "environ"):
        assert secret.encode() not in Path(f"/proc/{handle.supervisor.pid}/{file}").read_bytes()
    for file in handle.place.iterdir():
        assert file.is_socket() or file.name.startswith("output") or secret.encode() not in file.read_bytes()


def test_directories_socket_and_files_are_closed_to_everybody_else(world):
    handle = Handle.parse(world.create())
    assert world.base.stat().st_mode & 0o777 == 0o700
    assert handle.place.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in handle.place.iterdir()} == {0o600}


def test_a_directory_of_somebody_elses_or_a_link_is_not_used(world, refused):
    other = world.directory / "other"
    other.mkdir()
    world.base.symlink_to(other)
    assert "not a directory of yours" in refused(world.create)


def test_long_paths_are_no_obstacle_to_the_socket(world):
    deep = world.base / ("d" * 100) / ("e" * 100)
    world.runtime.plugin_configure({"directory": str(deep)})
    handle = world.create()
    assert world.runtime.runtime_is_alive(handle)
    world.runtime.runtime_destroy(handle)
    assert [path.name for path in deep.iterdir()] == [".lock"]


@pytest.mark.parametrize("text", ["", "process", "process:v2:x", "tmux:v1:0123456789abcdef:id:name:1@1:2@2:/s", "a:b"])
def test_other_texts_are_no_handles(world, refused, text):
    assert "not a handle" in refused(world.runtime.runtime_is_alive, text)


def test_numbers_that_no_process_has_are_in_no_handle(world, refused):
    pid = re.compile(r":(\d+)@")
    handle = world.create()
    assert "not a handle" in refused(world.runtime.runtime_is_alive, pid.sub(f":{10**30}@", handle))
    assert "not a handle" in refused(world.runtime.runtime_destroy, pid.sub(f":{10**30}@", handle))


def test_a_handle_survives_being_written_down(world):
    handle = world.create()
    assert str(Handle.parse(handle)) == handle
    assert json.loads(json.dumps(handle)) == handle
    assert handle.isprintable()
