"""How far paint reaches beyond the pixels that have its very colour: brushes have soft edges."""

import numpy as np

from pconv_jax.imaging.pixels import eight_bits

_MOST = 16  # px that an edge is followed
_BEYOND = 8.0  # px, Gaussian over which the photograph beyond is averaged
_DIFFERENT = 60  # levels of 255 by which paint must differ from what it covers
_FEW = 30  # pixels that are too few to measure
_PAINTED = 0.1  # share of paint below which an edge has ended


def paint_edge(pixels: np.ndarray, hole: np.ndarray, colour: tuple[int, int, int]) -> int:
    """The width of the edge that paint of one colour has around the pixels that are all paint.

    Over each ring of pixels around these the share of paint is measured, against the colours of the photograph beyond,
    until hardly any is left.

    Args:
        pixels: `[H, W]` or `[H, W, 3]`, uint8 or uint16.
        hole: bool `[H, W]`, where the pixels have the colour of the paint.
        colour: that colour, red, green and blue, 0 to 255.

    Returns:
        Width, px; 0 for hard edges, and where too little of the photograph lies beyond to tell.
    """
    import cv2

    distance = cv2.distanceTransform(1 - hole.astype(np.uint8), cv2.DIST_L2, 5)
    beyond = (distance > _MOST + 1).astype(np.float32)
    near = (distance > 0) & (distance <= _MOST + 1)
    if np.count_nonzero(beyond) < _FEW or np.count_nonzero(near) < _FEW:
        return 0
    image = eight_bits(pixels).astype(np.float32)
    image = image[..., None] if image.ndim == 2 else image
    known = cv2.GaussianBlur(beyond, (0, 0), _BEYOND)[near]
    sums = np.dstack([cv2.GaussianBlur(image[..., c] * beyond, (0, 0), _BEYOND) for c in range(image.shape[2])])[near]
    around = sums / np.maximum(known, 1e-3)[:, None]
    towards = np.array(colour, np.float32)[: image.shape[2]] - around
    length = np.square(towards).sum(axis=1)
    share = ((image[near] - around) * towards).sum(axis=1) / np.maximum(length, 1)
    sure = (known > 1e-3) & (length > _DIFFERENT**2 * image.shape[2] / 3)
    ring = np.ceil(distance[near])
    for width in range(_MOST):
        own = sure & (ring == width + 1)
        if np.count_nonzero(own) < _FEW or np.median(share[own]) < _PAINTED:
            return width
    return _MOST
