"""The database and its WAL cut, flipped, replaced, from other versions: recognised, named, and never written over."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from support.stage import make_session

from rouser.errors import StoreError
from rouser.models import Session
from rouser.schema import VERSION
from rouser.store import Store
from torture import salvaging
from torture.damages import PAGE, damages, flipped
from torture.spreading import side_by_side
from torture.tally import Tally

TITLE = "the database cut, flipped, replaced, or from another version"

NAMED = "A database that cannot be read is an error of its own, which names the file and says what to do"
KEPT = "A database that cannot be read is never written to, made anew or replaced"
TRUE = "What is read from a damaged database is what was written to it, or an error; never something else"
OLDER = "A database of every released version is brought up to date, with all that is in it"
WAL = "Of a WAL that is cut or changed, whole transactions are read, as they were committed, up to where it is whole"

SAMPLES = Path(__file__).parent / "samples"
_SESSIONS = 24


def run(tally: Tally, quick: bool) -> None:
    processes = os.cpu_count() or 1
    own = [partial(_piece, part, processes, 20 if quick else 1) for part in range(processes)]
    side_by_side(tally, [*own, *salvaging.pieces(quick=quick, count=processes)], processes)


def _piece(part: int, count: int, share: int, tally: Tally) -> None:
    with TemporaryDirectory(prefix="rt-") as directory:
        ground = _Ground(Path(directory))
        chance = random.Random(20_260_101)
        for what, data in list(damages(ground.data, chance, share))[part::count]:
            _damaged(tally, ground, what, data)
        _wals(tally, ground, random.Random(part), share * count)
        if part == 0:
            for what, make in _OTHERS.items():
                _replaced(tally, ground, what, make)
            _newer(tally, ground)
            _older(tally, ground)


class _Ground:
    """A sound database whose sessions are known, and a copy of it to damage."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        with Store(self.home) as store:
            self.sessions = [store.add(_session(root, number), "added") for number in range(_SESSIONS)]
            for session in self.sessions[::3]:
                store.update(session, "touched", {"last_output": "words " * 100})
            self.sessions = store.sessions()
        self.path = store.path
        self.data = self.path.read_bytes()
        self.known = {session.id: session for session in self.sessions}

    def reset(self) -> None:
        """Empty the state directory."""
        for file in self.home.iterdir():
            if file.is_dir() and not file.is_symlink():
                shutil.rmtree(file)
            else:
                file.unlink()

    def put(self, data: bytes) -> None:
        """Have ``data`` for the database, and no WAL."""
        self.reset()
        self.path.write_bytes(data)
        self.path.chmod(0o600)


def _session(root: Path, number: int) -> Session:
    task = f"task {number} " + "x" * (number * 97 % 2500)
    return make_session(root / "shop", task=task, name=f"name-{number}", runtime_handle=f"handle-{number}")


def _damaged(tally: Tally, ground: _Ground, what: str, data: bytes) -> None:
    """Read everything from a damaged database, as ``ls``, ``show`` and ``doctor`` would."""
    ground.put(data)
    wrong = None
    for ask in (_all, _one_by_one, _histories):
        with Store(ground.home) as store:
            try:
                wrong = wrong or ask(store, ground)
            except StoreError as error:
                _check_message(tally, ground, what, error)
            except Exception as error:
                tally.case(NAMED, f"{what}: {type(error).__name__}: {error}")
    tally.case(TRUE, wrong and f"{what}: {wrong}")
    with Store(ground.home) as store, suppress(StoreError):
        store.check_integrity()
    tally.check(KEPT, ground.path.read_bytes() == data, f"{what}: reading has changed the file")


def _all(store: Store, ground: _Ground) -> str | None:
    for session in store.sessions():
        if ground.known.get(session.id) != session:
            return f"there is a session {session}"
    return None


def _one_by_one(store: Store, ground: _Ground) -> str | None:
    for session in ground.sessions[::5]:
        with suppress(LookupError):
            for text in (session.id, session.name or "", session.short_id):
                found = _found(store, text)
                if found is not None and found != session:
                    return f"{text} finds {found}"
    return None


def _found(store: Store, text: str) -> Session | None:
    from rouser.errors import SessionNotFoundError  # a row that is gone is what a cut leaves

    try:
        return store.find(text)
    except SessionNotFoundError:
        return None


def _histories(store: Store, ground: _Ground) -> str | None:
    for session in ground.sessions[::5]:
        store.history(session.id)
    return None


def _check_message(tally: Tally, ground: _Ground, what: str, error: StoreError) -> None:
    text = str(error)
    helps = any(word in text for word in ("Put a backup", "Move it away", "Upgrade", "put a backup", "try again"))
    tally.check(NAMED, str(ground.path) in text and "\n" not in text and helps, f"{what}: {text}")


def _text(path: Path) -> None:
    path.write_text("these are somebody's notes\n" * 300)


def _other(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE sessions (id)")


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _nowhere(path: Path) -> None:
    path.symlink_to(path.parent.parent / "elsewhere.db")


def _closed(path: Path) -> None:
    path.symlink_to(path.parent)


_OTHERS: dict[str, Callable[[Path], object]] = {
    "empty": Path.touch,
    "a text": _text,
    "a database of something else": _other,
    "a directory": Path.mkdir,
    "a FIFO": os.mkfifo,
    "a link to itself": _loop,
    "a link to nothing": _nowhere,
    "a link to a directory": _closed,
    "a device": lambda path: path.symlink_to("/dev/zero"),
}


def _replaced(tally: Tally, ground: _Ground, what: str, make: Callable[[Path], object]) -> None:
    """Read and write where something else is in the place of the database."""
    for use in (Store.sessions, lambda store: store.add(_session(ground.root, 999), "added")):
        ground.reset()
        make(ground.path)
        before = _picture(ground)
        with Store(ground.home) as store:
            try:
                use(store)
            except StoreError as error:
                _check_message(tally, ground, what, error)
            except Exception as error:
                tally.case(NAMED, f"{what}: {type(error).__name__}: {error}")
            else:
                tally.case(NAMED, f"{what}: no error")
        tally.check(KEPT, _picture(ground) == before, f"{what}: it was changed")


def _picture(ground: _Ground) -> list[tuple[str, int, bytes]]:
    """Return what is in the state directory, down to the bytes."""
    found = []
    for path in [*sorted(ground.home.iterdir()), *ground.root.glob("elsewhere*")]:
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found.append((path.name, path.lstat().st_mode, content))
    return found


def _newer(tally: Tally, ground: _Ground) -> None:
    for version in (VERSION + 1, VERSION + 100, 2**31 - 1):
        ground.put(ground.data)
        with closing(sqlite3.connect(ground.path)) as connection:
            connection.execute(f"PRAGMA user_version = {version}")
        data = ground.path.read_bytes()
        for use in (Store.sessions, lambda store: store.add(_session(ground.root, 999), "added")):
            with Store(ground.home) as store:
                try:
                    use(store)
                except StoreError as error:
                    _check_message(tally, ground, f"version {version}", error)
                else:
                    tally.case(NAMED, f"version {version}: no error")
            tally.check(KEPT, ground.path.read_bytes() == data, f"version {version}: it was changed")


def _wals(tally: Tally, ground: _Ground, chance: random.Random, share: int) -> None:
    """Damage a WAL with transactions in it, as a crash leaves it behind."""
    ground.put(ground.data)
    states = [{session.id: session for session in ground.sessions}]
    with Store(ground.home) as store:
        for number in range(12):
            session = store.update(ground.sessions[number]._replace(task=f"changed {number}"), "changed")
            states.append({**states[-1], session.id: session})
        database, wal = ground.path.read_bytes(), _wal(ground).read_bytes()
    frame = 24 + PAGE
    cuts = [32 + frame * count for count in range((len(wal) - 32) // frame + 1)]
    cuts += chance.sample(range(len(wal)), 600 // share)
    cases = [(f"WAL cut at {cut}", wal[:cut]) for cut in cuts]
    for _ in range(1200 // share):
        what, data = flipped(wal, chance)
        cases.append((f"{what} of the WAL", data))
    for what, data in cases:
        ground.put(database)
        _wal(ground).write_bytes(data)
        with Store(ground.home) as store:
            try:
                found = {session.id: session for session in store.sessions()}
            except StoreError as error:
                _check_message(tally, ground, what, error)
                continue
            except Exception as error:
                tally.case(NAMED, f"{what}: {type(error).__name__}: {error}")
                continue
        tally.check(WAL, found in states, f"{what}: the sessions are none that were ever committed")


def _wal(ground: _Ground) -> Path:
    return ground.path.with_name(f"{ground.path.name}-wal")


def _older(tally: Tally, ground: _Ground) -> None:
    """Open the samples of every version: files that a rouser of that time has written."""
    samples = sorted(SAMPLES.glob("*.db"))
    tally.check(OLDER, len(samples) == VERSION, f"there are samples of {len(samples)} versions out of {VERSION}")
    for sample in samples:
        ground.put(sample.read_bytes())
        with tally.guarded(OLDER, sample.name), Store(ground.home) as store:
            (session,) = store.sessions()
            if (session.name, session.task) != ("sample", f"kept since version {sample.stem}"):
                raise ValueError(f"the session is {session}")
            if not store.history(session.id) or store.check_integrity():
                raise ValueError("its history is gone, or the file is not sound")
            store.update(session, "touched")
