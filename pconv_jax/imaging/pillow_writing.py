"""Photographs to JPEG, WebP and 8-bit PNG, by Pillow."""

import contextlib
import io
import threading
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from pconv_jax.imaging import exif
from pconv_jax.imaging.jpeg_planes import planes_of
from pconv_jax.imaging.photograph import Photograph
from pconv_jax.imaging.texts import jpeg_segments

_QUALITY = 95  # unless the photograph or the caller says otherwise
_JPEG_BYTES = 6  # a pixel at most: three components of noise, not reduced

_lock = threading.Lock()


@contextlib.contextmanager
def encoded(
    photograph: Photograph, kind: str, *, planes: np.ndarray | None = None, **options: Any
) -> Iterator[memoryview]:
    """The photograph as Pillow encodes it, in memory; options that are None are left out.

    Brightness and chroma, uint8 `[H, W, 3]`, take the place of its pixels if they are given.

    The memory is let go in the end: if an error kept it for the garbage collector, Python 3.12.1 would crash there.
    """
    from PIL import Image

    if planes is None:
        layers = photograph.layers
        image = Image.fromarray(layers[..., 0] if layers.shape[-1] == 1 else np.ascontiguousarray(layers))
    else:
        image = Image.frombuffer("YCbCr", planes.shape[1::-1], planes)
    content = io.BytesIO()  # as Pillow's encoders write in small pieces, and some seek
    with _one_block(_JPEG_BYTES * image.width * image.height if options.get("progressive") else 0):
        image.save(content, kind, **{name: value for name, value in options.items() if value is not None})
    with content.getbuffer() as view:
        yield view


@contextlib.contextmanager
def _one_block(size: int) -> Iterator[None]:
    """Makes room in Pillow for so many bytes at once: a progressive JPEG has to fit there, and Pillow has 2 a pixel."""
    from PIL import ImageFile

    if not size:
        yield
        return
    with _lock:
        usual, ImageFile.MAXBLOCK = ImageFile.MAXBLOCK, max(size, ImageFile.MAXBLOCK)
        try:
            yield
        finally:
            ImageFile.MAXBLOCK = usual


def write_jpeg(stream: IO[bytes], photograph: Photograph, quality: int | None) -> None:
    """Writes a JPEG file, compressed as the photograph was if that is known and no quality is given."""
    own, block, planes = photograph.jpeg, photograph.exif, None
    if quality is not None or own is None:
        options: dict[str, Any] = {"quality": _QUALITY if quality is None else quality, "subsampling": 0}
    else:
        options = {"qtables": own.tables, "subsampling": own.sampling, "progressive": own.progressive}
        options["keep_rgb"] = own.rgb
        if photograph.source is not None:
            planes = planes_of(photograph.pixels, photograph.source, own.sampling, orientation=photograph.orientation)
    with encoded(
        photograph,
        "JPEG",
        planes=planes,
        **options,
        exif=block and exif.PREFIX + block,
        icc_profile=photograph.icc,
        dpi=photograph.dpi,
        extra=jpeg_segments(photograph.texts),
    ) as content:
        stream.write(content)


def write_webp(stream: IO[bytes], photograph: Photograph, quality: int | None) -> None:
    """Writes a WebP file, without loss if the photograph was lossless and no quality is given."""
    block = photograph.exif
    if photograph.dpi and (block is None or exif.dpi_in(block) != photograph.dpi):
        block = b"".join(exif.extended(block or exif.EMPTY, exif.resolution_tags(photograph.dpi), keep=lambda _: True))
    with encoded(
        photograph,
        "WEBP",
        quality=_QUALITY if quality is None else quality,
        lossless=photograph.lossless if quality is None else quality == 100,
        xmp=photograph.texts.xmp,
        exact=True,  # keeps the colours where nothing shows
        exif=block,
        icc_profile=photograph.icc,
    ) as content:
        stream.write(content)
