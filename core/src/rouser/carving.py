"""Reads the rows of a SQLite file page by page, whatever else of it is damaged.

The format is documented in https://www.sqlite.org/fileformat.html: a leaf of a table begins with 13 and holds cells,
each a row; long rows go on in overflow pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

_LEAF: Final = 13
_PAGE_HEADER: Final = 8
_FILE_HEADER: Final = 100
_MAGIC: Final = b"SQLite format 3\0"
_LEAST_PAGE: Final = 512
_LARGEST_PAGE: Final = 65536
_DEFAULT_PAGE: Final = 4096
_INTEGERS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_REAL: Final = 7
_FIRST_BLOB: Final = 12


def rows_in(data: bytes) -> Iterator[tuple[int, list[Any]]]:
    """Yield the rowid and the values of every row that can be read, also of rows that were deleted not long ago.

    :param data: the content of the file, or of a part of it that begins where the file does.
    """
    size = _page_size(data)
    for number in range(len(data) // size):
        page = data[number * size : (number + 1) * size]
        start = _FILE_HEADER if number == 0 else 0
        if page[start] != _LEAF:
            continue
        count = int.from_bytes(page[start + 3 : start + 5], "big")
        first = start + _PAGE_HEADER
        for at in range(first, min(first + 2 * count, size - 1), 2):
            row = _cell(data, page, int.from_bytes(page[at : at + 2], "big"), size)
            if row is not None:
                yield row


def _page_size(data: bytes) -> int:
    size = int.from_bytes(data[16:18], "big")
    size = _LARGEST_PAGE if size == 1 else size
    sound = data.startswith(_MAGIC) and _LEAST_PAGE <= size <= _LARGEST_PAGE and size & (size - 1) == 0
    return size if sound else _DEFAULT_PAGE


def _cell(data: bytes, page: bytes, at: int, size: int) -> tuple[int, list[Any]] | None:
    try:
        length, at = _varint(page, at)
        rowid, at = _varint(page, at)
        payload = _payload(data, page, at, length, size)
        return (rowid, _record(payload)) if payload is not None else None
    except (IndexError, ValueError):
        return None


def _payload(data: bytes, page: bytes, at: int, length: int, size: int) -> bytes | None:
    most, least = size - 35, (size - 12) * 32 // 255 - 23
    if length > len(data):
        return None
    if length <= most:
        return page[at : at + length] if at + length <= size else None
    here = least + (length - least) % (size - 4)
    here = here if here <= most else least
    payload = page[at : at + here]
    following = int.from_bytes(page[at + here : at + here + 4], "big")
    while len(payload) < length:
        if not 0 < following <= len(data) // size:
            return None
        begin = (following - 1) * size
        payload += data[begin + 4 : begin + size][: length - len(payload)]
        following = int.from_bytes(data[begin : begin + 4], "big")
    return payload


def _record(payload: bytes) -> list[Any]:
    end, at = _varint(payload, 0)
    kinds = []
    while at < end:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    values: list[Any] = []
    for kind in kinds:
        value, at = _value(payload, at, kind)
        values.append(value)
    if at != len(payload):
        raise ValueError("the record has another length than it says")
    return values


def _value(payload: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind in {0, 8, 9}:
        return (None if kind == 0 else kind - 8), at
    if kind in _INTEGERS:
        end = at + _INTEGERS[kind]
        return int.from_bytes(payload[at:end], "big", signed=True), end
    if kind < _FIRST_BLOB or kind == _REAL:
        raise ValueError("a kind of value that our tables do not have")
    end = at + (kind - _FIRST_BLOB) // 2
    if end > len(payload):
        raise ValueError("the record ends too early")
    return (payload[at:end].decode() if kind % 2 else payload[at:end]), end


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for _ in range(8):
        byte = data[at]
        at += 1
        value = (value << 7) | (byte & 0x7F)
        if not byte & 0x80:
            return value, at
    return (value << 8) | data[at], at + 1
