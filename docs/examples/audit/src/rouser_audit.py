"""Writes a line of JSON for every call of every hook: when, which hook, how long it took, how it ended."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rouser import AgentSpec, PluginSpec, RuntimeSpec, SessionEventsSpec, WorkspaceSpec, hookimpl


def recorder(hook: str) -> Any:
    """Return a wrapper that writes a line when a call of ``hook`` has ended."""

    def around(_: object) -> Generator[None, Any, Any]:
        at, begun, error = datetime.now(UTC), time.monotonic(), None
        try:
            return (yield)
        except BaseException as raised:
            error = f"{type(raised).__name__}: {raised}"
            raise
        finally:
            seconds = round(time.monotonic() - begun, 6)
            entry = {"at": at.isoformat(), "hook": hook, "seconds": seconds, "error": error}
            # A log that cannot be written must not make the call fail.
            with suppress(OSError), Path(os.environ.get("ROUSER_AUDIT_FILE", os.devnull)).open("a") as log:
                log.write(json.dumps(entry) + "\n")

    return hookimpl(wrapper=True, tryfirst=True)(around)


SPECS = (RuntimeSpec, AgentSpec, WorkspaceSpec, SessionEventsSpec, PluginSpec)
Audit = type("Audit", (), {hook: recorder(hook) for spec in SPECS for hook in vars(spec) if not hook.startswith("_")})
