"""Hostile input on every surface: a corpus and 10,000 cases of Hypothesis each, then whole commands."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.stage import make_session

from rouser import ConfigError, HookError, RouserError
from rouser.cli import output
from rouser.cli.fields import session_fields
from rouser.config import load_config
from rouser.records import checksum, from_row, to_row
from rouser.spawn import SpawnRequest, new_session, slug
from rouser.store import Store
from rouser_clone.plugin import CloneWorkspace
from rouser_process.handle import Handle as ProcessHandle
from rouser_process.messages import clean as process_clean
from rouser_tmux import launch
from rouser_tmux.handle import Handle as TmuxHandle
from rouser_tmux.messages import clean as tmux_clean
from rouser_worktree.plugin import WorktreeWorkspace
from torture.hostile_commands import CANARY, COMMAND_PARTS, TERMINAL, run_commands
from torture.payloads import CANARY_FILE, CORPUS, is_bytes, steers
from torture.spreading import side_by_side
from torture.tally import Tally

TITLE = "hostile input: no canary runs, nothing outside is touched, no terminal is steered"

IDS = "Whatever is given as an id is found or refused, and no lock file is made outside of the lock directory"
NAMES = "Whatever is given as name, task, branch or prompt is refused or harmless in every name that is made of it"
PATHS = "Whatever path a workspace plugin is told to remove, nothing outside of its directory goes"
MESSAGES = "No message holds a control sequence by the time it is typed"
ENVIRONMENT = "Agents get every argument and variable byte for byte, and no shell runs a part of one"
CONFIG = "Whatever a configuration file holds, it is read or refused with its name"
ROWS = "A database row that was edited by hand is refused or harmless"
HANDLES = "Whatever a handle is, its plugin takes it as it wrote it or refuses it"

_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_TEXT = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=40),
    st.lists(st.one_of(st.sampled_from(CORPUS[:60]), st.text(max_size=8)), max_size=4).map("".join),
)


def run(tally: Tally, quick: bool) -> None:
    """Try every surface by itself, and the commands as a whole."""
    cases = 300 if quick else 10_000
    surfaces = (_rows, _ids, _names, _paths, _messages, _environment, _config, _handles, _terminal)
    pieces = [partial(run_commands, part=part, quick=quick) for part in range(COMMAND_PARTS)]
    side_by_side(tally, [*pieces, *(partial(_surface, surface, cases) for surface in surfaces)], os.cpu_count())


def _surface(surface: Callable[[Tally, Path, int], None], cases: int, tally: Tally) -> None:
    with tempfile.TemporaryDirectory(prefix="rt-hostile-") as place:
        surface(tally, Path(place).resolve(), cases)


def _hammer(tally: Tally, promise: str, check: Callable[[str], str | None], cases: int, strategy: Any = _TEXT) -> None:
    """Count ``check`` for the corpus, if it is text, and for examples; it says what is wrong, or raises it."""

    def case(value: Any) -> None:
        try:
            wrong = check(value)
        except Exception as error:
            wrong = f"{type(error).__name__}: {error}"
        tally.case(promise, None if wrong is None else f"{value!r:.200}: {wrong:.300}")

    if strategy is _TEXT:
        for text in CORPUS:
            case(text)
    with contextlib.suppress(KeyboardInterrupt):
        settings(
            max_examples=cases,
            database=None,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )(given(strategy)(case))()


def _everything_below(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def _ids(tally: Tally, root: Path, cases: int) -> None:
    with Store(root / "home") as store:
        for number in range(5):
            store.add(make_session(root, name=f"name-{number}"), "added")
        before = _everything_below(root)

        def check(text: str) -> str | None:
            with contextlib.suppress(RouserError):
                store.find(text)
            with contextlib.suppress(RouserError), store.lock(text, "torture"):
                pass
            (root / "home" / "locks").mkdir(exist_ok=True)
            return None

        _hammer(tally, IDS, check, cases)
        made = _everything_below(root) - before - {"home/locks"}
        tally.check(IDS, not made, f"made {sorted(made)[:5]}")


_SAFE_BRANCH = re.compile(r"rouser/[A-Za-z0-9][A-Za-z0-9_-]*")


def _names(tally: Tally, root: Path, cases: int) -> None:
    config = load_config(None, {})
    fields = ("name", "task", "branch", "base", "prompt")
    with Store(root / "home") as store:

        def check(pair: tuple[str, str]) -> str | None:
            field, text = pair
            values = {"task": "x", "agent": "a", "runtime": "r", "workspace": "w", "repository": root, field: text}
            try:
                session = new_session(store, SpawnRequest(**values), config)
            except ConfigError:
                return None
            if field != "branch" and not _SAFE_BRANCH.fullmatch(session.branch):
                return f"becomes the branch {session.branch!r}"
            if field == "name" and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", text):
                return "is taken as a name"
            if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
                return "is taken though no program takes it"
            return None if len(slug(text)) <= 36 else "becomes too long a branch"

        for text in CORPUS:
            for field in fields:
                tally.case(NAMES, check((field, text)))
        _hammer(tally, NAMES, check, cases, st.tuples(st.sampled_from(fields), _TEXT))


def _paths(tally: Tally, root: Path, cases: int) -> None:
    victim = root / "victim"
    (victim / ".git").mkdir(parents=True)
    (victim / "file").write_text("precious")
    plugins = []
    for name, plugin in (("worktree", WorktreeWorkspace()), ("clone", CloneWorkspace())):
        base = root / name
        (base / "repo" / "inside").mkdir(parents=True)
        (base / "link").symlink_to(victim)
        (base / "repo" / "link").symlink_to(victim)
        plugin.plugin_configure({"base": str(base)})
        plugins.append((base, plugin))
    before = _everything_below(root)
    pieces = st.sampled_from(
        ["..", ".", "", "link", "repo", "inside", "x", ".git", "file", "victim", str(victim), "\n", "-rf"]
    )
    relative = st.one_of(st.lists(pieces, max_size=6).map("/".join), _TEXT)

    def check(pair: tuple[int, str]) -> str | None:
        base, plugin = plugins[pair[0]]
        for path in (base / pair[1], Path(pair[1])):
            if path.is_absolute():
                with contextlib.suppress(HookError, OSError, ValueError):
                    plugin.workspace_destroy(path, True)
        return None if (victim / "file").exists() else "the file outside is gone"

    _hammer(tally, PATHS, check, cases, st.tuples(st.sampled_from([0, 1]), relative))
    gone = before - _everything_below(root)
    tally.check(PATHS, not gone, f"removed {sorted(gone)[:5]}")


def _messages(tally: Tally, root: Path, cases: int) -> None:
    steering = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

    def check(text: str) -> str | None:
        for cleaned in (tmux_clean(text), process_clean(text)):
            if steering.search(cleaned):
                return f"is typed as {cleaned!r}"
            if tmux_clean(cleaned) != cleaned:
                return "is changed again when it is cleaned again"
        return None

    _hammer(tally, MESSAGES, check, cases)


def _environment(tally: Tally, root: Path, cases: int) -> None:
    """Write launch files with a hundred variables and arguments each, run them, and read back what arrived."""
    reader = [
        sys.executable,
        "-S",
        "-E",
        "-c",
        "import os, sys; os.write(1, b'\\0'.join(map(os.fsencode, sys.argv[1:])))",
    ]
    texts: list[str] = [text for text in CORPUS if is_bytes(text)]
    _hammer(tally, ENVIRONMENT, lambda text: texts.append(text) if is_bytes(text) else None, cases)
    for start in range(0, len(texts), 100):
        batch = [text[:1000] for text in texts[start : start + 100]]
        env = {f"V{number}": text for number, text in enumerate(batch)}
        script = root / "launch.sh"
        script.write_bytes(launch._script(root, [*reader, *batch], {"PATH": os.defpath, **env}))
        done = subprocess.run(["/bin/sh", str(script)], cwd=root, capture_output=True, check=False, timeout=60)
        expected = b"\0".join(os.fsencode(text) for text in batch)
        tally.check(ENVIRONMENT, done.stdout == expected, f"arguments {start}: {done.stderr[:200]!r}")
        script.write_bytes(launch._script(root, ["env", "-0"], {"PATH": os.defpath, **env}))
        done = subprocess.run(["/bin/sh", str(script)], cwd=root, capture_output=True, check=False, timeout=60)
        got = {entry for entry in done.stdout.split(b"\0") if re.match(rb"V\d+=", entry)}
        wanted = {f"{name}=".encode() + os.fsencode(text) for name, text in env.items()}
        tally.check(ENVIRONMENT, got == wanted, f"variables {start}: {sorted(wanted - got)[:2]!r}")
    tally.check(CANARY, not (root / CANARY_FILE).exists(), "a launch file ran a part of an argument")

    def names(name: str) -> str | None:
        text = launch._script(root, ["true"], {name: "v"}).decode(errors="surrogateescape")
        exported = re.findall(r"^export (.*)='v'$", text, re.MULTILINE)
        return None if all(re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", item) for item in exported) else f"exports {exported}"

    _hammer(tally, ENVIRONMENT, names, cases // 10)


_KEYS = ("agent", "runtime", "workspace", "project", "base", "branch_prefix", "hook_timeout", "jobs", "plugins", "x")
_VALUES = st.recursive(
    st.one_of(_TEXT, st.integers(), st.floats(), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_TEXT, inner, max_size=3)),
    max_leaves=4,
)


def _config(tally: Tally, root: Path, cases: int) -> None:
    import json

    file = root / "rouser.toml"
    (root / ".git").mkdir()
    before = os.environ.get("ROUSER_CONFIG")

    def check(data: bytes) -> str | None:
        file.write_bytes(data)
        for repository, users in ((root, str(root / "none")), (None, str(file))):
            os.environ["ROUSER_CONFIG"] = users
            try:
                load_config(repository, {})
            except ConfigError as error:
                if str(file) not in str(error):
                    return f"is refused without its name: {error}"
        return None

    tables = st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=3).map(
        lambda table: "\n".join(f"{key} = {json.dumps(value)}" for key, value in table.items()).encode()
    )
    _hammer(tally, CONFIG, check, cases, st.one_of(st.binary(max_size=60), tables, _TEXT.map(_encoded)))
    os.environ.pop("ROUSER_CONFIG")
    if before is not None:
        os.environ["ROUSER_CONFIG"] = before


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _rows(tally: Tally, root: Path, cases: int) -> None:
    import json

    row = to_row(make_session(root, name="n", runtime_handle="h", runtime_name="r", workspace_path=root))
    value = st.one_of(_TEXT, st.binary(max_size=20), st.integers(-(2**63), 2**63 - 1), st.floats(), st.none())

    def check(edit: tuple[int, Any, bool]) -> str | None:
        column, changed, signed = edit
        edited = [*row[:-1]]
        edited[column] = changed
        try:
            session = from_row((*edited, checksum(edited) if signed else None))
        except ValueError:
            return None
        json.dumps(session_fields(session, alive=None))
        return steers(_listed([str(session.short_id), str(session.branch), str(session.task)]))

    _hammer(tally, ROWS, check, cases, st.tuples(st.integers(0, len(row) - 2), value, st.booleans()))


def _handles(tally: Tally, root: Path, cases: int) -> None:
    digits = st.one_of(st.integers(0, 10**6).map(str), st.sampled_from(["9" * 5000, "\u0661", "\xb2", "-1", ""]))
    handle = st.tuples(st.sampled_from(["tmux", "process"]), _TEXT, digits, digits, _TEXT).map(
        lambda it: f"{it[0]}:v1:0123456789abcdef:{it[1]}:name:{it[2]}@1:{it[3]}@2.a:/{it[4]}"
    )

    def check(text: str) -> str | None:
        for kind in (TmuxHandle, ProcessHandle):
            try:
                parsed = kind.parse(text)
            except HookError:
                continue
            if kind.parse(str(parsed)) != parsed:
                return f"becomes {parsed}"
        return None

    _hammer(tally, HANDLES, check, cases // 2, handle)
    _hammer(tally, HANDLES, check, cases // 2)


def _terminal(tally: Tally, root: Path, cases: int) -> None:
    def check(text: str) -> str | None:
        return (
            steers(output.printable(text)) or steers(output.printable_lines(text)) or steers(_listed([text, "b", text]))
        )

    _hammer(tally, TERMINAL, check, cases)

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def drawn(text: str) -> str | None:
        screen = Terminal()
        with contextlib.redirect_stdout(screen):
            output.table(("A", "B"), [[text[:200], "b"]], elastic="A")
        return steers(_STYLE.sub("", screen.getvalue()))

    _hammer(tally, TERMINAL, drawn, cases // 20)


def _listed(cells: list[str]) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as written:
        output.table(("A", "B", "C"), [cells], elastic="A")
    return written.getvalue()
