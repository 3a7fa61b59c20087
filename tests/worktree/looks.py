"""What a worktree looks like to a program, and how it gets lost and comes back."""

import os
import shutil
import stat


def state_of(path):
    """Return everything that a program could notice: names, kinds, modes, bytes, times of files, the index included."""
    found = {}
    for place in path.rglob("*"):
        status = place.lstat()
        data = None
        if stat.S_ISREG(status.st_mode):
            data = place.read_bytes()
        elif stat.S_ISLNK(status.st_mode):
            data = os.readlink(place)  # noqa: PTH115 - Path tidies what the link says
        found[place] = (status.st_mode, data, status.st_mtime_ns if not stat.S_ISDIR(status.st_mode) else None)
    return found


def private_of(repo, path):
    return repo.path / ".git" / "worktrees" / path.name


def content(path):
    return {name: value for name, value in state_of(path).items() if name != path / ".git"}


def lose(path):
    shutil.rmtree(path)


def bring_back(plugin, session, path, number):
    plugin.workspace_restore(session, path)
    return plugin.workspace_restore_snapshot(session, path, number, False)


def place(base, session):
    path = base / "shop" / session.short_id
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def leave_lock(path):
    """Leave what tells that whoever worked on a worktree was killed."""
    path.with_name(f".{path.name}.lock").touch()


def nothing_but(directory, *names):
    return {entry.name for entry in directory.iterdir()} == set(names)
