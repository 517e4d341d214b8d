"""Photographs to PNG files, of 8 and of 16 bits."""

import struct
import zlib
from collections.abc import Iterator
from typing import IO

import numpy as np

from pconv_jax.imaging.photograph import Photograph
from pconv_jax.imaging.pillow_writing import encoded
from pconv_jax.imaging.texts import png_texts

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADED = 33  # bytes of the signature and the header
_SAMPLED = 16  # one row of so many shows whether neighbours are alike
_ROWS_OF_BYTES = 1 << 18  # of pixels that are compressed at a time


def write_png(stream: IO[bytes], photograph: Photograph, quality: int | None) -> None:
    """Writes a PNG file; there is nothing that the quality could change."""
    del quality
    known = [*photograph.colour, *png_texts(photograph.texts)]  # stand behind the header
    if photograph.pixels.dtype == np.uint8:
        with encoded(
            photograph,
            "PNG",
            exif=photograph.exif,
            icc_profile=photograph.icc,
            dpi=photograph.dpi,
            compress_type=zlib.Z_RLE if _is_noisy(photograph) else None,
        ) as content:
            stream.write(content[:_HEADED])
            for kind, data in known:
                _chunk(stream, kind, data)
            stream.write(content[_HEADED:])
        return
    # None of the libraries in use writes 16 bits in all four kinds of pixels with their metadata.
    layers = photograph.layers
    height, width, channels = layers.shape
    stream.write(_SIGNATURE)
    _chunk(stream, b"IHDR", struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0))
    for kind, data in known:
        _chunk(stream, kind, data)
    if photograph.icc:
        _chunk(stream, b"iCCP", b"ICC Profile\0\0" + zlib.compress(photograph.icc))
    if photograph.dpi:
        per_metre = (round(side / 0.0254) for side in photograph.dpi)
        _chunk(stream, b"pHYs", struct.pack(">IIB", *per_metre, 1))
    if photograph.exif:
        _chunk(stream, b"eXIf", photograph.exif)
    # The low bytes are noise: see `_is_noisy`.
    compressor = zlib.compressobj(strategy=zlib.Z_RLE)
    for lines in _filtered(layers):
        if data := compressor.compress(lines):
            _chunk(stream, b"IDAT", data)
    _chunk(stream, b"IDAT", compressor.flush())
    _chunk(stream, b"IEND", b"")


def _is_noisy(photograph: Photograph) -> bool:
    """Whether hardly anything but runs can be found in pixels: looking for them alone is three times as fast.

    Files of photographs stay within some 5 % of their size; masks and drawings, which repeat, would become larger.
    """
    rows = photograph.pixels[::_SAMPLED]
    alike = rows[:, 1:] == rows[:, :-1]
    return 2 * int(np.count_nonzero(alike)) < alike.size


def _chunk(stream: IO[bytes], kind: bytes, data: bytes) -> None:
    stream.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))


def _filtered(layers: np.ndarray) -> Iterator[bytes]:
    """The lines of a PNG file of 16 bits, some at a time, each with the filter that leaves the smallest numbers."""
    height, width, channels = layers.shape
    step = 2 * channels
    rows = max(1, _ROWS_OF_BYTES // (width * step))
    above = np.zeros((1, width * step), np.uint8)
    for top in range(0, height, rows):
        lines = layers[top : top + rows].astype(">u2").reshape(-1, width * channels).view(np.uint8)
        up = np.concatenate([above, lines[:-1]])
        left, corner = np.zeros_like(lines), np.zeros_like(lines)
        left[:, step:], corner[:, step:] = lines[:, :-step], up[:, :-step]
        across, down = left.astype(np.int16) - corner, up.astype(np.int16) - corner
        a, b, c = np.abs(down), np.abs(across), np.abs(across + down)
        paeth = np.where((a <= b) & (a <= c), left, np.where(b <= c, up, corner))
        tried = {1: lines - left, 2: lines - up, 4: lines - paeth}
        costs = [
            np.abs(residual.view(np.int8).astype(np.int16)).sum(axis=1, dtype=np.int64) for residual in tried.values()
        ]
        best = np.argmin(costs, axis=0)
        kinds = np.array(list(tried), np.uint8)[best][:, None]
        residuals = np.choose(best[:, None], list(tried.values()))
        yield np.concatenate([kinds, residuals], axis=1).tobytes()
        above = lines[-1:]
