"""Holes in flat surroundings, where a small error shows: in those of 16 bits, and at the border of an image.

There the zeros that convolutions put around an image look like an edge: even ground came out up to 10 / 255 off.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pconv_jax.inpainting.blocks import Halved, Level, Pixels

_REACH = 24  # px around a pixel that count as its surroundings; more where a hole is deep
_NEAR, _THIN = 5, 3.5  # px around one in a hole that is nowhere deeper than this there: paper between letters is flat
_SHALLOW = 6  # px; a quarter of it, so that a gentle slope is not taken for flat from within a wide hole
_FLAT = 8  # of 255; on 60 photographs, what is clipped below it loses nine tenths of its squared error
_EVERY = 8  # one pixel of these, in both directions, shows soon whether surroundings differ


class _Surroundings(NamedTuple):
    """Around some pixels: the darkest and the brightest value, `[P, C]` each, and how deep holes are.

    That is how far valid pixels are, from these and at most, `[P]` each.
    """

    darkest: np.ndarray
    brightest: np.ndarray
    depth: np.ndarray
    deepest: np.ndarray

    @property
    def difference(self) -> np.ndarray:
        """Of the two; negative where there is nothing but hole."""
        return self.brightest.astype(np.int32) - self.darkest

    def is_flat(self, limit: int) -> np.ndarray:
        """Where values differ by less than a limit, and are known."""
        return (self.difference >= 0) & (self.difference < limit)

    def clip(self, values: np.ndarray) -> np.ndarray:
        """Values `[P, C]` kept within them."""
        return np.clip(values, self.darkest, self.brightest)


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
        near = _around(self._levels[0], rows, columns, reach=_NEAR)
        thin = near.is_flat(self._limit) & (near.deepest <= _THIN)[:, None]
        kept, left = np.where(thin, near.clip(values), values), self._perhaps_flat(near)
        if len(left):  # what differs near differs in all of the surroundings
            left = left[self._perhaps_flat(_around(self._levels[0], rows[left], columns[left], every=_EVERY))]
        for level in range(self._most):  # those deep in a hole look further, at blocks in place of pixels
            if not len(left):
                break
            if level == len(self._levels):
                self._levels.append(Halved(self._levels[-1]))
            seen = _around(self._levels[level], rows[left] >> level, columns[left] >> level)
            flat, shallow = seen.is_flat(self._limit), seen.depth <= _SHALLOW
            kept[left] = np.where(flat & shallow[:, None], seen.clip(kept[left]), kept[left])
            left = left[~shallow & (seen.difference < self._limit).any(axis=1)]
        return kept

    def _perhaps_flat(self, seen: _Surroundings) -> np.ndarray:
        """The places of those among which some channel may be flat."""
        return np.flatnonzero((seen.difference < self._limit).any(axis=1))


def _around(
    level: Level, rows: np.ndarray, columns: np.ndarray, *, reach: int = _REACH, every: int = 1
) -> _Surroundings:
    """Around some blocks; with `every`, among one in so many by so many."""
    import cv2

    margin = reach + math.ceil(_THIN)  # so far that how deep holes are is known, where that counts
    top, left = (max(0, int(place.min()) - margin) for place in (rows, columns))
    around = np.s_[top : rows.max() + margin + 1 : every, left : columns.max() + margin + 1 : every]
    darkest, brightest, hole = level(around)
    places = (rows - top) // every, (columns - left) // every
    kernel = np.ones((2 * (reach // every - (every > 1)) + 1,) * 2, np.uint8)

    def extreme(values: np.ndarray, spread: Callable[..., np.ndarray]) -> np.ndarray:
        return spread(values, kernel).reshape(values.shape)[places]

    depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 3)
    return _Surroundings(
        extreme(darkest, cv2.erode), extreme(brightest, cv2.dilate), depth[places], extreme(depth, cv2.dilate)
    )
