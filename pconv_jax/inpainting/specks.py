"""Specks: isolated holes of a few pixels, as dust leaves them, which need less around them than windows have.

Each is computed in a patch of its own, many patches at once. Rows and columns count in pixels from the upper left
corner of the image.
"""

import dataclasses
import itertools

import numpy as np

from pconv_jax.inpainting.windows import blocks_with_hole

SPECK = 6
"""Largest height and width of a speck, px: less than `windows.BROAD`."""
PATCH = 48
"""Side of the patch around a speck, px."""
PATCH_MARGIN = 16
"""Context in a patch that the network leaves out of its output, px. With the bundled `faithful`, specks become what
windows of 96 px make of them to within 6 / 255, to 0.2 / 255 on average, and with the same PSNR (576 squares of 2 to 8
px on 24 photographs)."""
BATCH = 16
"""Patches that are computed at once."""
FEWEST = BATCH
"""Fewer specks in an image are left to windows: they need no further program."""
_REGION = 1536  # px; specks are looked for in one such square part of the image after the other
_CELL = 96  # px; where a square of this side has more specks than the next line says, windows cost less
_MOST_IN_CELL = 6
_CROWDED = 0.3  # share of the blocks of a region that have a hole, above which specks are not looked for


@dataclasses.dataclass(frozen=True)
class Speck:
    """An isolated hole of a few pixels.

    Attributes:
        top: first row of its bounding box, px.
        left: first column, px.
        height: of the box, px.
        width: of the box, px.
    """

    top: int
    left: int
    height: int
    width: int

    @property
    def box(self) -> tuple[slice, slice]:
        """Its rows and columns in the image."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)

    @property
    def patch(self) -> tuple[slice, slice]:
        """Rows and columns of its patch; the box lies in the middle."""
        top = self.top + self.height // 2 - PATCH // 2
        left = self.left + self.width // 2 - PATCH // 2
        return slice(top, top + PATCH), slice(left, left + PATCH)


def find_specks(hole: np.ndarray) -> tuple[list[Speck], np.ndarray]:
    """The specks of an image, and the holes that are none.

    A speck's patch lies in the image and shows no hole but specks. Where specks are crowded they count as other holes,
    and in all of the image where they are few.

    Args:
        hole: bool `[H, W]`.

    Returns:
        The specks, and bool `[H, W]`: the other holes, for windows.
    """
    rest = hole.copy()
    specks: list[Speck] = []
    for top, left in itertools.product(*(range(0, length, _REGION) for length in hole.shape)):
        specks += _specks_of_region(hole, rest, top, left)
    return (specks, rest) if len(specks) >= FEWEST else ([], hole)


def _specks_of_region(hole: np.ndarray, rest: np.ndarray, top: int, left: int) -> list[Speck]:
    """The specks of the part of an image that begins there; clears them in `rest`."""
    import cv2

    region = np.s_[top : top + _REGION, left : left + _REGION]
    part = hole[region]
    share = blocks_with_hole(part).mean()
    if not 0 < share < _CROWDED:
        return []
    _, labels, stats, _ = cv2.connectedComponentsWithStats(part.view(np.uint8), connectivity=8)
    boxes = stats[:, [cv2.CC_STAT_TOP, cv2.CC_STAT_LEFT, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_WIDTH]]
    small = boxes[:, 2:].max(1) <= SPECK
    small[0] = False  # the background
    # A patch must lie in the region: then the whole hole does, and all that must not be near it.
    first = boxes[:, :2] + boxes[:, 2:] // 2 - PATCH // 2
    small &= (first.min(1) >= 0) & (np.subtract(part.shape, first).min(1) >= PATCH)
    cells = boxes[:, 0] // _CELL * (_REGION // _CELL) + boxes[:, 1] // _CELL
    small &= np.bincount(cells[small], minlength=cells.max() + 1)[cells] <= _MOST_IN_CELL
    large = ~small
    large[0] = False
    others = cv2.integral(large[labels].view(np.uint8))
    (above, beside), (below, beyond) = (np.clip(corner, 0, part.shape).T for corner in (first, first + PATCH))
    near = others[below, beyond] - others[above, beyond] - others[below, beside] + others[above, beside]
    small &= near == 0
    rest[region] &= ~small[labels]
    return [Speck(top + y, left + x, height, width) for y, x, height, width in boxes[small].tolist()]


def batches(specks: list[Speck]) -> list[list[Speck]]:
    """The specks, `BATCH` at a time."""
    return [specks[first : first + BATCH] for first in range(0, len(specks), BATCH)]
