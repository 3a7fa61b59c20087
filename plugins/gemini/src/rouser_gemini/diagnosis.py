"""What ``rouser doctor`` tells of the client: whether it is there, which version, and where it keeps things."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess

from rouser import Diagnosis, time_left
from rouser_gemini.settings import Settings


def diagnose(settings: Settings) -> list[Diagnosis]:
    """Return the findings on the configured client and its configuration directory."""
    return [_client(settings), _directory(settings)]


def _client(settings: Settings) -> Diagnosis:
    program = settings.executable
    if shutil.which(program) is None:
        return Diagnosis(
            subject="gemini",
            ok=False,
            message=f"{program} is not on PATH, or not executable",
            remedy="install Gemini CLI, or set executable in [plugins.gemini]",
        )
    try:
        version = _version(program)
    except (OSError, subprocess.SubprocessError) as error:
        return Diagnosis(
            subject="gemini",
            ok=False,
            message=f"{program} --version failed: {error}",
            remedy=f"run {program} --version yourself, and install Gemini CLI again if that fails too",
        )
    return Diagnosis(subject="gemini", ok=True, message=f"{shutil.which(program)}, version {version}")


def _version(program: str) -> str:
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


def _directory(settings: Settings) -> Diagnosis:
    home = settings.home
    if not home.exists():
        return Diagnosis(subject="gemini data", ok=True, message=f"{home} is not there yet; Gemini CLI makes it")
    is_readable = all(os.access(path, os.R_OK | os.X_OK) for path in (home, home / "tmp") if path.exists())
    if is_readable:
        return Diagnosis(subject="gemini data", ok=True, message=f"{home} is readable")
    return Diagnosis(
        subject="gemini data",
        ok=False,
        message=f"{home} cannot be read, so no conversation can be found",
        remedy=f"make {home} readable, or set home in [plugins.gemini]",
    )
