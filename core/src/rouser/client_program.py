"""The program that an agent's plugin runs: whether it is there, and what ``rouser doctor`` tells of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from rouser.deadline import time_left
from rouser.errors import HookError
from rouser.models import Diagnosis


class ClientProgram(NamedTuple):
    """The program of an agent, which is installed separately from the agent's plugin.

    :ivar plugin: the plugin's name, whose settings table has the key ``executable``.
    :ivar command: the program's usual name on PATH.
    :ivar title: what people call it.
    :ivar records: what holds its conversations, relative to the directory where it keeps its data.
    :ivar home_key: the plugin's setting that names that directory.
    """

    plugin: str
    command: str
    title: str
    records: str
    home_key: str = "config_dir"

    def require(self, executable: str) -> None:
        """Return if the program can be run.

        :param executable: its name on PATH, or its path.
        :raises HookError: there is none, and what to do.
        """
        import shutil  # only a spawn looks for the program

        if shutil.which(executable) is None:
            raise HookError(
                f"there is no program {executable!r}: install {self.title}, put its directory on PATH, "
                f"or set executable in [plugins.{self.plugin}]"
            )

    def diagnose(self, executable: str, home: Path) -> list[Diagnosis]:
        """Return what ``plugin_diagnose`` tells of the program, its version and its data.

        That it is missing is no fault where no session uses the plugin.

        :param executable: its name on PATH, or its path.
        :param home: the directory where it keeps its data, which may not be there.
        """
        return [self._program(executable), self._data(home)]

    def _program(self, executable: str) -> Diagnosis:
        import shutil
        import subprocess

        path = shutil.which(executable)
        if path is None:
            return Diagnosis(
                subject=self.command,
                ok=False,
                message=f"{executable} is not on PATH, or not executable",
                remedy=f"install {self.title}, or set executable in [plugins.{self.plugin}]",
                if_used=True,
            )
        try:
            version = _version(executable)
        except (OSError, subprocess.SubprocessError) as error:
            return Diagnosis(
                subject=self.command,
                ok=False,
                message=f"{executable} --version failed: {error}",
                remedy=f"run {executable} --version yourself, and install {self.title} again if that fails too",
            )
        return Diagnosis(subject=self.command, ok=True, message=f"{path}, version {version}")

    def _data(self, home: Path) -> Diagnosis:
        subject = f"{self.command} data"
        if not home.exists():
            return Diagnosis(subject=subject, ok=True, message=f"{home} is not there yet; {self.title} makes it")
        if all(_is_readable(path) for path in (home, home / self.records) if path.exists()):
            return Diagnosis(subject=subject, ok=True, message=f"{home} is readable")
        return Diagnosis(
            subject=subject,
            ok=False,
            message=f"{home} cannot be read, so no conversation can be found",
            remedy=f"make {home} readable, or set {self.home_key} in [plugins.{self.plugin}]",
        )


def _is_readable(path: Path) -> bool:
    return os.access(path, os.R_OK | os.X_OK if path.is_dir() else os.R_OK)


def _version(program: str) -> str:
    import signal
    import subprocess

    argv = [program, "--version"]
    # A group of its own, so that a launcher script's children end with it when the time is up.
    with subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=time_left())
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, argv)
    return output.strip().partition("\n")[0]
