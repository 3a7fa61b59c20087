"""Which files of repositories the user has consented to, each for one content.

A consent is a file in the state directory, named after the path that it is for; it holds the digest of path and
content. So another content, and the same content elsewhere, have none.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from rouser.errors import StoreError
from rouser.paths import make_private_directory, state_directory

_LONGEST: Final = 8192


def is_trusted(path: Path, data: bytes) -> bool:
    """Return whether the user has consented to the file at ``path`` with the content ``data``.

    :param path: its resolved path.
    """
    try:
        descriptor = os.open(_consent(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
            return False
        return os.read(descriptor, _LONGEST).partition(b"\n")[0] == _digest(path, data).encode()
    except OSError:
        return False
    finally:
        os.close(descriptor)


def trust(path: Path, data: bytes) -> None:
    """Record the user's consent to the file at ``path`` with the content ``data``, in place of any earlier one.

    :raises StoreError: it cannot be recorded.
    """
    consent = _consent(path)
    make_private_directory(consent.parent)
    draft = consent.with_name(f"{consent.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(f"{_digest(path, data)}\n".encode() + os.fsencode(path) + b"\n")
            file.flush()
            os.fsync(descriptor)
        draft.replace(consent)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StoreError(f"the consent could not be recorded in {consent.parent}: {error.strerror}") from error


def distrust(path: Path) -> bool:
    """Withdraw the user's consent to the file at ``path``; return whether there was any.

    :raises StoreError: it cannot be withdrawn.
    """
    try:
        _consent(path).unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(f"the consent to {path} could not be withdrawn: {error.strerror}") from error
    return True


def _consent(path: Path) -> Path:
    return state_directory() / "trusted" / _hexadecimal(os.fsencode(path))


def _digest(path: Path, data: bytes) -> str:
    return _hexadecimal(os.fsencode(path) + b"\0" + data)


def _hexadecimal(data: bytes) -> str:
    from hashlib import sha256  # 7 ms, which a command without a repository need not pay

    return sha256(data).hexdigest()
