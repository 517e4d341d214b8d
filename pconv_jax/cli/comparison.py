"""Before/after images."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pconv_jax.cli.marked_files import COMPARISON, texts_with
from pconv_jax.imaging import Photograph, write_photograph
from pconv_jax.imaging.linear import is_linear
from pconv_jax.imaging.shown import shown

_MAX_SIDE = 1600  # of either half of a comparison, px


def write_comparison(
    path: Path,
    before: Photograph,
    after: Photograph,
    *,
    linear: bool = False,
    check: Callable[[Path], object] | None = None,
) -> None:
    """Writes both photographs side by side, each at most 1600 px long.

    Their colours look as in the photographs.

    Args:
        path: the file, `.jpg`.
        before: the damaged photograph.
        after: the restored one, of the same size.
        linear: both are linear in light, even if they do not say so.
        check: as for `write_photograph`.

    Raises:
        InputError: the file cannot be written.
    """
    import cv2

    linear = linear or is_linear(before)

    def small(pixels: np.ndarray) -> np.ndarray:
        scale = _MAX_SIDE / max(pixels.shape[:2])
        if scale >= 1:
            return pixels
        height, width = (max(1, round(scale * side)) for side in pixels.shape[:2])
        return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)

    seen = shown(before, before, linear=linear)
    left, right = small(seen.pixels), small(shown(after, before, linear=linear).pixels)
    line = np.full((len(left), 8, 3), 255, np.uint8)
    halves = dataclasses.replace(
        seen, pixels=np.hstack([left, line, right]), dpi=None, lossless=False, texts=texts_with(COMPARISON)
    )
    write_photograph(path, halves, check=check)
