"""The agent gets its argv, environment and directory as they were given, and nobody else sees them."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from rouser import HookError
from rouser_tmux import creation, launch

TORTURE = [
    "",
    " ",
    "two words",
    "-x",
    "--",
    "it's",
    '"quoted"',
    "$HOME `id` $(id) \\ \\\\",
    "semi;",
    ";",
    "\\;",
    "line\nbreak\n",
    "tab\tcr\rbell\x07esc\x1b[0m",
    "#{pid} #(touch pwned) ##",
    "%1 =name {a,b} ~ * ? [a-z] !",
    "naïve ☃ \U0001f600",
    os.fsdecode(bytes(range(1, 256))),
]
OF_THE_TERMINAL = {b"TERM", b"TERM_PROGRAM", b"TERM_PROGRAM_VERSION", b"TMUX", b"TMUX_PANE", b"ROUSER_TERMINAL"}
OF_THE_SHELL = {b"PWD", b"SHLVL", b"_"}


def test_arguments_arrive_byte_for_byte(world):
    _, record = world.record(*TORTURE)
    assert record["argv"] == [os.fsencode(argument) for argument in TORTURE]


def test_environment_is_the_given_one_and_nothing_else(world, monkeypatch):
    monkeypatch.setenv("LC_CALLER", "leaks through tmux, not into the agent")
    env = world.env | {f"V{index}": value for index, value in enumerate(TORTURE)} | {"IFS": "x", "PS4": "`id`"}
    _, record = world.record(env=env)
    got = {key: value for key, value in record["env"].items() if key not in OF_THE_TERMINAL | OF_THE_SHELL}
    assert got == {os.fsencode(key): os.fsencode(value) for key, value in env.items()}


def test_variables_of_the_terminal_are_the_panes_own(world):
    env = world.env | {"TERM": "dumb-as-rocks", "TMUX": "/elsewhere,1,2", "TMUX_PANE": "%99", "COLUMNS": "7"}
    _, record = world.record(env=env)
    assert record["env"][b"TERM"] != b"dumb-as-rocks"
    assert record["env"][b"TMUX"].startswith(os.fsencode(world.socket) + b",")
    assert record["env"][b"TMUX_PANE"] == b"%0"
    assert b"COLUMNS" not in record["env"]


def test_names_that_no_shell_can_export_are_left_out(world):
    env = world.env | {"BASH_FUNC_x%%": "() { :; }", "a-b": "c", "1st": "d", "UID": "7", "OPTIND": "x", "OK": "yes"}
    _, record = world.record(env=env)
    assert record["env"][b"OK"] == b"yes"
    assert not {b"BASH_FUNC_x%%", b"a-b", b"1st", b"OPTIND"} & record["env"].keys()


def test_long_arguments_arrive(world):
    arguments = ["x" * (128 * 1024 - 1), "y" * 100_000, "z" * 50_000]
    _, record = world.record(*arguments, env=world.env | {"BIG": "e" * 100_000})
    assert record["argv"] == [argument.encode() for argument in arguments]
    assert len(record["env"][b"BIG"]) == 100_000


@pytest.mark.parametrize(
    "name", ["plain", "with space", "a#{pid}#(touch pwned)b", "semi;", "it's", "new\nline", "ünï", "-d"]
)
def test_directory_is_the_given_one_and_the_panes(world, name):
    directory = world.directory / name
    directory.mkdir()
    _, record = world.record(cwd=directory)
    assert record["cwd"] == os.fsencode(directory)
    assert record["env"][b"PWD"] == os.fsencode(directory)
    assert not list(world.directory.rglob("pwned"))
    if name != "new\nline":  # tmux prints it in another way
        assert world.tmux("display-message", "-p", "-t", "=recorder:", "#{session_path}") == [str(directory)]


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_script_does_the_same_in_other_shells(world, shell, monkeypatch):
    program = launch.Path("/bin", shell)
    if not program.exists():
        pytest.skip(f"no {program}")
    monkeypatch.setattr(launch, "_SHELL", str(program))
    env = world.env | {f"V{index}": value for index, value in enumerate(TORTURE)}
    _, record = world.record(*TORTURE, env=env)
    assert record["argv"] == [os.fsencode(argument) for argument in TORTURE]
    assert record["env"].items() >= {os.fsencode(key): os.fsencode(value) for key, value in env.items()}.items()
    script = world.directory / "broken"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    with pytest.raises(HookError, match="not started"):
        world.create([str(script)], name="broken")


def test_secrets_are_in_no_command_line_and_not_in_tmux(world):
    secret = "s3cr3t-0123456789"
    world.record(env=world.env | {"API_KEY": secret})
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if secret.encode() in _read(path)]
    for scope in (["-g"], ["-t", "=recorder:"]):
        assert secret not in "\n".join(world.tmux("show-environment", *scope))
    assert not list(world.launch_files.iterdir())


def test_server_is_started_without_the_callers_secrets(world, monkeypatch):
    monkeypatch.setenv("CALLERS_TOKEN", "s3cr3t")
    monkeypatch.setenv("CLAUDECODE", "1")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/tmp/agent")
    world.create()
    shown = world.tmux("show-environment", "-g")
    assert "SSH_AUTH_SOCK=/tmp/agent" in shown
    assert not [line for line in shown if line.startswith(("CALLERS_TOKEN", "CLAUDECODE", "ROUSER_"))]


def test_launch_file_is_private_while_it_is_there(world):
    path = launch.write("0" * 16, world.directory, ["cat"], {"KEY": "secret"})
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.lstat().st_mode) == 0o700
    assert path.parent == world.launch_files


def test_launch_file_is_never_written_through_a_link(world):
    victim = world.directory / "victim"
    victim.write_text("precious")
    launch.directory().joinpath(f"{'1' * 16}-{os.getpid()}.sh").symlink_to(victim)
    with pytest.raises(HookError, match="cannot be written"):
        launch.write("1" * 16, world.directory, ["cat"], {})
    assert victim.read_text() == "precious"


def test_launch_file_that_is_there_already_is_left_alone(world):
    path = launch.write("1" * 16, world.directory, ["cat"], {})
    before = path.read_bytes()
    with pytest.raises(HookError, match="cannot be written"):
        launch.write("1" * 16, world.directory, ["echo"], {})
    assert path.read_bytes() == before


def test_launch_directory_is_closed_to_others(world):
    world.launch_files.mkdir(parents=True, mode=0o755)
    world.launch_files.chmod(0o777)
    assert stat.S_IMODE(launch.directory().lstat().st_mode) == 0o700


def test_link_in_place_of_the_launch_directory_is_refused(world):
    elsewhere = world.directory / "elsewhere"
    elsewhere.mkdir()
    world.launch_files.parent.mkdir()
    world.launch_files.symlink_to(elsewhere)
    with pytest.raises(HookError, match="not a directory of yours"):
        world.create()
    assert not world.socket.exists()


def test_runtime_directory_of_the_user_is_preferred(world, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(world.directory))
    assert launch.directory() == world.directory / "rouser-tmux"


def test_runtime_directory_of_somebody_else_is_not_used(world, monkeypatch):
    foreign = "/" if os.geteuid() else "/proc/1/task"
    link = world.directory / "link"
    link.symlink_to(foreign)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(link))
    assert launch.directory() == world.launch_files


def test_launch_files_of_commands_that_were_killed_are_swept(world):
    gone = subprocess.Popen(["true"])
    gone.wait()
    made = {name: launch.directory() / f"{'2' * 15}{name}-{gone.pid}.sh" for name in "abc"}
    living = launch.write("3" * 16, world.directory, ["cat"], {})
    handles = []
    for name, ask in (
        ("a", lambda: handles.append(world.create())),
        ("b", world.runtime.runtime_discover),
        ("c", lambda: world.runtime.runtime_destroy(handles[0])),
    ):
        made[name].write_text("")
        os.utime(made[name], (0, 0))
        ask()
        assert not made[name].exists()
    assert living.exists()


def test_launch_file_that_a_shell_may_be_about_to_read_is_left_alone(world):
    gone = subprocess.Popen(["true"])
    gone.wait()
    fresh = launch.directory() / f"{'2' * 16}-{gone.pid}.sh"
    fresh.write_text("")
    world.runtime.runtime_discover()
    assert fresh.exists()


@pytest.mark.parametrize("program", ["no-such-program", "./no-such-program", "/etc/passwd", "", "-x", "/", "a\0b"])
def test_program_that_cannot_be_executed_is_named_before_anything_is_created(world, program):
    with pytest.raises(HookError) as caught:
        world.create([program, "x"])
    assert repr(program) in str(caught.value)
    assert not world.socket.exists()


def test_program_is_found_through_the_given_path_and_directory(world):
    tool = world.directory / "bin" / "my-agent"
    tool.parent.mkdir()
    tool.symlink_to("/bin/cat")
    for name, command, path in (
        ("a", "my-agent", str(tool.parent)),
        ("b", "bin/my-agent", ""),
        ("c", "my-agent", "bin"),
    ):
        assert world.runtime.runtime_is_alive(world.create([command], name, env={"PATH": path}))


@pytest.mark.parametrize(("command", "cwd", "env", "said"), [
    ([], "/", {}, "empty"),
    (["cat"], "/no/such/place", {}, "/no/such/place"),
    (["cat"], "/etc/passwd", {}, "/etc/passwd"),
    (["cat", "\0"], "/", {"PATH": "/bin"}, "NUL"),
    (["cat"], "/", {"PATH": "/bin", "X": "\0"}, "NUL"),
    (["cat", "\ud800"], "/", {"PATH": "/bin"}, "no bytes"),
])  # fmt: skip
def test_what_cannot_be_started_is_refused_before_anything_is_created(world, command, cwd, env, said):
    with pytest.raises(HookError, match=said):
        world.create(command, cwd=Path(cwd), env=env)
    assert not world.socket.exists()


@pytest.mark.parametrize("case", ["interpreter", "too_long"])
def test_agent_that_cannot_be_executed_after_all_leaves_nothing_behind(world, case):
    script = world.directory / "broken"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    command, said = {
        "interpreter": ([str(script)], "not found"),
        "too_long": ([sys.executable, "x" * 128 * 1024], "(Argument list too long|cannot be executed)"),
    }[case]
    world.start_foreign("mine")
    with pytest.raises(HookError, match=f"exec: .*: {said}"):
        world.create(command)
    assert world.sessions() == ["mine"]
    assert not list(world.launch_files.iterdir())


@pytest.mark.parametrize("shell", ["sh", "dash", "bash"])
@pytest.mark.parametrize("seen", ["", "sh: 12: exec:\n"])
@pytest.mark.parametrize(
    ("first_line", "said"),
    [("#!/no/such/interpreter", "exec: .*/broken: not found$"), ("#!/", "exec: .*/broken: cannot be executed$")],
)
def test_why_an_agent_cannot_be_executed_is_told_where_tmux_loses_it(world, monkeypatch, shell, seen, first_line, said):
    if not Path("/bin", shell).exists():
        pytest.skip(f"no /bin/{shell}")
    monkeypatch.setattr(launch, "_SHELL", f"/bin/{shell}")
    monkeypatch.setattr(creation, "last_lines", lambda pane, count: seen)
    script = world.directory / "broken"
    script.write_text(f"{first_line}\n")
    script.chmod(0o755)
    world.start_foreign("mine")
    with pytest.raises(HookError, match=said):
        world.create([str(script)])
    assert world.sessions() == ["mine"]


def test_a_shell_that_was_killed_is_told_from_one_that_failed(tmp_path):
    path = launch.write("0" * 16, tmp_path, ["cat"], {})
    assert launch.why_failed(path, "cat") == "its shell was killed"
    path.write_text("failed 2\n")
    assert launch.why_failed(path, "cat") == "its shell ended with status 2"
    path.unlink()
    assert launch.why_failed(path, "cat") == "its shell was killed"


def _read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""
