"""The store's files are the user's alone."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.stage import make_session

from rouser import (
    StoreError,
)
from rouser.store import Store


class TestPrivacy:
    """Nobody else may read what is kept, whatever the umask."""

    @pytest.fixture
    def _no_umask(self) -> Iterator[None]:
        before = os.umask(0)
        yield
        os.umask(before)

    @pytest.mark.usefixtures("_no_umask")
    def test_directories_are_made_0700_and_files_0600(self, tmp_path: Path) -> None:
        home = tmp_path / "new" / "er" / "home"
        with Store(home) as store:
            session = make_session(tmp_path)
            with store.lock(session.id, "test"):
                store.add(session, "added")
                made = [tmp_path / "new", *(tmp_path / "new").rglob("*")]
                modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in made}
        directories = {"new", "er", "home", "locks"}
        assert modes == {name: 0o700 if name in directories else 0o600 for name in modes}
        assert {"rouser.db", "rouser.db-wal", "rouser.db-shm", f"{session.id}.lock"} <= set(modes)

    def test_a_directory_that_others_can_read_is_closed_to_them(self, tmp_path: Path) -> None:
        (tmp_path / "home").mkdir(mode=0o755)
        (tmp_path / "home").chmod(0o777)
        with Store(tmp_path / "home") as store:
            store.add(make_session(tmp_path), "added")
        assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700

    def test_the_directory_of_another_user_is_refused(
        self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "home").mkdir()
        owner = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
        with pytest.raises(StoreError, match="belongs to another user; set ROUSER_HOME"):
            store.add(make_session(tmp_path), "added")
        assert list((tmp_path / "home").iterdir()) == []

    def test_a_file_in_place_of_the_directory_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "home").write_text("mine")
        with Store(tmp_path / "home") as store:
            assert store.sessions() == []
            with pytest.raises(StoreError, match=f"cannot use .* {tmp_path / 'home'}"):
                store.add(make_session(tmp_path), "added")
        assert (tmp_path / "home").read_text() == "mine"
