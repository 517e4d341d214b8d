"""Photographs to TIFF files."""

import zlib
from typing import IO

import numpy as np

from pconv_jax.imaging import exif
from pconv_jax.imaging.photograph import Photograph
from pconv_jax.imaging.texts import TIFF_XMP, tiff_texts

_ROWS_OF_BYTES = 1 << 18  # of pixels that are compressed at a time


def write_tiff(stream: IO[bytes], photograph: Photograph, quality: int | None) -> None:
    """Writes a TIFF file; there is nothing that the quality could change.

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
    height, width, channels = layers.shape
    bits = 8 * layers.itemsize
    rows = max(1, _ROWS_OF_BYTES // (width * channels * layers.itemsize))
    stream.write(bytes(len(block)))  # its head is known at the end
    places, sizes = [], []
    for top in range(0, height, rows):
        strip = layers[top : top + rows].copy()
        strip[:, 1:] -= layers[top : top + rows, :-1]  # the predictor
        data = zlib.compress(strip.astype(np.dtype(f"{order}u{strip.itemsize}")).tobytes())
        places.append(stream.tell())
        sizes.append(len(data))
        stream.write(data + bytes(len(data) % 2))
    tags = {
        256: exif.Values(exif.LONG, (width,)),
        257: exif.Values(exif.LONG, (height,)),
        258: exif.Values(exif.SHORT, (bits,) * channels),
        259: exif.Values(exif.SHORT, (8,)),  # deflate
        262: exif.Values(exif.SHORT, (2 if photograph.pixels.ndim == 3 else 1,)),
        273: exif.Values(exif.LONG, tuple(places)),
        277: exif.Values(exif.SHORT, (channels,)),
        278: exif.Values(exif.LONG, (rows,)),
        279: exif.Values(exif.LONG, tuple(sizes)),
        284: exif.Values(exif.SHORT, (1,)),
        317: exif.Values(exif.SHORT, (2,)),
    }
    if photograph.dpi:
        tags.update(exif.resolution_tags(photograph.dpi))
    # An alpha that is not multiplied into the colours, and a channel of unknown meaning.
    extra = (2,) * (photograph.alpha is not None) + (0,) * (photograph.infrared is not None)
    if extra:
        tags[338] = exif.Values(exif.SHORT, extra)
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
