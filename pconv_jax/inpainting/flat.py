"""Holes in flat surroundings of 16 bits, where an error that 8 bits hide would show."""

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
    import cv2

    if not len(values):
        return values
    top, left = (max(0, int(place.min()) - _REACH) for place in (rows, columns))
    around = np.s_[top : rows.max() + _REACH + 1, left : columns.max() + _REACH + 1]
    gap, seen = hole[around][..., None], pixels[around]
    kernel = np.ones((2 * _REACH + 1,) * 2, np.uint8)
    darkest = cv2.erode(np.where(gap, np.uint16(65535), seen), kernel).reshape(seen.shape)[rows - top, columns - left]
    brightest = cv2.dilate(np.where(gap, np.uint16(0), seen), kernel).reshape(seen.shape)[rows - top, columns - left]
    difference = brightest.astype(np.int32) - darkest  # negative where there is nothing but hole
    return np.where((difference >= 0) & (difference < _STEP), np.clip(values, darkest, brightest), values)
