"""Square crops of images: uint8 [H, W, 3] in, uint8 [S, S, 3] out."""

import numpy as np


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """Resizes a square image.

    Args:
        image: [S', S', 3], uint8.
        size: S, the new side in pixels.

    Returns:
        [S, S, 3], uint8.
    """
    import cv2

    # Area averaging avoids aliasing; on 8 bits, cubic interpolation cannot leave the range.
    how = cv2.INTER_AREA if len(image) > size else cv2.INTER_CUBIC
    return cv2.resize(image, (size, size), interpolation=how)


def central_square(image: np.ndarray, size: int) -> np.ndarray:
    """The largest central square of an image, resized: the crop that evaluations use.

    Args:
        image: [H, W, 3], uint8.
        size: S, the side in pixels.

    Returns:
        [S, S, 3], uint8.
    """
    height, width, _ = image.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return resize(image[top : top + side, left : left + side], size)
