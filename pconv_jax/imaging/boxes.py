"""The boxes of which JPEG 2000, AVIF and HEIF files consist: what they say about a picture before its data."""

import struct
from collections.abc import Iterator
from typing import IO

_LARGEST = 1 << 22  # bytes of a description


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of the boxes that stand one behind the other."""
    place = 0
    while place + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        if size < 8:
            return
        yield kind, data[place + 8 : place + size]
        place += size


def description(stream: IO[bytes], kind: bytes) -> bytes:
    """The content of a file's first box of a kind; empty if there is none. The stream stays where it is."""
    place = stream.tell()
    try:
        stream.seek(0)
        while len(head := stream.read(8)) == 8:
            size, found = struct.unpack(">I4s", head)
            if found == kind:
                return stream.read(size - 8) if 8 < size < _LARGEST else b""
            if size < 8:  # 64 bits, or the rest of the file: the description stands before
                return b""
            stream.seek(size - 8, 1)
        return b""
    finally:
        stream.seek(place)


def properties(stream: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of what an AVIF or HEIF file says about its pictures."""
    for kind, data in boxes(description(stream, b"meta")[4:]):
        if kind == b"iprp":
            for inner, properties in boxes(data):
                if inner == b"ipco":
                    yield from boxes(properties)
