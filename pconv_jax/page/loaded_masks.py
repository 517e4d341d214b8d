"""Masks that are loaded on the page: which are refused, and what is said of others."""

import filecmp
from pathlib import Path

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.imaging import read_hole
from pconv_jax.imaging.edges import is_tight
from pconv_jax.imaging.mistaken_masks import marks_most, shows_photograph
from pconv_jax.page.memory import by_title
from pconv_jax.page.photographs import OpenPhotograph


def read_mask(photograph: OpenPhotograph, path: Path, *, max_pixels: int | None) -> tuple[np.ndarray, list[str]]:
    """What a mask file marks, white = damage.

    Args:
        photograph: which it is for.
        path: of the file.
        max_pixels: as for `read_hole`.

    Returns:
        bool `[H, W]`, and sentences about what may not be meant.

    Raises:
        InputError: the file is not a mask, has another size, or shows the photograph itself.
    """
    if filecmp.cmp(path, photograph.source, shallow=False):
        raise InputError(
            f"{path.name} is the photograph itself, whose bright parts would be replaced: load a picture in which the "
            "damage alone is white"
        )
    with by_title(path, path.name):
        hole = read_hole(path, max_pixels=max_pixels, advice=None)
    if hole.shape != (photograph.height, photograph.width):
        height, width = hole.shape
        raise InputError(
            f"the mask has {width}x{height} pixels and the photograph {photograph.width}x{photograph.height}: save it "
            "in that size"
        )
    pixels = photograph.load("before")
    assert pixels is not None, "it is open"
    if shows_photograph(path, hole, pixels, max_pixels=max_pixels):
        raise InputError(
            f"{path.name} shows the photograph, perhaps a copy that was painted on: load a picture in which the damage "
            "alone is white, or mark the damage here with the brush"
        )
    notes = []
    if most := marks_most(hole):
        notes.append(
            f"{path.name} marks {most} of the photograph: if it is the other part that is damaged, undo this, and load "
            "it with black and white exchanged."
        )
    elif is_tight(pixels, hole):
        notes.append(
            f"The damage seems to reach beyond what {path.name} marks, and its outlines would stay: go over them with "
            "the brush, or load a wider mask."
        )
    return hole, notes
