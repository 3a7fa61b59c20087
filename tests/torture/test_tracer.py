"""The tool that kills and fails system calls does so: in threads and children too, and at the one that was meant."""

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="ptrace as it is on Linux on x86-64"
)

SCRIPT = """\
import errno, json, pathlib, subprocess, sys, threading
sys.path.insert(0, sys.argv[1])
from torture import tracer
from torture.tracer import Fail, Kill

root = pathlib.Path(sys.argv[2])


def main():
    (root / "own").mkdir()
    thread = threading.Thread(target=(root / "thread").mkdir)
    thread.start()
    thread.join()
    subprocess.run(["mkdir", str(root / "child")])
    (root / "last").mkdir()


def run(name, strike):
    seen = []

    def judge(call):
        if not call.name.startswith("mkdir") or not call.paths[0].startswith(str(root)):
            return None
        seen.append([call.paths[0].removeprefix(f"{root}/"), call.own])
        return strike if call.paths[0].endswith(name) else None

    scratch = pathlib.Path(sys.argv[3])
    done = tracer.run(main, scratch, judge)
    print(json.dumps([done.code, seen, sorted(path.name for path in root.iterdir()), done.err]))


strike = {"fail": Fail(errno.ENOSPC), "all": Kill.ALL, "caller": Kill.CALLER, "command": Kill.COMMAND}
run(sys.argv[4], strike[sys.argv[5]])
"""


def run(tmp_path, name, strike):
    root, scratch = tmp_path / "root", tmp_path / "scratch"
    root.mkdir()
    scratch.mkdir()
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parents[1]), str(root), str(scratch), name, strike]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


def test_calls_are_shown_in_their_order_whoever_makes_them(tmp_path):
    code, seen, made, _ = run(tmp_path, "none", "all")
    assert seen == [["own", True], ["thread", True], ["child", False], ["last", True]]
    assert (code, made) == (0, ["child", "last", "own", "thread"])


def test_a_call_fails_and_does_nothing(tmp_path):
    code, _, made, err = run(tmp_path, "last", "fail")
    assert (code, made) == (70, ["child", "own", "thread"])
    assert "No space left on device" in err


@pytest.mark.parametrize(
    ("strike", "code", "made"),
    [
        ("all", -9, ["own", "thread"]),
        ("caller", 0, ["last", "own", "thread"]),
        ("command", -9, ["child", "own", "thread"]),
    ],
)
def test_a_kill_hits_whom_it_is_meant_for_before_the_call(tmp_path, strike, code, made):
    assert run(tmp_path, "child", strike)[::2] == [code, made]
