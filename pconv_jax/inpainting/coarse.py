"""The cheap fill of a whole image at a sixteenth of its size, which windows see where they hold too little."""

import numpy as np

from pconv_jax.imaging.arrays import to_float
from pconv_jax.imaging.strips import strips
from pconv_jax.inpainting.windows import GRID, blocks_all_hole
from pconv_jax.models.fill import fill_means

_LEVEL = GRID.bit_length() - 1  # of the pyramid, at which a block of the grid is one pixel


def coarse_fill(pixels: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The fill for blocks that are all hole; zeros if there are none.

    Args:
        pixels: `[H, W, C]`, as for `WindowPass`.
        hole: bool `[H, W]`.

    Returns:
        float32 `[ceil(H / 16), ceil(W / 16), 3 or 4]`.
    """
    import cv2

    height, width = hole.shape
    rows, columns = -(-height // GRID), -(-width // GRID)
    channels = 3 + (pixels.shape[2] in (2, 4))
    if not blocks_all_hole(hole).any():
        return np.zeros((rows, columns, channels), np.float32)
    sums = np.empty((rows, columns, channels), np.float32)
    weights = np.empty((rows, columns, 1), np.float32)
    for strip in strips(height, width, multiple=GRID):
        part, holes = pixels[strip], hole[strip]
        known, values = (
            cv2.copyMakeBorder(array, 0, -len(part) % GRID, 0, -width % GRID, cv2.BORDER_CONSTANT, value=0)
            for array in (np.float32(1) - holes, to_float(part, holes))
        )
        size = (columns, len(known) // GRID)
        place = slice(strip.start // GRID, strip.start // GRID + size[1])
        # Area averages over whole blocks: the means of the pyramid.
        sums[place] = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
        weights[place] = cv2.resize(known, size, interpolation=cv2.INTER_AREA)[..., None]
    return fill_means(sums[None], weights[None], np.ones((1, rows, columns, 1), np.float32), None, level=_LEVEL)[0]
