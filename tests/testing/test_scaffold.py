"""A package for a new plugin: whole, typed, and with tests that fail only where something is still to be written."""

import os
import re
import subprocess
import sys

import pytest

from rouser.errors import ConfigError
from rouser.scaffold import make_package

KINDS = ("runtime", "agent", "workspace")
WRITTEN = (
    "test_it_loads_as_a_plugin_of_its_kind",
    "test_capabilities_are_declared",
    "test_unknown_settings_are_refused",
)


def run(directory, *command):
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        check=False,
        timeout=220,
    )


@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", KINDS)
def test_tests_fail_only_where_something_is_still_to_be_written(kind, tmp_path):
    package = make_package("my-box", kind, tmp_path / "package")
    options = ("-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:xdist", "-rA")
    done = run(package, "pytest", *options)
    assert done.returncode == 1, done.stdout
    passed = set(re.findall(r"^PASSED .*::(\w+)", done.stdout, re.MULTILINE))
    assert passed >= set(WRITTEN), done.stdout
    causes = {line for line in done.stdout.splitlines() if re.match(r"E  |.* is still to be written", line)}
    assert causes
    for line in causes:
        assert re.search("still to be written|write what the agent itself|^E *$|PluginCallError", line), line


@pytest.mark.parametrize("kind", KINDS)
def test_package_is_typed(kind, tmp_path):
    package = make_package("my-box", kind, tmp_path / "package")
    done = run(package, "mypy", "--strict", "--cache-dir", os.devnull, "src", "tests")
    assert done.returncode == 0, done.stdout


def test_package_is_whole(tmp_path):
    package = make_package("my-box", "runtime", tmp_path / "package")
    files = {str(file.relative_to(package)) for file in package.rglob("*") if file.is_file()}
    assert files == {
        ".github/workflows/test.yml",
        ".gitignore",
        "README.md",
        "pyproject.toml",
        "src/rouser_my_box/__init__.py",
        "src/rouser_my_box/py.typed",
        "tests/test_conformance.py",
    }
    placeholders = re.compile(r"@(name|NAME|kind|module|Class|setting)@")
    assert "| `directory` | `~/.rouser-my-box` |" in (package / "README.md").read_text()
    assert not [file for file in files if placeholders.search(f"{file} {(package / file).read_text()}")]


@pytest.mark.parametrize("name", ["", "Box", "my_box", "-box", "box-", "a--b", "a b", "../box", "1box"])
def test_unusable_name_is_refused(name, tmp_path):
    with pytest.raises(ConfigError, match="cannot name a plugin"):
        make_package(name, "runtime", tmp_path / "package")
    assert not (tmp_path / "package").exists()


def test_what_is_there_is_left_alone(tmp_path):
    (tmp_path / "file").write_text("precious")
    with pytest.raises(ConfigError, match="is there already"):
        make_package("box", "runtime", tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
