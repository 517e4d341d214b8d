"""Holes in flat surroundings, where a small error shows: in those of 16 bits, and at the border of an image.

There the zeros that convolutions put around an image look like an edge: even ground came out up to 10 / 255 off.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

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


def kept_flat(
    values: np.ndarray, pixels: np.ndarray, hole: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Keeps values in holes within those around them, where these differ by less than 8 / 255.

    Args:
        values: `[P, C]`, what some pixels in holes were inpainted with.
        pixels: `[H, W, C]`, uint8 or uint16, the image; colours count where a last channel, alpha, is not 0.
        hole: `[H, W]`, bool.
        rows: `[P]`, of the pixels.
        columns: `[P]`, of the pixels.

    Returns:
        The values, `[P, C]`.
    """
    if not len(values):
        return values
    limit = _FLAT * (np.iinfo(pixels.dtype).max // 255)
    quick = _around(pixels, hole, rows, columns, every=_EVERY)
    kept, left, step = values.copy(), np.flatnonzero((quick.difference < limit).any(axis=1)), 1
    while len(left) and step < max(hole.shape):  # those deep in a hole look further, at blocks in place of pixels
        seen = _around(pixels, hole, rows[left], columns[left], step=step)
        low = seen.difference < limit
        flat = low & (seen.difference >= 0) & seen.shallow[:, None]
        kept[left] = np.where(flat, np.clip(values[left], seen.darkest, seen.brightest), values[left])
        left = left[~seen.shallow & low.any(axis=1)]
        step *= 2
    return kept


def _around(
    pixels: np.ndarray, hole: np.ndarray, rows: np.ndarray, columns: np.ndarray, *, step: int = 1, every: int = 1
) -> _Surroundings:
    """Among blocks of `step` x `step` px, up to as many times further; or among one pixel in `every` x `every`."""
    import cv2

    reach = _REACH * step
    top, left = (max(0, int(place.min()) - reach) for place in (rows, columns))
    around = np.s_[top : rows.max() + reach + 1 : every, left : columns.max() + reach + 1 : every]
    gap, seen = np.repeat(hole[around][..., None], pixels.shape[2], axis=2), pixels[around]
    if pixels.shape[2] in (2, 4):
        gap[..., :-1] |= seen[..., -1:] == 0
    kernel = np.ones((2 * (_REACH // every - (every > 1)) + 1,) * 2, np.uint8)
    places = (rows - top) // (step * every), (columns - left) // (step * every)

    def by_block(join: np.ufunc, values: np.ndarray) -> np.ndarray:
        for axis in (0, 1) if step > 1 else ():
            values = join.reduceat(values, np.arange(0, values.shape[axis], step), axis=axis)
        return values

    def extreme(unseen: int, join: np.ufunc, spread: Callable[..., np.ndarray]) -> np.ndarray:
        values = by_block(join, np.where(gap, pixels.dtype.type(unseen), seen))
        return spread(values, kernel).reshape(values.shape)[places]

    depth = cv2.distanceTransform(by_block(np.logical_and, hole[around]).astype(np.uint8), cv2.DIST_L2, 3)
    most = int(np.iinfo(pixels.dtype).max)
    return _Surroundings(
        extreme(most, np.minimum, cv2.erode), extreme(0, np.maximum, cv2.dilate), depth[places] <= _SHALLOW
    )
