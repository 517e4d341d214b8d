"""Photographs, as they are read from files, to restored ones: the same for the command and for the page."""

import dataclasses
from collections.abc import Callable

import numpy as np

from pconv_jax.imaging.photograph import Photograph
from pconv_jax.inpainting.grey import kept_grey

Restore = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""A function of pixels `[H, W]` or `[H, W, C]` and a hole, bool `[H, W]`, that returns the pixels inpainted."""


def restored_array(photograph: Photograph, hole: np.ndarray, restore: Restore) -> np.ndarray:
    """The restored pixels of a photograph.

    Args:
        photograph: as it was read.
        hole: bool `[H, W]`, True = damage.
        restore: restores such pixels.

    Returns:
        `Photograph.as_array`, restored: grey photographs in three channels stay grey.
    """
    pixels = photograph.as_array
    return kept_grey(restore(pixels, hole), pixels, hole)


def with_array(photograph: Photograph, restored: np.ndarray) -> Photograph:
    """The photograph with other pixels, all else as it was.

    Args:
        photograph: as it was read.
        restored: as `Photograph.as_array`.
    """
    if photograph.alpha is None:
        return dataclasses.replace(photograph, pixels=restored)
    colours, alpha = restored[..., :3], restored[..., 3]
    if photograph.pixels.ndim == 2:
        colours = np.rint(colours.mean(axis=2)).astype(restored.dtype)
    return dataclasses.replace(photograph, pixels=colours, alpha=alpha)
