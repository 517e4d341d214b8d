"""Holes in flat surroundings, where a small error shows: in those of 16 bits, and at the border of an image.

There the zeros that convolutions put around an image look like an edge: even ground came out up to 10 / 255 off.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pconv_jax.inpainting.blocks import Halved, Level, Pixels

_REACH = 24  # px around a pixel that count as its surroundings; more where a hole is deep
_SHALLOW = 6  # px; a quarter of it, so that a gentle slope is not taken for flat from within a wide hole
_FLAT = 8  # of 255; on 60 photographs, what is clipped below it loses nine tenths of its squared error
_EVERY = 8  # one pixel of these, in both directions, shows soon whether surroundings differ


class _Surroundings(NamedTuple):
    """Around some pixels: the darkest and the brightest value, `[P, C]` each, and whether valid pixels are near."""

    darkest: np.ndarray
    brightest: np.ndarray
    shallow: np.ndarray

    @property
    def difference(self) -> np.ndarray:
        """Of the two; negative where there is nothing but hole."""
        return self.brightest.astype(np.int32) - self.darkest


class KeptFlat:
    """Keeps values in the holes of an image within those around them, where these differ by less than 8 / 255."""

    def __init__(self, pixels: np.ndarray, hole: np.ndarray):
        """Takes the image.

        Args:
            pixels: `[H, W, C]`, uint8 or uint16; colours count where a last channel, alpha, is not 0.
            hole: bool `[H, W]`.
        """
        self._limit = _FLAT * (np.iinfo(pixels.dtype).max // 255)
        self._levels: list[Level] = [Pixels(pixels, hole)]
        self._most = math.ceil(math.log2(max(hole.shape)))  # levels, until one block is all of the image

    def __call__(self, values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Some values.

        Args:
            values: `[P, C]`, what some pixels in holes were inpainted with.
            rows: `[P]`, of the pixels.
            columns: `[P]`, of the pixels.

        Returns:
            The values, `[P, C]`.
        """
        if not len(values):
            return values
        quick = _around(self._levels[0], rows, columns, every=_EVERY)
        kept, left = values.copy(), np.flatnonzero((quick.difference < self._limit).any(axis=1))
        for level in range(self._most):  # those deep in a hole look further, at blocks in place of pixels
            if not len(left):
                break
            if level == len(self._levels):
                self._levels.append(Halved(self._levels[-1]))
            seen = _around(self._levels[level], rows[left] >> level, columns[left] >> level)
            low = seen.difference < self._limit
            flat = low & (seen.difference >= 0) & seen.shallow[:, None]
            kept[left] = np.where(flat, np.clip(values[left], seen.darkest, seen.brightest), values[left])
            left = left[~seen.shallow & low.any(axis=1)]
        return kept


def _around(level: Level, rows: np.ndarray, columns: np.ndarray, *, every: int = 1) -> _Surroundings:
    """Around some blocks; with `every`, among one in so many by so many."""
    import cv2

    top, left = (max(0, int(place.min()) - _REACH) for place in (rows, columns))
    around = np.s_[top : rows.max() + _REACH + 1 : every, left : columns.max() + _REACH + 1 : every]
    darkest, brightest, hole = level(around)
    places = (rows - top) // every, (columns - left) // every
    kernel = np.ones((2 * (_REACH // every - (every > 1)) + 1,) * 2, np.uint8)

    def extreme(values: np.ndarray, spread: Callable[..., np.ndarray]) -> np.ndarray:
        return spread(values, kernel).reshape(values.shape)[places]

    depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 3)
    return _Surroundings(extreme(darkest, cv2.erode), extreme(brightest, cv2.dilate), depth[places] <= _SHALLOW)
