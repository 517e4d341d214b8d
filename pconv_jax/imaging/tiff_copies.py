"""Copies of TIFF files in memory with another directory, for libraries that would take the own one wrongly."""

import io
import shutil
import struct
from collections.abc import Mapping, Set
from typing import IO

from pconv_jax.imaging import exif
from pconv_jax.imaging.tiff_tags import Directory, first_directory, header, numbers

_LARGEST = 2**32 - 1  # offset in an ordinary file
_ORDINARY, _EMPTY = 42, 6  # the number in its header; bytes of a directory without entries


def with_tags(stream: IO[bytes], added: Mapping[int, exif.Values], *, keep: Set[int]) -> io.BytesIO:
    """A copy of a TIFF file with other tags and offsets of 32 bits; ValueError if it is damaged, or too large for them.

    Args:
        stream: the file.
        added: tag -> values; they replace those of the file.
        keep: tags of the file that stay; where its offsets have 64 bits, whole numbers alone.
    """
    content = _copied(stream)
    content.write(bytes(content.tell() % 2))
    if header(stream).big:
        added = {**_kept(first_directory(stream), keep), **added}
        _make_ordinary(content, header(stream).order)
    at = content.seek(0, io.SEEK_END)
    if at > _LARGEST:
        raise ValueError("too large for offsets of 32 bits")
    with content.getbuffer() as view:
        directory = exif.new_directory(view, added, keep=lambda tag: tag in keep, at=at)
        place = struct.pack(f"{exif.byte_order(view)}I", at)
    content.write(directory)
    _overwrite(content, 4, place)
    return content


def _kept(first: Directory, keep: Set[int]) -> dict[int, exif.Values]:
    """Tags of whole numbers, in the types of an ordinary file."""
    found = {tag: (first.entries[tag].kind, numbers(first, tag)) for tag in keep & first.entries.keys()}
    if any(max(values) > _LARGEST for _, values in found.values()):
        raise ValueError("too large for offsets of 32 bits")
    return {
        tag: exif.Values(exif.SHORT if kind == exif.SHORT else exif.LONG, values)
        for tag, (kind, values) in found.items()
    }


def _make_ordinary(content: io.BytesIO, order: str) -> None:
    """Gives a file the header of an ordinary one, whose directory, at the end, is empty."""
    at = content.tell()
    content.write(bytes(_EMPTY))
    _overwrite(content, 0, {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}HI", _ORDINARY, at & _LARGEST))


def page_at(stream: IO[bytes], place: int) -> io.BytesIO:
    """A copy of a TIFF file with the directory at this place as the only one."""
    order, big, _ = header(stream)
    content = _copied(stream)
    letter, number, size = ("Q", "Q", 20) if big else ("I", "H", 12)
    with content.getbuffer() as view:
        (count,) = struct.unpack_from(f"{order}{number}", view, place)
    _overwrite(content, 8 if big else 4, struct.pack(f"{order}{letter}", place))
    _overwrite(content, place + struct.calcsize(number) + size * count, struct.pack(f"{order}{letter}", 0))
    content.seek(0)
    return content


def _copied(stream: IO[bytes]) -> io.BytesIO:
    """A file in memory, copied piece by piece: scans are large. It stands at its end."""
    content = io.BytesIO()
    stream.seek(0)
    shutil.copyfileobj(stream, content)
    return content


def _overwrite(content: io.BytesIO, place: int, data: bytes) -> None:
    content.seek(place)
    content.write(data)
