"""The plugin's settings, and what it tells the doctor."""

import os
from pathlib import Path

import pytest

from rouser import HookError
from rouser.deadline import call_within
from rouser_tmux.client import clean_environment
from rouser_tmux.plugin import TmuxRuntime


def test_only_the_socket_can_be_set():
    with pytest.raises(HookError, match="unknown setting 'sockett' of tmux; allowed is: socket"):
        TmuxRuntime().plugin_configure({"socket": "", "sockett": "x"})


@pytest.mark.parametrize("socket", [7, None, True, "a\nb", "\x1b"])
def test_unusable_socket_is_refused(socket):
    with pytest.raises(HookError, match="allowed are a name, a path, or nothing"):
        TmuxRuntime().plugin_configure({"socket": socket})


@pytest.mark.parametrize(("socket", "flags"), [
    ("", ()),
    ("work", ("-L", "work")),
    ("/run/x", ("-S", "/run/x")),
    ("./x", ("-S", str(Path.cwd() / "x"))),
    ("~/x", ("-S", str(Path("~/x").expanduser()))),
])  # fmt: skip
def test_socket_is_a_name_or_a_path(socket, flags):
    runtime = TmuxRuntime()
    runtime.plugin_configure({"socket": socket})
    assert runtime._server.flags == flags


def test_default_is_the_users_own_server():
    runtime = TmuxRuntime()
    runtime.plugin_configure({})
    assert runtime._server.flags == ()


def test_doctor_is_content_with_and_without_a_server(world):
    for _ in range(2):
        findings = {finding.subject: finding for finding in world.runtime.plugin_diagnose()}
        assert findings.keys() == {"tmux", "server", "launch files"}
        assert all(finding.ok and not finding.remedy for finding in findings.values())
        world.create(name=f"n{os.urandom(2).hex()}")


def test_doctor_misses_tmux(world, monkeypatch):
    monkeypatch.setenv("PATH", str(world.directory))
    (finding,) = world.runtime.plugin_diagnose()
    assert not finding.ok
    assert "install tmux 3.2" in finding.remedy


def test_doctor_sees_an_old_tmux(world, monkeypatch):
    fake = world.directory / "tmux"
    fake.write_text("#!/bin/sh\necho tmux 2.9a\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{world.directory}:{os.environ['PATH']}")
    finding = world.runtime.plugin_diagnose()[0]
    assert not finding.ok
    assert "2.9" in finding.message


def test_doctor_sees_a_server_that_does_not_answer(world):
    world.create()
    pid = world.server_pid()
    os.kill(pid, 19)
    try:
        findings = call_within(3, world.runtime.plugin_diagnose)
    finally:
        os.kill(pid, 18)
    (finding,) = [finding for finding in findings if finding.subject == "server"]
    assert not finding.ok
    assert "did not answer" in finding.message


def test_doctor_sees_a_launch_directory_that_is_not_ours(world):
    world.launch_files.parent.mkdir()
    world.launch_files.symlink_to("/tmp")
    (finding,) = [finding for finding in world.runtime.plugin_diagnose() if finding.subject == "launch files"]
    assert not finding.ok
    assert finding.remedy


def test_a_variable_that_goes_while_the_environment_is_read_is_left_out():
    class Fleeting(dict):
        def __iter__(self):
            names = list(super().__iter__())
            self.pop("LC_ALL", None)
            return iter(names)

        def items(self):  # as those of os.environ, which looks each up
            return ((name, self[name]) for name in self)

    assert clean_environment(Fleeting(HOME="/", LC_ALL="C", OTHER="x")) == {"HOME": "/"}
