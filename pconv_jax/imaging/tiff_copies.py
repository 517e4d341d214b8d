"""Copies of TIFF files in memory with another directory, for libraries that would take the own one wrongly."""

import io
import shutil
import struct
from collections.abc import Mapping, Set
from typing import IO

from pconv_jax.imaging import exif
from pconv_jax.imaging.tiff_tags import header


def with_tags(stream: IO[bytes], added: Mapping[int, exif.Values], *, keep: Set[int]) -> io.BytesIO:
    """A copy of a TIFF file with other tags; ValueError if it is damaged or has 64-bit offsets."""
    content = _copied(stream)
    content.write(bytes(content.tell() % 2))
    at = content.tell()
    with content.getbuffer() as view:
        directory = exif.new_directory(view, added, keep=lambda tag: tag in keep, at=at)
        place = struct.pack(f"{exif.byte_order(view)}I", at)
    content.write(directory)
    _overwrite(content, 4, place)
    return content


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
