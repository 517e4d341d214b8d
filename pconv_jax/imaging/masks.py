"""Mask files: white = hole."""

import math
import os
from typing import TYPE_CHECKING

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.common.paths import given_path
from pconv_jax.imaging.decoding import decode
from pconv_jax.imaging.opening import opened_file
from pconv_jax.imaging.pixels import eight_bits

if TYPE_CHECKING:
    from PIL.Image import Image

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue in luma (ITU-R BT.601), as Pillow and OpenCV have them."""
MASK_THRESHOLD = 128  # the 8-bit grey value from which on a pixel of a mask is white, unless the user says otherwise


def share(hole: np.ndarray) -> float:
    """The share of an image that is hole."""
    return float(np.count_nonzero(hole) / max(math.prod(hole.shape), 1))


def read_hole(
    file: bytes | str | os.PathLike[str],
    *,
    name: str | None = None,
    threshold: int = MASK_THRESHOLD,
    invert: bool = False,
    max_pixels: int | None = None,
    advice: str | None = "threshold={}",
) -> np.ndarray:
    """Reads the hole that a mask file marks, at the file's own size.

    Colours become their luma, transparency is ignored, 16 bits are scaled to 8, the EXIF orientation is applied. What
    marks something, but by these rules all or nothing, is refused: see `check_meaning`.

    Args:
        file: the path or the content of an image file of one frame.
        name: what to call the file in an error; its path by default.
        threshold: the grey value, 1..255, from which on a pixel is white.
        invert: black = hole.
        max_pixels: a file that claims more is refused before it is decoded; None for 500 million, as far as the
            available memory is enough for them.
        advice: how another threshold would be given, for errors; None where it cannot be.

    Returns:
        [H, W], bool, True = hole.

    Raises:
        InputError: the file cannot be read, is damaged or cut off, is not an image, has several frames, more pixels
            than allowed, or pixels that do not say which value is white or hole; or the threshold is out of its range.
    """
    check_threshold(threshold)
    name = name or ("mask" if isinstance(file, bytes) else str(file))
    with opened_file(file if isinstance(file, bytes) else given_path(file), name) as stream:
        decoded = decode(name, stream, notes=[], exact=False, max_pixels=max_pixels)
    grey = _grey(decoded.pixels)
    check_meaning(name, decoded.pixels if decoded.pixels.ndim == 2 else grey, decoded.alpha, threshold, advice=advice)
    return (grey >= threshold) != invert


def check_meaning(
    name: str, values: np.ndarray, alpha: np.ndarray | None, threshold: int, *, advice: str | None = None
) -> None:
    """Refuses a mask that marks something, but by its threshold all or nothing.

    One even value is fine, and so are many on one side of the threshold, such as those of a map of probabilities.

    Args:
        name: what to call the mask in an error.
        values: its grey values, [H, W], uint8 or uint16.
        alpha: [H, W], if there is one.
        threshold: the grey value, 1..255, from which on a pixel is white.
        advice: as for `read_hole`.

    Raises:
        InputError: the brightest value is 1, or at most 255 of 16 bits; only the transparency differs; or there are two
            values on one side of the threshold.
    """
    least, most = values.min(), values.max()
    some, everything = (bool(eight_bits(value) >= threshold) for value in (most, least))
    if some != everything:
        return
    if most == 1:
        raise InputError(
            f"{name} holds only 0 and 1, and a mask is black (valid) and white (hole, from the threshold {threshold} "
            f"on): multiply it by 255{f', or give {advice.format(1)}' if advice else ''}"
        )
    if values.dtype == np.uint16 and least < most <= 255:
        raise InputError(
            f"{name} has 16 bits, and its brightest value is {most} of 65535, as if it had 8: save it with 8 bits, or "
            "multiply it by 257"
        )
    if alpha is not None and alpha.min() != alpha.max():
        raise InputError(
            f"{name} marks something by its transparency, which is ignored in masks: lay it over black, and paint the "
            "damage white"
        )
    if least != most and ((values == least) | (values == most)).all():
        side = "from" if everything else "below"
        raise InputError(
            f"{name} has two values, {least} and {most}, both {side} the threshold {threshold}: save it in black and "
            f"white{f', or give {advice.format(eight_bits(most))}' if advice else ''}"
        )


def check_threshold(threshold: int) -> None:
    """Refuses a threshold outside 1 to 255, which would make everything or nothing white."""
    if not 1 <= threshold <= 255:
        raise InputError(f"the mask threshold is {threshold}, but it must lie between 1 and 255")


def resized_hole(hole: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resizes a hole: a new pixel is hole if any pixel is that it overlaps with, so that no part of a hole is lost.

    Args:
        hole: [H, W], bool.
        height: of the result, px.
        width: of the result, px.

    Returns:
        [height, width], bool.
    """
    for axis, length in enumerate((height, width)):
        own = hole.shape[axis]
        ends = np.arange(length + 1) * own
        first, last = ends[:-1] // length, -(-ends[1:] // length)
        sums = np.insert(hole.cumsum(axis, np.int32), 0, 0, axis)
        hole = sums.take(last, axis) > sums.take(first, axis)
    return hole


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
