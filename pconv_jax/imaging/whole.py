"""Whether an image file is whole, as far as that shows without decoding it."""

import struct
import zlib
from typing import IO

from pconv_jax.common.errors import InputError
from pconv_jax.imaging.opening import opened_image

_TAIL = 1 << 16  # bytes after the end of a JPEG file that may be empty
_PIECE = 1 << 20


def seems_whole(name: str, stream: IO[bytes]) -> bool:
    """Whether a JPEG or PNG file has a header that is accepted, and ends as it should.

    A PNG file is read and its checksums are compared; a JPEG file is looked at from both ends, so that damage in its
    middle is not found.

    Args:
        name: what to call the file in an error.
        stream: its content.

    Returns:
        False if only decoding can tell: other formats, and what seems damaged.
    """
    try:
        with opened_image(name, stream, max_pixels=None, first_frame=True) as image:
            kind = image.format
    except InputError:
        return False
    if kind == "JPEG":
        stream.seek(-min(_TAIL, stream.seek(0, 2)), 2)
        return stream.read().rstrip(b"\0\r\n").endswith(b"\xff\xd9")
    return kind == "PNG" and _intact(stream)


def _intact(stream: IO[bytes]) -> bool:
    """Whether all chunks of a PNG file are there and have the checksums that they claim."""
    stream.seek(8)
    kind = b""
    while kind != b"IEND":
        head = stream.read(8)
        if len(head) < 8:
            return False
        length, kind = struct.unpack(">I4s", head)
        checksum = zlib.crc32(kind)
        while length:
            piece = stream.read(min(length, _PIECE))
            if not piece:
                return False
            checksum, length = zlib.crc32(piece, checksum), length - len(piece)
        if stream.read(4) != struct.pack(">I", checksum):
            return False
    return True
