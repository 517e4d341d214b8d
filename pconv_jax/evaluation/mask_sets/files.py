"""Mask files, white = hole, turned into masks at the boundary: float32 [H, W, 1], 1 = valid, 0 = hole."""

import os

import numpy as np

from pconv_jax.imaging import read_hole
from pconv_jax.imaging.masks import MASK_THRESHOLD


def read_mask(
    file: bytes | str | os.PathLike[str],
    *,
    name: str | None = None,
    threshold: int = MASK_THRESHOLD,
    invert: bool = False,
) -> np.ndarray:
    """Reads one mask file at its own size, as `pconv_jax.imaging.read_hole` does.

    Args:
        file: the path or the content of the file, white = hole.
        name: what to call it in an error; its path by default.
        threshold: the grey value, 1..255, from which on a pixel is white.
        invert: black = hole.

    Returns:
        [H, W, 1], float32, 1 = valid, 0 = hole.

    Raises:
        InputError: the file cannot be read, or the threshold is out of its range.
    """
    hole = read_hole(file, name=name, threshold=threshold, invert=invert, advice="--mask-threshold {}")
    return (~hole[..., None]).astype(np.float32)
