"""Masks that may not be meant as they are: pictures of the photograph, and those that mark most of it."""

import os

import numpy as np

from pconv_jax.common.paths import given_path
from pconv_jax.imaging.decoding import decode
from pconv_jax.imaging.masks import share
from pconv_jax.imaging.opening import opened_file
from pconv_jax.imaging.pixels import eight_bits

_MUCH, _MOST_OF_IT = 0.1, 0.5  # shares above which a mask is compared with the photograph, and above which it is noted
_SMALL = 512  # px of the sides at which two pictures are compared
_ALIKE = 12  # levels of 255 by which a JPEG may change a pixel


def shows_photograph(
    mask: str | os.PathLike[str], hole: np.ndarray, pixels: np.ndarray, *, max_pixels: int | None = None
) -> bool:
    """Whether a mask shows what the photograph does: most of it alike, and much neither black nor white.

    A copy of the photograph does, which was painted on.

    Args:
        mask: its file.
        hole: bool `[H, W]`, what it marks; only what marks much is looked at.
        pixels: the photograph, `[H, W]` or `[H, W, 3]`, uint8 or uint16.
        max_pixels: of the mask, as for `read_photograph`.
    """
    import cv2

    if share(hole) <= _MUCH:
        return False
    path = given_path(mask)
    with opened_file(path, str(path)) as stream:
        other = decode(str(path), stream, notes=[], exact=False, max_pixels=max_pixels).pixels
    height, width = pixels.shape[:2]
    size = (min(width, _SMALL), min(height, _SMALL))
    values, expected = (
        cv2.resize(_grey(each), size, interpolation=cv2.INTER_NEAREST).astype(np.int16) for each in (other, pixels)
    )
    alike = np.abs(values - expected) <= _ALIKE
    grey = (values > _ALIKE) & (values < 255 - _ALIKE)
    return bool(alike.mean() > 0.5 and grey.mean() > 0.2)


def marks_most(hole: np.ndarray) -> str:
    """How much a hole, bool `[H, W]`, is of its photograph, such as "60%"; empty if that is not most of it."""
    marked = share(hole)
    return f"{marked:.0%}" if marked > _MOST_OF_IT else ""


def _grey(pixels: np.ndarray) -> np.ndarray:
    """The green channel or the grey values, uint8: enough to tell two pictures apart."""
    layer = pixels if pixels.ndim == 2 else pixels[..., 1]
    return np.ascontiguousarray(eight_bits(layer))
