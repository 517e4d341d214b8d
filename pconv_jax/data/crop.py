"""Squares cut from images: uint8 [H, W, 3] in, uint8 [S, S, 3] out."""

import numpy as np


def resized(image: np.ndarray, size: int) -> np.ndarray:
    """A square image at another size.

    Args:
        image: [S', S', 3], uint8.
        size: S, the new side in pixels.

    Returns:
        [S, S, 3], uint8.
    """
    import cv2

    # Area averaging shrinks without aliasing; on 8 bits cubic interpolation cannot leave the range.
    how = cv2.INTER_AREA if len(image) > size else cv2.INTER_CUBIC
    return cv2.resize(image, (size, size), interpolation=how)


def central_square(image: np.ndarray, size: int) -> np.ndarray:
    """The largest square in the middle of an image, at a given size: what evaluations look at.

    Args:
        image: [H, W, 3], uint8.
        size: S, the side in pixels.

    Returns:
        [S, S, 3], uint8.
    """
    height, width, _ = image.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return resized(image[top : top + side, left : left + side], size)
