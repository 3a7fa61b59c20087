"""``python -m torture.make_sample``: writes the sample of today's database version, once for each version."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from support.stage import make_session

from rouser.schema import VERSION
from rouser.store import Store
from torture.damaged import SAMPLES

if __name__ == "__main__":
    with TemporaryDirectory() as directory, Store(Path(directory)) as store:
        session = make_session(Path("/shop"), name="sample", task=f"kept since version {VERSION}")
        store.add(session, "added")
        store.update(session, "touched", {"last_output": "its last words"})
        store.close()
        SAMPLES.mkdir(exist_ok=True)
        (SAMPLES / f"{VERSION}.db").write_bytes(store.path.read_bytes())
