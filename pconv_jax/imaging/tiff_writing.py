"""Photographs to TIFF files."""

import io
import zlib
from collections.abc import Callable
from typing import IO

import numpy as np

from pconv_jax.imaging import exif
from pconv_jax.imaging.photograph import Photograph
from pconv_jax.imaging.texts import TIFF_XMP, tiff_texts
from pconv_jax.imaging.tiff_channels import EXTRA_SAMPLES
from pconv_jax.imaging.tiff_segments import COMPRESSION, places_and_lengths
from pconv_jax.imaging.tiff_tags import first_directory

_NONE, _LZW, _DEFLATE, _PACKBITS = 1, 5, 8, 32773
_LARGEST = 1 << 31  # bytes, of pixels that even LZW, which can make them more, brings into the 4 GiB of a TIFF file
_PREDICTED = (_LZW, _DEFLATE)  # smaller where each pixel is given by its difference from the one before
_ROWS_OF_BYTES = 1 << 18  # of pixels that are compressed at a time


def write_tiff(stream: IO[bytes], photograph: Photograph, quality: int | None) -> None:
    """Writes a TIFF file, compressed as the photograph was if that is simple, otherwise with deflate.

    There is nothing that the quality could change.

    The EXIF block is a TIFF file already: it stays where it is, followed by the pixels and its new first directory.

    So not a byte of it changes, makers' notes included, which none of the libraries in use can do.
    """
    del quality
    block = photograph.exif or exif.EMPTY
    block += bytes(len(block) % 2)
    order = exif.byte_order(block)
    layers = photograph.layers
    if photograph.infrared is not None:
        layers = np.concatenate([layers, photograph.infrared[..., None]], axis=-1)
    compression = _compression(photograph, layers.nbytes)
    height, width, channels = layers.shape
    bits = 8 * layers.itemsize
    rows = max(1, _ROWS_OF_BYTES // (width * channels * layers.itemsize))
    stream.write(bytes(len(block)))  # its head is known at the end
    places, sizes = [], []
    for top in range(0, height, rows):
        data = _compressed(layers[top : top + rows], order, compression)
        places.append(stream.tell())
        sizes.append(len(data))
        stream.write(data + bytes(len(data) % 2))
    tags = {
        256: exif.Values(exif.LONG, (width,)),
        257: exif.Values(exif.LONG, (height,)),
        258: exif.Values(exif.SHORT, (bits,) * channels),
        COMPRESSION: exif.Values(exif.SHORT, (compression,)),
        262: exif.Values(exif.SHORT, (2 if photograph.pixels.ndim == 3 else 1,)),
        273: exif.Values(exif.LONG, tuple(places)),
        277: exif.Values(exif.SHORT, (channels,)),
        278: exif.Values(exif.LONG, (rows,)),
        279: exif.Values(exif.LONG, tuple(sizes)),
        284: exif.Values(exif.SHORT, (1,)),
    }
    if compression in _PREDICTED:
        tags[317] = exif.Values(exif.SHORT, (2,))
    if photograph.dpi:
        tags.update(exif.resolution_tags(photograph.dpi))
    # An alpha that is not multiplied into the colours, and a channel of unknown meaning.
    extra = (2,) * (photograph.alpha is not None) + (0,) * (photograph.infrared is not None)
    if extra:
        tags[EXTRA_SAMPLES] = exif.Values(exif.SHORT, extra)
    if photograph.icc:
        tags[exif.PROFILE] = exif.Values(exif.UNDEFINED, photograph.icc)
    for tag, data in tiff_texts(photograph.texts).items():
        tags[tag] = exif.Values(exif.BYTE if tag == TIFF_XMP else exif.UNDEFINED, data)
    head, directory = exif.extended(
        block, tags, keep=lambda tag: tag not in exif.LAYOUT or tag in exif.RESOLUTION, at=stream.tell()
    )
    stream.write(directory)
    stream.seek(0)
    stream.write(head)


def _compression(photograph: Photograph, size: int) -> int:
    """That of the photograph if it is simple, and sure to fit into the file."""
    own = photograph.compression
    return own if own in _COMPRESS and (own == _NONE or size <= _LARGEST) else _DEFLATE


def _compressed(layers: np.ndarray, order: str, compression: int) -> bytes:
    """A strip, `[H, W, C]`, as it is stored."""
    strip = layers.copy()
    if compression in _PREDICTED:
        strip[:, 1:] -= layers[:, :-1]
    content = strip.astype(np.dtype(f"{order}u{strip.itemsize}")).view(np.uint8)
    return _COMPRESS[compression](content.reshape(len(strip), -1))


def _by_libtiff(rows: np.ndarray, way: str) -> bytes:
    """Rows of bytes, `[H, W]`, as the one strip of a file that Pillow writes."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(rows).save(file, "TIFF", compression=way, strip_size=rows.size)
    ((place,), (length,)) = places_and_lengths(first_directory(file))
    return file.getvalue()[place : place + length]


_COMPRESS: dict[int, Callable[[np.ndarray], bytes]] = {
    _NONE: np.ndarray.tobytes,
    _LZW: lambda rows: _by_libtiff(rows, "tiff_lzw"),
    _DEFLATE: lambda rows: zlib.compress(rows.tobytes()),
    _PACKBITS: lambda rows: _by_libtiff(rows, "packbits"),
}
