"""Strips and tiles of TIFF files: whether there are enough of them, and what they say of damage themselves."""

import math
import zlib
from typing import IO

from pconv_jax.imaging.limits import DEFLATE_RATIO
from pconv_jax.imaging.tiff_tags import Directory, numbers

STRIPS, TILES = (273, 279), (324, 325)  # places and lengths
COMPRESSION = 259
_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _SAMPLES = 256, 257, 258, 262, 277
_ROWS, _PLANES, _TILE_WIDTH, _TILE_HEIGHT = 278, 284, 322, 323
_NONE, _OLD_JPEG, _DEFLATE, _YCBCR = 1, 6, (8, 32946), 6
_PIECE = 2**20  # bytes that are read or inflated at a time


def places_and_lengths(first: Directory) -> list[tuple[int, ...]]:
    """Where the strips or tiles of a file are, and how long."""
    return [numbers(first, tag) for tag in (TILES if TILES[0] in first.entries else STRIPS)]


def check_segments(first: Directory, size: int) -> None:
    """Refuses a file with too little in it for the pixels that it claims: some readers leave the others black.

    Args:
        first: its directory.
        size: of the file, bytes.

    Raises:
        ValueError: strips or tiles are missing, or the file is too short.
    """
    compression = numbers(first, COMPRESSION, default=1)[0]
    if compression == _OLD_JPEG:  # which keeps its data elsewhere
        return
    width, height, samples = (numbers(first, tag, default=1)[0] for tag in (_WIDTH, _HEIGHT, _SAMPLES))
    if TILES[0] in first.entries:
        tile = [max(1, numbers(first, tag)[0]) for tag in (_TILE_WIDTH, _TILE_HEIGHT)]
        needed = math.ceil(width / tile[0]) * math.ceil(height / tile[1])
    else:
        needed = math.ceil(height / (numbers(first, _ROWS, default=height)[0] or height))
    if numbers(first, _PLANES, default=1)[0] == 2:
        needed *= samples
    found = len(places_and_lengths(first)[0])
    if found < needed:
        raise ValueError(f"{needed - found} of its {needed} strips or tiles are missing")
    least = height * math.ceil(width * samples * min(numbers(first, _BITS, default=1)) / 8)
    if compression in _DEFLATE:
        least //= DEFLATE_RATIO
    elif compression != _NONE or numbers(first, _PHOTOMETRIC, default=1)[0] == _YCBCR:  # whose chroma may be halved
        least = 0
    if size < least:
        raise ValueError(f"its {size:,} bytes cannot hold the {width} x {height} pixels of its header")


def check_deflate(stream: IO[bytes], first: Directory) -> None:
    """Compares the checksums of deflated data, to which libtiff does not read on; moves the stream.

    Not read further than the pixels can need, whatever the tags claim.

    Args:
        stream: the file.
        first: its directory.

    Raises:
        ValueError: the end of the data is missing.
        zlib.error: a checksum is wrong, or the data is damaged.
    """
    if numbers(first, COMPRESSION, default=1)[0] not in _DEFLATE:
        return
    samples = numbers(first, _SAMPLES, default=1)[0] * math.ceil(max(numbers(first, _BITS, default=1)) / 8)
    left = 4 * numbers(first, _WIDTH)[0] * numbers(first, _HEIGHT)[0] * samples + _PIECE  # tiles may be padded
    for place, length in zip(*places_and_lengths(first), strict=False):
        stream.seek(place)
        inflate = zlib.decompressobj()
        while length > 0 and left > 0 and (piece := stream.read(min(length, _PIECE))):
            length -= len(piece)
            while piece and left > 0:
                left -= max(1, len(inflate.decompress(piece, _PIECE)))
                piece = inflate.unconsumed_tail
        if left > 0 and not inflate.eof:
            raise ValueError("the end of its compressed data is missing")
