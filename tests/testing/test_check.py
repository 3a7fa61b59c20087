"""``rouser plugins``, ``new`` and ``check``, as people run them."""

import json
import os
import subprocess
import sys

import pytest
from support.plugins import install


@pytest.fixture
def rouser(tmp_path):
    def run(*arguments, site=None):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ROUSER_")}
        environment |= {"ROUSER_HOME": str(tmp_path / "home"), "ROUSER_CONFIG": str(tmp_path / "rouser.toml")}
        if site:
            environment["PYTHONPATH"] = str(site)
        (tmp_path / "rouser.toml").touch()
        return subprocess.run(
            [sys.executable, "-m", "rouser", "plugins", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    return run


def test_bare_form_lists(rouser):
    done = rouser("--json")
    assert done.returncode == 0
    assert {"tmux", "worktree"} <= {item["name"] for item in json.loads(done.stdout)}
    assert rouser().stdout.startswith("NAME")


def test_new_says_what_to_do_next(rouser, tmp_path):
    done = rouser("new", "my-box", "--kind", "workspace")
    assert done.returncode == 0, done.stderr
    assert "cd rouser-my-box && pip install" in done.stderr
    assert (tmp_path / "rouser-my-box" / "pyproject.toml").exists()


def test_check_passes_for_a_shipped_plugin(rouser):
    done = rouser("check", "worktree", "--program", "git", "-k", "loads or bad_branch or never_was or denied")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout


def test_check_takes_an_agents_command_line(rouser):
    done = rouser("check", "command", "--", "sh", "-c", "cat")
    assert done.returncode == 0, done.stdout + done.stderr


def test_check_fails_for_a_broken_plugin_and_names_the_defect(rouser, tmp_path):
    site = tmp_path / "site"
    source = "import sys\nsys.path.append({tests!r})\nfrom testing.broken.workspaces import AlwaysForces\nplugin = AlwaysForces()\n"
    install(site, "broken", source.format(tests=os.path.dirname(os.path.dirname(__file__))))  # noqa: PTH120
    entries = next(site.glob("*.dist-info")) / "entry_points.txt"
    entries.write_text("[rouser]\nbroken = rouser_broken:plugin\n")
    done = rouser("check", "broken", "-k", "work_survives", site=site)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "workspace_destroy without force destroys a modified file" in done.stdout


def test_check_tells_in_one_line_what_a_hook_refused(rouser, tmp_path):
    site = tmp_path / "site"
    source = (
        "import sys\nsys.path.append({tests!r})\nfrom rouser import HookError, hookimpl\n"
        "from testing.sound import SoundAgent\n\nclass Refusing(SoundAgent):\n    @hookimpl\n"
        "    def agent_environment(self, session):\n        raise HookError('not today')\n\nplugin = Refusing()\n"
    )
    install(site, "refusing", source.format(tests=os.path.dirname(os.path.dirname(__file__))))  # noqa: PTH120
    entries = next(site.glob("*.dist-info")) / "entry_points.txt"
    entries.write_text("[rouser]\nrefusing = rouser_refusing:plugin\n")
    done = rouser("check", "refusing", "-k", "environment", site=site)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "\nagent_environment raises HookError: not today\n" in done.stdout
    assert "Traceback" not in done.stdout
    assert "host.py" not in done.stdout


def test_check_of_what_is_not_installed_is_an_error(rouser):
    done = rouser("check", "nowhere")
    assert done.returncode == 10
    assert "nowhere" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-k", "no_such_test"], "-k 'no_such_test' fits none of the conformance tests of command"),
        (["-k", "and and"], "-k 'and and' fits none"),
        (["--program", "no-such-program"], "there is no program 'no-such-program' on PATH"),
    ],
)
def test_check_of_nothing_is_an_error(rouser, arguments, told):
    done = rouser("check", "command", *arguments)
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith(f"error: {told}")


def test_check_of_what_is_of_no_kind_is_an_error(rouser, tmp_path):
    source = "from rouser import hookimpl\n\n@hookimpl\ndef session_removed(session):\n    pass\n"
    install(tmp_path / "site", "listener", source)
    done = rouser("check", "listener", site=tmp_path / "site")
    assert done.returncode == 3
    assert done.stderr == "error: listener is no runtime, agent or workspace, so that there is nothing to check\n"


def test_check_takes_nothing_from_peoples_own_test_runs(rouser, monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    monkeypatch.setenv("PYTEST_PLUGINS", "no_such_plugin")
    done = rouser("check", "command", "-k", "loads", "--", "cat")
    assert done.returncode == 0, done.stdout + done.stderr


def test_check_of_what_cannot_be_kept_apart_is_an_error(rouser, tmp_path):
    site = tmp_path / "site"
    lines = ["from rouser import hookimpl"]
    for hook, parameters in {
        "runtime_create": "session, name",
        "runtime_is_alive": "handle",
        "runtime_send_message": "handle, message",
        "runtime_destroy": "handle",
    }.items():
        lines.append(f"@hookimpl\ndef {hook}({parameters}): pass")
    install(site, "near", "\n".join(lines))
    done = rouser("check", "near", site=site)
    assert done.returncode == 3
    assert "plugin_scratch_settings" in done.stderr
