"""Mask files: white = hole."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.imaging.decoding import decode
from pconv_jax.imaging.opening import MAX_PIXELS, opened_file
from pconv_jax.imaging.pixels import eight_bits

if TYPE_CHECKING:
    from PIL.Image import Image

MASK_THRESHOLD = 128  # the 8-bit grey value from which on a pixel of a mask is white, unless the user says otherwise


def read_hole(
    file: bytes | str | os.PathLike[str],
    *,
    name: str | None = None,
    threshold: int = MASK_THRESHOLD,
    invert: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> np.ndarray:
    """Reads the hole that a mask file marks, at the file's own size.

    Colours become their luma, transparency is ignored, 16 bits are scaled to 8, the EXIF orientation is applied.

    Args:
        file: the path or the content of an image file of one frame.
        name: what to call the file in an error; its path by default.
        threshold: the grey value, 1..255, from which on a pixel is white.
        invert: black = hole.
        max_pixels: a file that claims more is refused before it is decoded.

    Returns:
        [H, W], bool, True = hole.

    Raises:
        InputError: the file cannot be read, is damaged or cut off, is no image, has several frames, more pixels than
            allowed, or pixels that do not say which value is white; or the threshold is out of its range.
    """
    check_threshold(threshold)
    name = name or ("mask" if isinstance(file, bytes) else str(file))
    with opened_file(file if isinstance(file, bytes) else Path(file), name) as stream:
        decoded = decode(name, stream, notes=[], exact=False, max_pixels=max_pixels)
    return (_grey(decoded.pixels) >= threshold) != invert


def check_threshold(threshold: int) -> None:
    """Refuses a threshold out of 1..255, which would make everything or nothing white."""
    if not 1 <= threshold <= 255:
        raise InputError(f"the mask threshold {threshold} must be in 1..255, e.g. {MASK_THRESHOLD}")


def luma(image: "Image") -> np.ndarray:
    """The grey values of a mask in memory, as those of a mask file count.

    Args:
        image: decoded, of 8 bits or 16-bit grey; the entry on its transparent colour may be removed.

    Returns:
        [H, W], uint8: colours become their luma, transparency is ignored, 16 bits are scaled to 8.
    """
    if image.mode.startswith("I"):  # 16 bits
        return eight_bits(np.asarray(image))
    image.info.pop("transparency", None)  # of a palette, where the conversion would warn
    return np.asarray(image.convert("L"))


def _grey(pixels: np.ndarray) -> np.ndarray:
    from PIL import Image

    pixels = eight_bits(pixels)
    return pixels if pixels.ndim == 2 else luma(Image.fromarray(pixels))
