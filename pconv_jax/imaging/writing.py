"""Photographs to image files; pixels that a format cannot hold are refused, metadata with a warning left out."""

import fractions
import io
import os
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from pconv_jax.common.atomic_write import atomic_write
from pconv_jax.common.errors import InputError
from pconv_jax.common.paths import given_path
from pconv_jax.imaging import exif
from pconv_jax.imaging.formats import OUTPUT_FORMATS
from pconv_jax.imaging.photograph import Photograph

_LARGEST_SIDE = {"JPEG": 65500, "WEBP": 16383}
_JPEG_SEGMENT = 65533  # bytes of data that one can hold
_ROWS_OF_BYTES = 1 << 18  # of pixels that are compressed at a time


def write_photograph(path: str | os.PathLike[str], photograph: Photograph, *, quality: int = 95) -> None:
    """Writes a photograph, in the format of the path's suffix, in one step: the file is never half written.

    PNG and TIFF (deflate) lose nothing. JPEG has full chroma resolution (4:4:4), 8 bits and no transparency. WebP has
    8 bits; its chroma is halved (4:2:0) below quality 100, which means lossless, and grey comes back as three equal
    channels. All of them take the EXIF data, the colour profile and the resolution; WebP has the latter in the EXIF
    data, and JPEG in whole dots per inch.

    Args:
        path: the file to write or replace, one of `OUTPUT_FORMATS`; its folder is created.
        photograph: what to write.
        quality: of JPEG and WebP, 1..100.

    Raises:
        InputError: the suffix is of no format that can be written, the format cannot hold the photograph, the quality
            is out of its range, or the file cannot be written.
    """
    path = given_path(path)
    kind = OUTPUT_FORMATS.get(path.suffix.lower())
    if kind is None:
        raise InputError(f"{path} must have a suffix that can be written: {', '.join(OUTPUT_FORMATS)}")
    _check(path, kind, photograph, quality)
    block, warning = _block(photograph, kind)
    if warning:
        warnings.warn(f"{path}: {warning}", stacklevel=2)
    write = _WRITERS[kind]
    try:
        with atomic_write(path) as temporary, temporary.open("wb") as stream:
            write(stream, photograph, block, quality)
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        raise InputError(f"{path} cannot be written ({reason}): choose another place or make room") from error


def _check(path: Path, kind: str, photograph: Photograph, quality: int) -> None:
    if not 1 <= quality <= 100:
        raise InputError(f"{path} cannot be written with the quality {quality}: it must be in 1..100, e.g. 95")
    if photograph.pixels.dtype == np.uint16 and kind not in ("PNG", "TIFF"):
        raise InputError(f"{path} would lose depth, as the photograph has 16 bits: write PNG or TIFF")
    if photograph.alpha is not None and kind == "JPEG":
        raise InputError(f"{path} would lose the photograph's transparency: write PNG, TIFF or WebP")
    largest = _LARGEST_SIDE.get(kind)
    if largest and max(photograph.pixels.shape[:2]) > largest:
        raise InputError(f"{path} can have {largest} pixels a side, and the photograph has more: write PNG or TIFF")
    size = photograph.pixels.nbytes + (0 if photograph.alpha is None else photograph.alpha.nbytes)
    if kind == "TIFF" and size > 0xFFFF0000 - len(photograph.icc or b"") - len(photograph.exif or b""):
        raise InputError(f"{path} would have more than the 4 GiB that a TIFF file can hold: write PNG")


def _block(photograph: Photograph, kind: str) -> tuple[bytes | None, str]:
    """The EXIF block to write, and a warning if that of the photograph cannot be written."""
    if photograph.exif is None:
        return None, ""
    try:
        block = exif.upright(photograph.exif)
    except ValueError:
        return None, "the EXIF data is damaged and not written"
    if kind == "JPEG" and len(block) > _JPEG_SEGMENT - len(exif.PREFIX):
        return None, f"the EXIF data, {len(block):,} bytes, is more than JPEG can hold and not written; PNG can"
    return block, ""


def _layers(photograph: Photograph) -> np.ndarray:
    """[H, W, C]: the pixels, and the alpha as the last channel."""
    pixels = photograph.pixels if photograph.pixels.ndim == 3 else photograph.pixels[..., None]
    return pixels if photograph.alpha is None else np.concatenate([pixels, photograph.alpha[..., None]], axis=-1)


def _save(stream: IO[bytes], photograph: Photograph, kind: str, **options: Any) -> None:
    from PIL import Image

    layers = _layers(photograph)
    image = Image.fromarray(layers[..., 0] if layers.shape[-1] == 1 else np.ascontiguousarray(layers))
    # In memory first: Pillow's encoders write in small pieces, and some seek.
    content = io.BytesIO()
    image.save(content, kind, **{name: value for name, value in options.items() if value is not None})
    stream.write(content.getbuffer())


def _write_jpeg(stream: IO[bytes], photograph: Photograph, block: bytes | None, quality: int) -> None:
    _save(
        stream,
        photograph,
        "JPEG",
        quality=quality,
        subsampling=0,
        exif=block and exif.PREFIX + block,
        icc_profile=photograph.icc,
        dpi=photograph.dpi,
    )


def _write_webp(stream: IO[bytes], photograph: Photograph, block: bytes | None, quality: int) -> None:
    if photograph.dpi and (block is None or exif.dpi_in(block) != photograph.dpi):
        block = b"".join(exif.extended(block or exif.EMPTY, _resolution(photograph.dpi), keep=lambda _: True))
    _save(
        stream,
        photograph,
        "WEBP",
        quality=quality,
        lossless=quality == 100,
        exact=True,  # keeps the colours where nothing shows
        exif=block,
        icc_profile=photograph.icc,
    )


def _write_png(stream: IO[bytes], photograph: Photograph, block: bytes | None, quality: int) -> None:
    del quality
    if photograph.pixels.dtype == np.uint8:
        _save(stream, photograph, "PNG", exif=block, icc_profile=photograph.icc, dpi=photograph.dpi)
        return
    # None of the libraries in use writes 16 bits in all four kinds of pixels with their metadata.
    layers = _layers(photograph)
    height, width, channels = layers.shape
    stream.write(b"\x89PNG\r\n\x1a\n")
    _chunk(stream, b"IHDR", struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0))
    if photograph.icc:
        _chunk(stream, b"iCCP", b"ICC Profile\0\0" + zlib.compress(photograph.icc))
    if photograph.dpi:
        per_metre = (round(side / 0.0254) for side in photograph.dpi)
        _chunk(stream, b"pHYs", struct.pack(">IIB", *per_metre, 1))
    if block:
        _chunk(stream, b"eXIf", block)
    # The low bytes are noise, in which only runs can be found: three times as fast, and no larger.
    compressor = zlib.compressobj(strategy=zlib.Z_RLE)
    for lines in _filtered(layers):
        if data := compressor.compress(lines):
            _chunk(stream, b"IDAT", data)
    _chunk(stream, b"IDAT", compressor.flush())
    _chunk(stream, b"IEND", b"")


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


def _write_tiff(stream: IO[bytes], photograph: Photograph, block: bytes | None, quality: int) -> None:
    """The EXIF block is a TIFF file already: it stays where it is, followed by the pixels and its new first directory.

    So not a byte of it changes, makers' notes included, which none of the libraries in use can do.
    """
    del quality
    block = block or exif.EMPTY
    block += bytes(len(block) % 2)
    order = exif.byte_order(block)
    layers = _layers(photograph)
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
        262: exif.Values(exif.SHORT, (2 if channels > 2 else 1,)),
        273: exif.Values(exif.LONG, tuple(places)),
        277: exif.Values(exif.SHORT, (channels,)),
        278: exif.Values(exif.LONG, (rows,)),
        279: exif.Values(exif.LONG, tuple(sizes)),
        284: exif.Values(exif.SHORT, (1,)),
        317: exif.Values(exif.SHORT, (2,)),
    }
    if photograph.dpi:
        tags.update(_resolution(photograph.dpi))
    if photograph.alpha is not None:
        tags[338] = exif.Values(exif.SHORT, (2,))  # not multiplied into the colours
    if photograph.icc:
        tags[exif.PROFILE] = exif.Values(exif.UNDEFINED, photograph.icc)
    head, directory = exif.extended(
        block, tags, keep=lambda tag: tag not in exif.LAYOUT or tag in exif.RESOLUTION, at=stream.tell()
    )
    stream.write(directory)
    stream.seek(0)
    stream.write(head)


def _resolution(dpi: tuple[float, float]) -> Mapping[int, exif.Values]:
    across, down = (fractions.Fraction(side).limit_denominator(10_000) for side in dpi)
    return {
        exif.X_RESOLUTION: exif.Values(exif.RATIONAL, (across.numerator, across.denominator)),
        exif.Y_RESOLUTION: exif.Values(exif.RATIONAL, (down.numerator, down.denominator)),
        exif.RESOLUTION_UNIT: exif.Values(exif.SHORT, (2,)),
    }


_WRITERS: Mapping[str, Callable[[IO[bytes], Photograph, bytes | None, int], None]] = {
    "PNG": _write_png,
    "JPEG": _write_jpeg,
    "TIFF": _write_tiff,
    "WEBP": _write_webp,
}
