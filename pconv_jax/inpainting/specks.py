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
PATCH = 32
"""Side of the patch around a speck, px."""
PATCH_MARGIN = 8
"""Context in a patch that the network leaves out of its output, px. On 24 photographs with squares of 1 to 6 px, 52 px
apart, specks have 0.04 (`faithful-large`), 0.05 (`faithful`) and 0.11 dB (`sharp`) less than from windows of 96 px;
from patches of 48 px, which take twice as long, 0.02, 0.03 and 0.10 dB less."""
BATCH = 16
"""Patches that are computed at once."""
SMALL_BATCH = 4
"""The same for few specks: of small images, that would wait for patches that nobody needs."""
FEWEST = BATCH
"""Fewer specks beside other holes are left to windows: they need no further program."""
FEWEST_ALONE = SMALL_BATCH
"""The same where there are no other holes, and so no windows."""
_REGION = 1536  # px; specks are looked for in one such square part of the image after the other
_CELL = 96  # px; where a square of this side has more specks than the next line says, windows cost less
_MOST_IN_CELL = 13
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
        """Rows and columns of its patch; the box lies in the middle. They may begin or end beyond the image."""
        top = self.top + self.height // 2 - PATCH // 2
        left = self.left + self.width // 2 - PATCH // 2
        return slice(top, top + PATCH), slice(left, left + PATCH)


def find_specks(hole: np.ndarray) -> tuple[list[Speck], np.ndarray]:
    """The specks of an image, and the holes that are none.

    A speck's patch shows no hole but specks, and no corner of the image that is hole. Where specks are crowded they
    count as other holes, and in all of the image where they are few.

    Args:
        hole: bool `[H, W]`.

    Returns:
        The specks, and bool `[H, W]`: the other holes, for windows.
    """
    rest = hole.copy()
    specks: list[Speck] = []
    for top, left in itertools.product(*(range(0, length, _REGION) for length in hole.shape)):
        specks += _specks_of_region(hole, rest, top, left)
    return (specks, rest) if len(specks) >= (FEWEST if rest.any() else FEWEST_ALONE) else ([], hole)


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
    # A patch may leave the region only where the image ends: the whole hole is seen then, and all that is near it.
    first = boxes[:, :2] + boxes[:, 2:] // 2 - PATCH // 2
    before, behind = first < 0, first + PATCH > part.shape
    ends = np.add((top, left), part.shape) == hole.shape
    small &= ~(before & (np.array((top, left)) > 0) | behind & ~ends).any(1)
    # Else a block of it that has only the corner of the image could be all hole, of which nothing is known.
    corner = part[tuple(np.where(before, 0, np.subtract(part.shape, 1)).T)]
    small &= ~((before | behind).all(1) & (corner | (before & behind).any(1)))
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


def batch_size(specks: list[Speck]) -> int:
    """How many patches to compute at once."""
    return SMALL_BATCH if len(specks) < 2 * BATCH else BATCH


def batches(specks: list[Speck]) -> list[list[Speck]]:
    """The specks, `batch_size` at a time."""
    size = batch_size(specks)
    return [specks[first : first + size] for first in range(0, len(specks), size)]
