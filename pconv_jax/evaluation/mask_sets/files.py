"""Mask files, white = hole, turned into masks at the boundary: float32 [H, W, 1], 1 = valid, 0 = hole."""

import os
from pathlib import Path

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.imaging import IMAGE_SUFFIXES, image_files, read_hole
from pconv_jax.imaging.masks import MASK_THRESHOLD


def mask_files(root: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Finds the mask files in a folder and in folders below, by their suffix.

    Other files (notes, licences) and hidden ones are ignored; links to folders are followed.

    Args:
        root: the folder.

    Returns:
        Their paths below `root`, sorted; at least one.

    Raises:
        InputError: `root` is not a folder, holds no mask files, or cannot be read.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(f"{root} is not a folder of masks: give a folder of mask files, or lines or ratios")
    found = image_files(root)
    if not found:
        raise InputError(f"{root} holds no mask files ({', '.join(IMAGE_SUFFIXES)}): give another folder")
    return found


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
    hole = read_hole(file, name=name, threshold=threshold, invert=invert)
    return (~hole[..., None]).astype(np.float32)
