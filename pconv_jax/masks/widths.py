"""How wide holes are, pixel by pixel: in the classes by which scores are listed."""

import numpy as np

from pconv_jax.masks.drawing import brush

WIDTH_CLASSES = ("1-2 px", "3-5 px", "6-8 px", "9-16 px", "17-24 px", "wider")
"""The classes of width, those of the mask set `lines` of version 2 and what is wider."""
_NARROWEST = (3, 6, 9, 17, 25)  # px, of each class but the first


def width_classes(hole: np.ndarray) -> np.ndarray:
    """The width of a hole at each of its pixels: that of the broadest line which fits into the hole there.

    Args:
        hole: bool `[H, W]`, True = hole.

    Returns:
        int8 `[H, W]`: the number of the class in `WIDTH_CLASSES`, and -1 outside of the hole. Where two lines cross, a
        hole is wider than either.
    """
    import cv2

    classes = np.where(hole, 0, -1).astype(np.int8)
    broad = hole.view(np.uint8)
    around = np.ones((3, 3), np.uint8)
    for number, width in enumerate(_NARROWEST, 1):
        disc = brush(width).astype(np.uint8)
        # What lies beyond the image counts as hole, as a line that leaves it goes on there.
        centres = cv2.erode(broad, disc, borderType=cv2.BORDER_CONSTANT, borderValue=1)
        if not centres.any():
            break
        fits = cv2.dilate(centres, disc[::-1, ::-1].copy())
        broad = np.bitwise_and(cv2.dilate(fits, around), broad)  # with the ragged edge of slanting lines
        classes[broad.view(bool)] = number
    return classes
