"""Prompts that cannot travel as they are: the private files that hold them, and the words that point there."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from rouser.errors import HookError

_POINTER: Final = "Your task is in a file, because it does not fit into a command line. Read all of it, then do it: "


class PromptFile(NamedTuple):
    """The file of one prompt, which an agent is told to read.

    :ivar directory: where an agent's plugin keeps files for the session; it need not be there.
    :ivar prompt: the prompt; surrogates in it stand for bytes that are no UTF-8.
    """

    directory: Path
    prompt: str

    @property
    def path(self) -> Path:
        """Where it is, written or not. The name follows from the prompt, so that it can be told by it."""
        from hashlib import sha256  # few prompts need a file

        return self.directory / f"{sha256(self._data).hexdigest()[:16]}.md"

    @property
    def pointer(self) -> str:
        """What the agent is told in place of the prompt: one line that ends in the path."""
        return _POINTER + str(self.path)

    def is_pointed_to_by(self, text: str) -> bool:
        """Return whether ``text`` is the pointer to this prompt, wherever the directory was then."""
        return text.startswith(_POINTER) and text.rstrip().endswith(f"/{self.path.name}")

    def write(self) -> str:
        """Write the file, readable by the user alone, and return its :attr:`pointer`.

        :raises HookError: it cannot be written.
        """
        try:
            write_private(self.path, self._data)
        except OSError as error:
            raise HookError(
                f"cannot write the prompt to {self.path}: {error.strerror}; make room for it there"
            ) from error
        return self.pointer

    @property
    def _data(self) -> bytes:
        return self.prompt.encode(errors="surrogateescape")


def write_private(path: Path, data: bytes) -> None:
    """Write a file that nobody else can read, and that no crash leaves half written.

    :param path: the file; directories above it that are missing are made, private too.
    :raises OSError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
