"""What the figures were measured on: processors, programs, versions, and the commit."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
_DISTRIBUTIONS = ("rouser", "click", "pluggy", "rich", "libtmux", "GitPython")


def describe() -> dict[str, str]:
    """Return what was measured on, by its name."""
    facts = {
        "cores": str(len(os.sched_getaffinity(0))),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "tmux": _said("tmux", "-V").removeprefix("tmux "),
        "git": _said("git", "--version").removeprefix("git version "),
        "tmuxp": _said(str(tmuxp()), "--version").partition(",")[0].removeprefix("tmuxp ") or "not installed",
        "load before": f"{os.getloadavg()[0]:.1f}",
    }
    return facts | {name: metadata.version(name) for name in _DISTRIBUTIONS}


def revision() -> str:
    """Return the commit that is checked out, marked when there is more than that."""
    commit = _said("git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD") or "unknown"
    return f"{commit}-changed" if _said("git", "-C", str(ROOT), "status", "--porcelain") else commit


def tmuxp() -> Path:
    """Return where the peer is installed: apart from rouser, so that neither pays for the other's packages."""
    return ROOT / ".cache" / "bench" / "bin" / "tmuxp"


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
