"""Two plugins that serve every kind: one keeps to the contract, the other breaks it in the hook that it is told to.

What they keep is in files below their setting ``state``, so that one command finds what another has made.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rouser import ActivityState, Conversation, DiscoveredRuntime, Evidence, PromptState, Snapshot, hookimpl
from rouser.hookspecs import KINDS, hooks_of

# A plugin that has runtime_end is asked for neither the output nor the end by itself.
HOOKS = [hook for spec in KINDS.values() for hook in hooks_of(spec) if hook != "runtime_end"]
_TEN_MEGABYTES = 10_000_000


class Steady:
    """Keeps to the contract; a runtime is a file, a workspace a directory."""

    name = "steady"
    state = Path("/nowhere")

    def plugin_configure(self, settings):
        self.state = Path(settings["state"])

    def runtime_create(self, session, name, cwd, command, env):
        handle = f"{self.name}-{name}"
        (self.state / handle).write_text(json.dumps({"session": session.id, "name": name, "env": dict(env)}))
        return handle

    def runtime_is_alive(self, handle):
        return (self.state / handle).exists()

    def runtime_destroy(self, handle):
        (self.state / handle).unlink(missing_ok=True)

    def runtime_get_output(self, handle, lines):
        return "the last words"

    def runtime_attach_command(self, handle):
        return ["true"]

    def runtime_list_alive(self, handles):
        return {handle: (self.state / handle).exists() for handle in handles}

    def runtime_describe(self, handles):
        return {}

    def runtime_options(self, options):
        return {}

    def runtime_discover(self):
        files = sorted(self.state.glob(f"{self.name}-*"))
        kept = [(file.name, json.loads(file.read_text())) for file in files]
        return [DiscoveredRuntime(handle=handle, session_id=it["session"], name=it["name"]) for handle, it in kept]

    def agent_launch_command(self, session):
        return ["true"]

    def agent_restore_command(self, session):
        return ["true"]

    def agent_environment(self, session):
        return {}

    def agent_initial_prompt(self, session):
        return session.task

    def agent_detect_activity(self, session):
        return ActivityState.ACTIVE

    def agent_find_conversation(self, session):
        return Conversation(id="c", evidence=Evidence.PINNED)

    def agent_prepare(self, session):
        return {}

    def agent_has_started(self, session):
        return True

    def agent_prompt_state(self, session, prompt, since):
        return PromptState.DURABLE

    def agent_is_ready(self, session, output):
        return True

    def agent_message(self, session, message):
        return message

    def agent_holds_input(self, session, output, message):
        return False

    def agent_discover(self, since):
        return []

    def workspace_create(self, session, repository, branch, base):
        path = self.state / "workspaces" / session.id
        path.mkdir(parents=True)
        return path

    def workspace_exists(self, path):
        return path.is_dir()

    def workspace_destroy(self, path, force):
        shutil.rmtree(path, ignore_errors=True)

    def workspace_restore(self, session, path):
        path.mkdir(parents=True, exist_ok=True)
        return path

    def workspace_has_branch(self, repository, branch):
        return False

    def workspace_snapshot(self, session, path, reason):
        return None

    def workspace_snapshots(self, session):
        return [Snapshot(number=1, commit="c", at=datetime.now(UTC), reason="by hand", files=1)]

    def workspace_restore_snapshot(self, session, path, number, overwrite):
        return ()

    def workspace_drop_snapshot(self, session, number):
        return

    def workspace_describe(self, path):
        return ""

    def workspace_discover(self):
        return []

    def plugin_scratch_settings(self, directory):
        return {}

    def plugin_diagnose(self):
        return []


class _Vicious:
    """A value that raises whatever is asked of it."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("do not touch")

    def __iter__(self) -> Iterator[Any]:
        raise RuntimeError("do not iterate")


class _UnspeakableError(Exception):
    """An error that cannot even be printed."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


class _LazySequence(Sequence[Any]):
    """A sequence that fails when it is read, long after the hook has returned."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: Any) -> Any:
        raise RuntimeError("nothing here")


class _LazyMapping(Mapping[Any, Any]):
    """A mapping that fails when it is read."""

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[Any]:
        raise RuntimeError("nothing here")

    def __getitem__(self, key: Any) -> Any:
        raise RuntimeError("nothing here")


def _raise(error: BaseException) -> Callable[[Any], Any]:
    def act(result: Any) -> Any:
        raise error

    return act


def _hang(result: Any) -> Any:
    time.sleep(1000)
    return result


def _recurse(result: Any) -> Any:
    return _recurse(result)


def _print(result: Any) -> Any:
    sys.stdout.write("noise\n")
    sys.stdout.flush()
    os.write(1, b"more noise\n")
    os.system("echo the most noise")
    return result


def _wander(result: Any) -> Any:
    os.chdir("/")
    return result


def _pollute(result: Any) -> Any:
    os.environ.clear()
    os.environ["HOME"] = "/nowhere"
    return result


def _unmask(result: Any) -> Any:
    os.umask(0)
    return result


def _linger(result: Any) -> Any:
    threading.Thread(target=time.sleep, args=(1000,), daemon=False).start()
    return result


def _silence(result: Any) -> Any:
    sys.stdout = sys.stderr = None
    return result


BREACHES: dict[str, Callable[[Any], Any]] = {
    "raises": _raise(RuntimeError("sabotage")),
    "raises many lines": _raise(ValueError("one\ntwo\x1b[31m\r\nthree \x9b")),
    "raises what has no text": _raise(_UnspeakableError()),
    "raises bytes that are no text": _raise(OSError("\udcff\udcfe")),
    "raises 10 MB": _raise(RuntimeError("x" * _TEN_MEGABYTES)),
    "exits": _raise(SystemExit(0)),
    "interrupts": _raise(KeyboardInterrupt()),
    "stops": _raise(StopIteration()),
    "runs out of memory": _raise(MemoryError()),
    "recurses": _recurse,
    "hangs": _hang,
    "returns None": lambda result: None,
    "returns an object": lambda result: object(),
    "returns a number": lambda result: 7,
    "returns a list of wrong things": lambda result: [None, 1, b"x"],
    "returns a mapping of wrong things": lambda result: {1: object(), None: b"x"},
    "returns 10 MB": lambda result: "x" * _TEN_MEGABYTES,
    "returns 10 MB of bytes": lambda result: b"\xff" * _TEN_MEGABYTES,
    "returns control characters": lambda result: "\x1b]0;title\x07\x9b31m\udcff\0",
    "returns what raises": lambda result: _Vicious(),
    "returns a sequence that raises": lambda result: _LazySequence(),
    "returns a mapping that raises": lambda result: _LazyMapping(),
    "prints": _print,
    "changes the directory": _wander,
    "changes the environment": _pollute,
    "changes the umask": _unmask,
    "takes the streams away": _silence,
}
"""What a hook does instead of, or besides, returning what it should."""

LINGERS = "leaves a thread"


class Rogue(Steady):
    """Does in ``$ROGUE_HOOK`` what ``$ROGUE_BREACH`` says; writes the hooks that it is asked to ``$ROGUE_LOG``."""

    name = "rogue"


def _neutral(hook: str) -> Callable[..., None]:
    """Return an implementation of a hook that ``Steady`` has no answer for, with the parameters of its spec."""
    spec = next(spec for spec in KINDS.values() if hook in hooks_of(spec))

    @functools.wraps(getattr(spec, hook))
    def implementation(*arguments: Any) -> None:
        return None

    return implementation


def _breaching(hook: str, body: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(body)
    def implementation(*arguments: Any) -> Any:
        log = os.environ.get("ROGUE_LOG")
        if log:
            with Path(log).open("a") as file:
                file.write(f"{hook}\n")
        breach = os.environ.get("ROGUE_BREACH") if os.environ.get("ROGUE_HOOK") == hook else None
        result = body(*arguments)
        return {**BREACHES, LINGERS: _linger}[breach](result) if breach else result

    return implementation


for _hook in HOOKS:
    _body = vars(Steady).get(_hook) or _neutral(_hook)
    setattr(Steady, _hook, hookimpl(_body))
    setattr(Rogue, _hook, hookimpl(_breaching(_hook, _body)))
