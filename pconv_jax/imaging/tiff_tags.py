"""The first directory of a TIFF file, byte for byte: no text is decoded, no tag changes its type."""

import struct
from collections.abc import Callable, Mapping
from typing import IO, NamedTuple

import numpy as np

_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_IN_EXIF = range(1, 13)  # the types that an EXIF block can hold
_LONG = 4
_LETTERS = {3: "u2", 4: "u4", 16: "u8"}
_DIRECTORIES = (34665, 34853, 40965)  # EXIF, GPS, interoperability
_LARGEST = 1 << 28  # bytes of a tag
_DEEPEST = 3
_MOST_ENTRIES = 4096


class Entry(NamedTuple):
    """A tag: its type and its values, as many bytes as the file has of them, in its byte order."""

    kind: int
    data: bytes


class Header(NamedTuple):
    """The header of a TIFF file.

    Attributes:
        order: of its bytes, "<" or ">".
        big: whether places in it have 64 bits.
        first: the place of the first directory.
    """

    order: str
    big: bool
    first: int


class Directory(NamedTuple):
    """A directory of a TIFF file.

    Attributes:
        order: of its bytes, "<" or ">".
        entries: by their tags.
        next: the place of the next one, 0 for none.
        damaged: whether entries are left out, as their values cannot be read.
    """

    order: str
    entries: Mapping[int, Entry]
    next: int
    damaged: bool = False


def first_directory(stream: IO[bytes]) -> Directory:
    """Reads the first directory of a TIFF file, of 32 or 64 bits; ValueError if it is damaged."""
    head = header(stream)
    return directory_at(stream, head.first, head.order, big=head.big)


def header(stream: IO[bytes]) -> Header:
    """Reads the header of a TIFF file; ValueError if it is damaged."""
    stream.seek(0)
    head = stream.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 16:
        raise ValueError("not a TIFF file")
    big = struct.unpack_from(f"{order}H", head, 2)[0] == 43
    first = struct.unpack_from(f"{order}Q", head, 8)[0] if big else struct.unpack_from(f"{order}I", head, 4)[0]
    return Header(order, big, first)


def directory_at(stream: IO[bytes], start: int, order: str, *, big: bool) -> Directory:
    """Reads the directory at a place of a TIFF file; ValueError if it is damaged."""
    number, size, letter = (8, 20, "Q") if big else (2, 12, "I")
    head = _read(stream, start, number)
    count = int.from_bytes(head, "little" if order == "<" else "big")
    if len(head) < number or count > _MOST_ENTRIES:
        raise ValueError("a damaged directory")
    table, width = stream.read(count * size), (size - 4) // 2
    last = stream.read(width)
    if len(table) < count * size:
        raise ValueError("a damaged directory")
    entries, damaged = {}, False
    for place in range(0, len(table), size):
        tag, kind, values = struct.unpack_from(f"{order}HH{letter}", table, place)
        field = table[place + size - width : place + size]
        length = values * _BYTES.get(kind, 0)
        if width < length <= _LARGEST:
            field = _read(stream, struct.unpack(f"{order}{letter}", field)[0], length)
        if length > len(field):
            damaged = True
        elif length:
            entries[tag] = Entry(kind, field[:length])
    following = struct.unpack(f"{order}{letter}", last)[0] if len(last) == width else 0
    return Directory(order, entries, following, damaged)


def numbers(directory: Directory, tag: int, *, default: int = 0) -> tuple[int, ...]:
    """The whole numbers of a tag; one default if it is not there."""
    entry = directory.entries.get(tag)
    if entry is None or entry.kind not in _LETTERS:
        return (default,)
    return tuple(np.frombuffer(entry.data, f"{directory.order}{_LETTERS[entry.kind]}").tolist())


def _read(stream: IO[bytes], place: int, size: int) -> bytes:
    """As many bytes as there are at a place, which may be any number."""
    try:
        stream.seek(place)
    except (OSError, OverflowError, ValueError):
        return b""
    return stream.read(size)


def exif_block(stream: IO[bytes], first: Directory, *, keep: Callable[[int], bool]) -> bytes | None:
    """The tags of a TIFF file as an EXIF block, byte for byte.

    Args:
        stream: the file.
        first: its first directory.
        keep: whether a tag of the first directory belongs to the block.

    Returns:
        The block, in the byte order of the file; None if nothing belongs to it.

    Raises:
        ValueError: a directory inside is damaged.
    """
    if first.damaged:
        raise ValueError("a damaged directory")
    kept = {tag: entry for tag, entry in first.entries.items() if keep(tag)}
    directory = _packed(stream, first._replace(entries=kept), big=header(stream).big, at=8, depth=0)
    if directory is None:
        return None
    return (b"II*\0\x08\0\0\0" if first.order == "<" else b"MM\0*\0\0\0\x08") + directory


def _packed(stream: IO[bytes], directory: Directory, *, big: bool, at: int, depth: int) -> bytes | None:
    """A directory as it will stand at a place of a block, its values and the directories it names behind it."""
    order, entries = directory.order, directory.entries
    entries = {tag: each for tag, each in sorted(entries.items()) if each.kind in _IN_EXIF or tag in _DIRECTORIES}
    behind, table = at + 2 + 12 * len(entries) + 4, b""
    values = b""
    count = 0
    for tag, (kind, given) in entries.items():
        data, length = given, len(given) // _BYTES[kind]
        if tag in _DIRECTORIES:
            place = int.from_bytes(given, "little" if order == "<" else "big")
            inner = None if depth == _DEEPEST else directory_at(stream, place, order, big=big)
            packed = inner and _packed(stream, inner, big=big, at=behind + len(values), depth=depth + 1)
            if not packed:
                continue
            kind, length, data = _LONG, 1, struct.pack(f"{order}I", behind + len(values))
            values += packed + bytes(len(packed) % 2)
        elif len(data) > 4:
            data = struct.pack(f"{order}I", behind + len(values))
            values += given + bytes(len(given) % 2)
        table += struct.pack(f"{order}HHI", tag, kind, length) + data.ljust(4, b"\0")
        count += 1
    if not count:
        return None
    # Directories that turned out to be empty leave room behind the others.
    return struct.pack(f"{order}H", count) + table + bytes(behind - at - 2 - len(table)) + values
