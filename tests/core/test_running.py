"""Running programs to their end, for what they print."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.waiting import wait_for

from rouser import run_program, start_program
from rouser.running import Finished

ENVIRONMENT = {"PATH": os.environ["PATH"], "GREETING": "hello"}


def run(*command: str, seconds: float = 30, **how: Any) -> Finished:
    return run_program(command, seconds=seconds, environment=ENVIRONMENT, **how)


@pytest.fixture(params=[None, "/"], ids=["anywhere", "in a directory"])
def directory(request: pytest.FixtureRequest) -> str | None:
    """Two ways to run a program, which nobody should be able to tell apart."""
    where: str | None = request.param
    return where


@pytest.fixture(autouse=True)
def _nothing_stays_open() -> Iterator[None]:
    before = len(list(Path("/dev/fd").iterdir()))
    yield
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_a_program_is_told_and_tells_everything() -> None:
    text = b"\x00\xff" * 500_000
    done = run("sh", "-c", "cat; pwd >&2; echo $GREETING $USER >&2; exit 3", stdin=text, directory="/")
    assert done == (3, text, b"/\nhello\n")


def test_a_program_runs_where_it_should_and_tells_everything(directory: str | None) -> None:
    script = "head -c 1000000 /dev/zero; pwd >&2; echo $GREETING $USER >&2; head -c 200000 /dev/zero >&2; exit 3"
    status, output, errors = run("sh", "-c", script, directory=directory)
    assert (status, output) == (3, bytes(1_000_000))
    assert errors == f"{directory or Path.cwd()}\nhello\n".encode() + bytes(200_000)


def test_without_words_for_it_a_program_reads_nothing(directory: str | None) -> None:
    assert run("cat", directory=directory) == (0, b"", b"")


def test_a_program_is_out_of_reach_of_the_terminals_signals(directory: str | None) -> None:
    sid = int(run("sh", "-c", "ps -o sid= -p $$", directory=directory).output)
    assert sid != os.getsid(0)


def test_a_program_that_is_killed_says_by_what(directory: str | None) -> None:
    assert run("sh", "-c", "kill -TERM $$", directory=directory).status == -signal.SIGTERM


def test_what_python_ignores_a_program_does_not(directory: str | None) -> None:
    status, output, _ = run("sh", "-c", "yes | head -n 1; trap", directory=directory)
    assert (status, output) == (0, b"y\n")
    script = "import os, signal; print(signal.getsignal(signal.SIGPIPE) is signal.SIG_DFL)"
    ignored = run("sh", "-c", f"grep SigIgn /proc/self/status; {sys.executable} -c '{script}'", directory=directory)
    assert int(ignored.output.split()[1], 16) & 1 << signal.SIGPIPE - 1 == 0


def test_a_program_that_takes_too_long_is_killed(directory: str | None, tmp_path: Path) -> None:
    with pytest.raises(TimeoutError):
        run("sh", "-c", f"echo $$ >{tmp_path}/pid; exec sleep 1000", seconds=0.5, directory=directory)
    pid = int(wait_for(lambda: (tmp_path / "pid").read_text().strip(), "it has begun"))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def test_a_program_that_prints_no_more_and_goes_on_is_waited_for(directory: str | None) -> None:
    script = "echo done; exec >/dev/null 2>&1; sleep 0.2; exit 4"
    assert run("sh", "-c", script, directory=directory) == (4, b"done\n", b"")
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        run("sh", "-c", "exec >/dev/null 2>&1; exec sleep 1000", seconds=0.3, directory=directory)
    assert time.monotonic() - begun < 30


def test_a_wait_goes_on_while_a_tracer_keeps_the_status_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    real, kept = os.waitpid, iter(range(3))
    monkeypatch.setattr(os, "waitpid", lambda pid, how: (0, 0) if next(kept, None) is not None else real(pid, how))
    assert run("sh", "-c", "exit 3").status == 3
    assert next(kept, None) is None


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell when a process ends")
def test_nobody_looks_again_and_again_whether_it_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_seconds: float) -> None:
        raise AssertionError("it polls")

    monkeypatch.setattr(time, "sleep", never)
    assert run("sh", "-c", "exec >/dev/null 2>&1; sleep 0.1").status == 0


def test_something_else_is_done_while_a_program_runs(directory: str | None, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    done = run(
        "cat", str(tmp_path / "fifo"), directory=directory, meanwhile=lambda: (tmp_path / "fifo").write_text("now")
    )
    assert done == (0, b"now", b"")


def test_a_program_ends_with_what_is_done_meanwhile_and_fails(directory: str | None, tmp_path: Path) -> None:
    def fail() -> None:
        wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip(), "it has begun")
        raise ValueError("meanwhile")

    with pytest.raises(ValueError, match="meanwhile"):
        run("sh", "-c", f"echo $$ >{tmp_path}/pid; exec sleep 1000", directory=directory, meanwhile=fail)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_a_program_gets_no_descriptor_that_is_somebody_elses(directory: str | None, tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        listed = run("sh", "-c", "ls -l /dev/fd/", directory=directory).output
    assert b"lock" not in listed
    assert b"null" in listed


def test_a_program_that_is_not_there_is_an_error(directory: str | None) -> None:
    with pytest.raises(FileNotFoundError):
        run("no-such-program", directory=directory)


def test_a_program_that_may_not_be_run_is_an_error(directory: str | None, tmp_path: Path) -> None:
    (tmp_path / "program").touch()
    with pytest.raises(PermissionError):
        run(str(tmp_path / "program"), directory=directory)


@pytest.mark.parametrize("start", ["os.close(0)", "os.close(1)"])
def test_a_program_is_run_whatever_its_caller_was_started_with(start: str) -> None:
    script = f"""\
import os, signal
from rouser import run_program, start_program
{start}
found = run_program(["sh", "-c", "cat; echo out; echo err >&2"], seconds=30, environment=os.environ)
os.write(2, repr(tuple(found)).encode())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == "(0, b'out\\n', b'err\\n')"


def test_nothing_is_run_of_which_it_would_not_be_known_how_it_ended(directory: str | None, tmp_path: Path) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with pytest.raises(OSError, match="SIGCHLD"):
            run("touch", str(tmp_path / "done"), directory=directory)
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert not (tmp_path / "done").exists()


def test_a_program_that_others_waited_for_is_not_said_to_have_succeeded() -> None:
    script = """\
import os
from rouser import run_program, start_program
try:
    run_program(["sh", "-c", "exec >/dev/null 2>&1; exit 3"], seconds=30, environment=os.environ, meanwhile=os.wait)
except OSError as error:
    print(error.strerror)
"""
    # In a process that has no other children, since os.wait() takes any.
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "it is not known how the program ended: others wait for it\n"


def test_the_command_line_knows_how_programs_end_though_its_caller_ignores_that() -> None:
    # As from Perl, or a shell's trap '' CHLD: what is ignored stays so in what is run.
    outer = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    inner = """\
import signal, rouser.cli
from rouser.__main__ import main
rouser.cli.main = lambda: print(signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL)
main()
"""
    command = [sys.executable, "-c", outer, sys.executable, "-c", inner]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "True\n"


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's refusal")
def test_a_descriptor_above_the_limit_is_kept_from_a_program_as_others_are() -> None:
    script = """\
import os, resource
from rouser import run_program, start_program
os.dup2(os.open(os.devnull, os.O_RDONLY), 300, inheritable=True)
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
found = run_program(["sh", "-c", "ls /proc/self/fd; exit 3"], seconds=30, environment=os.environ)
print(found.status, b"300" in found.output)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("3 False\n", "")


def test_a_program_that_was_started_waits_until_it_is_told_something(directory: str | None) -> None:
    program = start_program(["cat"], environment=ENVIRONMENT, reads=True, directory=directory)
    assert program.finish(b"now", seconds=30) == (0, b"now", b"")


def test_a_program_that_is_told_nothing_reads_nothing(directory: str | None) -> None:
    program = start_program(["cat"], environment=ENVIRONMENT, reads=True, directory=directory)
    assert program.finish(seconds=30) == (0, b"", b"")


def test_a_program_that_does_not_listen_is_waited_for_all_the_same(directory: str | None) -> None:
    program = start_program(
        ["sh", "-c", "exec <&-; echo done"], environment=ENVIRONMENT, reads=True, directory=directory
    )
    assert program.finish(bytes(1_000_000), seconds=30) == (0, b"done\n", b"")


def test_a_program_that_is_not_wanted_any_more_is_killed(directory: str | None, tmp_path: Path) -> None:
    script = f"echo $$ >{tmp_path}/pid; exec sleep 1000"
    program = start_program(["sh", "-c", script], environment=ENVIRONMENT, directory=directory)
    pid = int(wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip(), "it has begun"))
    program.end()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def test_a_program_that_others_have_waited_for_is_not_taken_for_another() -> None:
    script = """\
import os
from rouser import start_program
program = start_program(["true"], environment=os.environ)
os.wait()
killed = []
os.kill = lambda *what: killed.append(what)
program.end()
print(killed)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def test_a_program_that_waits_ends_with_who_would_tell_it(tmp_path: Path) -> None:
    script = f"""\
import os
from rouser import start_program
start_program(["sh", "-c", "cat; echo over >{tmp_path}/over"], environment=os.environ, reads=True)
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", script], timeout=60, check=True)
    wait_for((tmp_path / "over").exists, "it has read all")


def test_a_directory_leaves_no_trace_in_the_environment() -> None:
    given = ENVIRONMENT | {"PWD": "/given"}
    told = run_program(["env"], seconds=30, environment=ENVIRONMENT, directory="/").output.decode()
    assert {line.partition("=")[0] for line in told.splitlines()} - {"_"} == {"PATH", "GREETING"}
    assert b"PWD=" in run_program(["env"], seconds=30, environment=given, directory="/").output


@pytest.mark.parametrize("name", ["it's", "-x", "a b", "$HOME", "new\nline"])
def test_any_directory_can_be_run_in(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CDPATH", "/")
    for place in (str(tmp_path / name), name):
        assert run("pwd", directory=place).output.decode() == f"{tmp_path / name}\n"


def test_a_directory_that_is_none_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileNotFoundError):
        run("true", directory=str(tmp_path / "missing"))
    with pytest.raises(NotADirectoryError):
        run("true", directory=str(tmp_path / "file"))
