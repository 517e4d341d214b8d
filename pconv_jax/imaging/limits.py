"""What is refused by its size: judged from the header, before anything is decoded."""

import math
import struct
from typing import IO, TYPE_CHECKING

from pconv_jax.common.errors import InputError, NotEnoughMemory
from pconv_jax.common.memory import available_memory

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 500_000_000  # of an image, unless a caller says otherwise
_SMALL = 2**24  # pixels up to which neither memory nor content is checked
PEAK_BYTES_A_BYTE = 5
"""Bytes at the peak of a restoration for each byte of the decoded pixels: 3 to 5 measured."""
LARGEST_TEXT = 2**26
"""Bytes of a text, or of an ICC profile, in a PNG when it is unpacked; Pillow's own limit is 1 MiB."""
DEFLATE_RATIO = 1032  # deflate cannot do better


def check_size(name: str, size: tuple[int, int], max_pixels: int | None) -> None:
    """Refuses an image whose header claims more pixels than allowed.

    Args:
        name: what to call the file in an error.
        size: width and height, px.
        max_pixels: how many are allowed; None for `MAX_PIXELS`.

    Raises:
        InputError: it has more.
    """
    pixels, most = math.prod(size), MAX_PIXELS if max_pixels is None else max_pixels
    if pixels > most:
        raise InputError(
            f"{name} has {size[0]} x {size[1]} = {pixels:,} pixels, and {most:,} are allowed: make it smaller, or "
            "raise --max-megapixels, in Python max_pixels"
        )


def check_memory(name: str, size: tuple[int, int], *, bytes_a_pixel: int) -> None:
    """Refuses an image that would need more memory than is available.

    Args:
        name: what to call the file in an error.
        size: width and height, px.
        bytes_a_pixel: that are still to be taken, at the peak.

    Raises:
        NotEnoughMemory: it would.
    """
    pixels = math.prod(size)
    if pixels <= _SMALL:
        return
    needed, available = bytes_a_pixel * pixels, available_memory()
    if available is not None and needed > available:
        raise NotEnoughMemory(
            f"{name} has {size[0]} x {size[1]} = {pixels:,} pixels, which need about {needed / 1e9:.1f} GB of memory, "
            f"and {available / 1e9:.1f} GB are available: make it smaller, or set max_pixels (--max-megapixels)"
        )


def check_content(image: "Image", stream: IO[bytes]) -> None:
    """Refuses a PNG or JPEG file that is too short for the pixels that its header claims.

    Args:
        image: opened, not decoded.
        stream: its content; it stays where it is.

    Raises:
        ValueError: it is too short.
    """
    width, height = image.size
    if width * height <= _SMALL:
        return
    place = stream.tell()
    length = stream.seek(0, 2)
    stream.seek(0)
    start = stream.read(26)
    stream.seek(place)
    least = 0
    if image.format in ("JPEG", "MPO"):
        blocks = math.ceil(width / 8) * math.ceil(height / 8)
        least = blocks // 8  # each has a code of a bit or more for its brightness
    elif image.format == "PNG":
        depth, colour = struct.unpack(">BB", start[24:26])
        values = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 1)
        least = height * (1 + width * depth * values // 8) // DEFLATE_RATIO
    if length < least:
        raise ValueError(f"its {length:,} bytes cannot hold the {width} x {height} pixels of its header")
