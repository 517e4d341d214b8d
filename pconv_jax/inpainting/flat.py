"""Holes in flat surroundings of 16 bits, where an error that 8 bits hide would show."""

from collections.abc import Callable

import numpy as np

_REACH = 24  # px around a pixel that count as its surroundings
_STEP = 257  # one of 8 bits, in values of 16 bits


def kept_flat(
    values: np.ndarray, pixels: np.ndarray, hole: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Keeps values in holes within those around them, where these differ by less than one step of 8 bits.

    Args:
        values: `[P, C]`, uint16, what some pixels in holes were inpainted with.
        pixels: `[H, W, C]`, uint16, the image.
        hole: `[H, W]`, bool.
        rows: `[P]`, of the pixels.
        columns: `[P]`, of the pixels.

    Returns:
        The values, `[P, C]`.
    """
    kept, left, step = values.copy(), np.arange(len(values)), 1
    while len(left):  # those that see nothing but hole look further, at blocks in place of pixels
        darkest, brightest = _range_around(pixels, hole, rows[left], columns[left], step)
        difference = brightest.astype(np.int32) - darkest  # negative where there is nothing but hole
        flat = (difference >= 0) & (difference < _STEP)
        kept[left] = np.where(flat, np.clip(values[left], darkest, brightest), values[left])
        left = left[difference[:, 0] < 0]
        step *= 2
    return kept


def _range_around(
    pixels: np.ndarray, hole: np.ndarray, rows: np.ndarray, columns: np.ndarray, step: int
) -> tuple[np.ndarray, np.ndarray]:
    """The darkest and the brightest value around some pixels, `[P, C]` each, among blocks of `step` x `step` px."""
    import cv2

    reach = _REACH * step
    top, left = (max(0, int(place.min()) - reach) for place in (rows, columns))
    around = np.s_[top : rows.max() + reach + 1, left : columns.max() + reach + 1]
    gap, seen = hole[around][..., None], pixels[around]
    kernel = np.ones((2 * _REACH + 1,) * 2, np.uint8)
    places = (rows - top) // step, (columns - left) // step

    def extreme(unseen: int, join: np.ufunc, spread: Callable[..., np.ndarray]) -> np.ndarray:
        values = np.where(gap, np.uint16(unseen), seen)
        for axis in (0, 1):
            values = join.reduceat(values, np.arange(0, values.shape[axis], step), axis=axis)
        return spread(values, kernel).reshape(values.shape)[places]

    return extreme(65535, np.minimum, cv2.erode), extreme(0, np.maximum, cv2.dilate)
