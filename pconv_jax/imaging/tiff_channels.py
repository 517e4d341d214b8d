"""The channels of a TIFF file as they are stored, by the library that decodes its compression."""

import contextlib
import struct
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.imaging import exif
from pconv_jax.imaging.opening import UnknownFormat
from pconv_jax.imaging.tiff_copies import with_tags
from pconv_jax.imaging.tiff_segments import COMPRESSION, STRIPS, TILES
from pconv_jax.imaging.tiff_tags import Directory, first_directory, numbers

_WIDTH, _BITS, _PHOTOMETRIC, _SAMPLES = 256, 258, 262, 277
_TILE_WIDTH, _PREDICTOR, _PLANES = 322, 317, 284
_COPIED = frozenset([257, 259, 266, 273, 278, 279, 323, 324, 325])
EXTRA_SAMPLES = 338
"""The tag that says what the channels beside the colours are."""
_BY_TIFFFILE = (1, 8, 32946)  # no compression, and the two numbers of deflate
_IN_PLANES = 2
# Compressions that are read by none of the libraries in use, or not by all builds of them.
_COMPRESSIONS = {
    33003: "JPEG 2000",
    33005: "JPEG 2000",
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "lossy DNG",
    34925: "LZMA",
    50000: "ZSTD",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}


def rare_compression(stream: IO[bytes]) -> str | None:
    """The name of a TIFF file's compression, if some of the libraries cannot read it."""
    try:
        return _COMPRESSIONS.get(numbers(first_directory(stream), COMPRESSION, default=1)[0])
    except (ValueError, struct.error):
        return None


@contextlib.contextmanager
def naming_compression(name: str, stream: IO[bytes]) -> Iterator[None]:
    """If a TIFF file cannot be read, and its compression may be the reason, says so."""
    try:
        yield
    except (OSError, ValueError, UnknownFormat):
        way = rare_compression(stream)
        if way is None:
            raise
        raise InputError(
            f"{name} is compressed with {way}, which cannot be read in TIFF: save it with LZW, or without"
        ) from None


def further_channels(first: Directory) -> list[int]:
    """The places of the channels of a TIFF file that are neither colour nor alpha."""
    meanings = numbers(first, EXTRA_SAMPLES) if EXTRA_SAMPLES in first.entries else ()
    colours = numbers(first, _SAMPLES, default=1)[0] - len(meanings)
    if colours not in (1, 3):
        return []
    return [colours + place for place, meaning in enumerate(meanings) if meaning == 0]


def stored_channels(stream: IO[bytes]) -> np.ndarray:
    """The pixels of a TIFF file with 8 or 16 bits, as stored, `[H, W, C]`, whatever their layout.

    ValueError for another depth.
    """
    import tifffile

    stream.seek(0)
    with tifffile.TiffFile(stream) as tiff:  # type: ignore[arg-type] # any seekable stream will do
        page: Any = tiff.pages[0]
        if page.compression not in _BY_TIFFFILE:
            return by_libtiff(stream)
        values: np.ndarray = page.asarray()
        if values.ndim == 3 and page.planarconfig == _IN_PLANES:
            values = np.moveaxis(values, 0, -1)
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    if values.dtype not in (np.uint8, np.uint16) or values.ndim not in (2, 3):
        raise ValueError("its channels do not fit together")
    return values if values.ndim == 3 else values[..., None]


def by_libtiff(stream: IO[bytes]) -> np.ndarray:
    """As `stored_channels`, for compressions that only libtiff reads.

    Pillow decodes several channels of 16 bits with 8, but one with 16: so it is given the channels side by side.
    ValueError for another depth.
    """
    first = first_directory(stream)
    width, channels = numbers(first, _WIDTH)[0], numbers(first, _SAMPLES, default=1)[0]
    if set(numbers(first, _BITS)) not in ({8}, {16}):
        raise ValueError("its channels have different depths")
    if numbers(first, _PLANES, default=1)[0] == 1:
        values = _one_channel(stream, first, channels, {}).reshape(-1, width, channels)
    else:
        pair = TILES if TILES[0] in first.entries else STRIPS
        given = [numbers(first, tag) for tag in pair]
        count = len(given[0]) // channels
        planes = [
            {tag: numbers[plane * count : (plane + 1) * count] for tag, numbers in zip(pair, given, strict=True)}
            for plane in range(channels)
        ]
        values = np.stack([_one_channel(stream, first, 1, plane) for plane in planes], axis=-1)
    if numbers(first, _PREDICTOR, default=1)[0] != 2:
        return values
    tile = numbers(first, _TILE_WIDTH, default=width)[0]
    for left in range(0, width, tile):  # each holds differences from pixel to pixel
        part = values[:, left : left + tile]
        np.cumsum(part, axis=1, dtype=part.dtype, out=part)
    return values


def _one_channel(stream: IO[bytes], first: Directory, channels: int, places: dict[int, tuple[int, ...]]) -> np.ndarray:
    """A file's channels side by side, or those at some places, as one of 16 bits."""
    from PIL import Image

    tags = {_BITS: numbers(first, _BITS)[0], _SAMPLES: 1, _PHOTOMETRIC: 1, _PREDICTOR: 1, _PLANES: 1}
    added = {tag: exif.Values(exif.SHORT, (value,)) for tag, value in tags.items()}
    for tag in {_WIDTH, _TILE_WIDTH} & set(first.entries):
        added[tag] = exif.Values(exif.LONG, (numbers(first, tag)[0] * channels,))
    added.update({tag: exif.Values(exif.LONG, numbers) for tag, numbers in places.items()})
    with Image.open(with_tags(stream, added, keep=_COPIED), formats=["TIFF"]) as image:
        image.load()
        return np.asarray(image).astype(np.uint8 if image.mode == "L" else np.uint16)
