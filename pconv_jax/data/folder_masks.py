"""Training masks from a folder of mask files, white = hole."""

import functools
from pathlib import Path

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.imaging.masks import read_hole
from pconv_jax.imaging.names import mask_files
from pconv_jax.masks.folder_masks import augmented_mask

_KEPT = 2048  # decoded files


def folder_mask(rng: np.random.Generator, root: Path, size: int) -> np.ndarray:
    """A mask from a random file, rotated, cropped and dilated at random; see `masks.folder_masks`.

    Args:
        rng: source of everything.
        root: the folder; files in folders below count too.
        size: S, the side in pixels.

    Returns:
        `[S, S, 1]`, float32, 1 = valid, 0 = hole.

    Raises:
        InputError: no folder, or no files with holes in it.
    """
    files = _files(root)
    first = rng.integers(len(files)).item()
    for place in range(len(files)):
        hole = _hole(files[(first + place) % len(files)])
        if hole.any():
            return augmented_mask(rng, hole, size, size)
    raise InputError(f"no mask in {root} has a hole (white pixels): invert them, or give another folder")


@functools.lru_cache(maxsize=4)
def _files(root: Path) -> tuple[Path, ...]:
    return tuple(root / file for file in mask_files(root))


@functools.lru_cache(maxsize=_KEPT)
def _hole(path: Path) -> np.ndarray:
    return read_hole(path)
