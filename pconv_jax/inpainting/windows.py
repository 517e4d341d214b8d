"""Which parts of an image have to be computed to repair its holes: square windows of a few sizes.

Rows and columns count in pixels from the upper left corner of the image. At its border windows reach beyond it, so that
there is the same margin around whatever they repair, and all of them are computed alike.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

GRID = 16
"""Windows and cores begin at multiples of this, px: at the same place of every pyramid and of every stride."""
_REGION = 96  # blocks; windows are chosen for one such square part of the image after the other
_CALL = 8  # what a window costs besides its area: as much as so many blocks
# To which power the number of blocks counts that a window covers. Above 1 windows that cover much are chosen even if
# they cost more for a block, for the pieces that are left over cost most. A low one suits dust, a high one scratches.
_AMBITIONS = (1.3, 2.0)


@dataclasses.dataclass(eq=False)
class Window:
    """A square part of an image that is computed at once.

    Attributes:
        top: its first row, px; negative where it begins above the image.
        left: its first column, px; likewise.
        blocks: bool `[n, n]`, n = `size` / `GRID`: in which of its blocks the holes are repaired. A block of the image
            belongs to one window at most.
    """

    top: int
    left: int
    blocks: np.ndarray

    @property
    def size(self) -> int:
        """Its side, px."""
        return GRID * len(self.blocks)

    @property
    def area(self) -> int:
        """Number of pixels that are computed."""
        return self.size**2

    def take(self, blocks: np.ndarray, margin: int) -> None:
        """Repairs further blocks of the image in this window.

        Args:
            blocks: bool, as of `occupied`; those that have the margin around them here are taken, and no longer set.
            margin: px.
        """
        top, left = self.top // GRID, self.left // GRID
        around = margin // GRID
        rows, columns = (
            slice(max(0, first + around), min(length, first + len(self.blocks) - around))
            for first, length in zip((top, left), blocks.shape, strict=True)
        )
        own = self.blocks[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        own |= blocks[rows, columns]
        blocks[rows, columns] = False


def occupied(hole: np.ndarray) -> np.ndarray:
    """Which blocks of `GRID` x `GRID` pixels have a hole.

    Args:
        hole: bool `[H, W]`.

    Returns:
        bool `[ceil(H / GRID), ceil(W / GRID)]`.
    """
    return _blocks(np.logical_or, hole)


def broad(hole: np.ndarray, width: int) -> np.ndarray:
    """Which blocks of `GRID` x `GRID` pixels have a part of a hole that a square of `width` pixels fits into.

    Args:
        hole: bool `[H, W]`.
        width: side of the square, px; an odd number.

    Returns:
        bool `[ceil(H / GRID), ceil(W / GRID)]`.
    """
    import cv2

    opened = cv2.morphologyEx(hole.view(np.uint8), cv2.MORPH_OPEN, np.ones((width, width), np.uint8))
    return occupied(opened.view(bool))


def lost(hole: np.ndarray) -> np.ndarray:
    """Which blocks of `GRID` x `GRID` pixels are all hole.

    Args:
        hole: bool `[H, W]`.

    Returns:
        bool `[ceil(H / GRID), ceil(W / GRID)]`.
    """
    return _blocks(np.logical_and, hole)


def _blocks(join: np.ufunc, pixels: np.ndarray) -> np.ndarray:
    for axis, extent in enumerate(pixels.shape):
        pixels = join.reduceat(pixels, np.arange(0, extent, GRID), axis=axis)
    return pixels


def cover(blocks: np.ndarray, sizes: Sequence[int], margin: int) -> list[Window]:
    """Windows in which all holes are repaired, at little cost.

    Greedily: each window is the one that covers most of what is not covered yet for its cost. That is done in several
    ways, see `_AMBITIONS`, and the cheapest is taken.

    Args:
        blocks: bool `[h, w]`, see `occupied`.
        sizes: sides of the windows to choose from, ascending, px; multiples of `GRID`, above twice the margin.
        margin: context around what a window repairs, px; a multiple of `GRID`.

    Returns:
        The windows. They begin no further beyond the image than the margin, nor end, if it is large enough for them.
    """
    return [
        window
        for top in range(0, blocks.shape[0], _REGION)
        for left in range(0, blocks.shape[1], _REGION)
        for window in _cover_region(blocks, (top, left), sizes, margin)
    ]


def _cover_region(blocks: np.ndarray, origin: tuple[int, int], sizes: Sequence[int], margin: int) -> list[Window]:
    """Windows for the part of an image that begins at `origin`, in blocks."""
    part = tuple(slice(first, first + _REGION) for first in origin)
    if not blocks[part].any():
        return []
    extent, beyond = blocks[part].shape, sizes[-1] // GRID
    kinds = [_Candidates(origin, extent, blocks.shape, size // GRID, margin // GRID, beyond) for size in sizes]

    def greedy(ambition: float) -> list[Window]:
        uncovered = np.zeros_like(blocks)
        uncovered[part] = blocks[part]
        windows = []
        while uncovered[part].any():
            sums = _summed_area_table(uncovered[part], beyond)
            window = max((kind.best(sums, ambition) for kind in kinds), key=lambda candidate: candidate[0])[1]
            window.take(uncovered, margin)
            windows.append(window)
        return windows

    return min(map(greedy, _AMBITIONS), key=lambda windows: sum(_cost(len(window.blocks)) for window in windows))


def _cost(side: int) -> int:
    """What it takes to compute a window, in blocks."""
    return side**2 + _CALL


def _summed_area_table(counted: np.ndarray, beyond: int) -> np.ndarray:
    """How many are set above and to the left of each place, and of those up to `beyond` outside of the array."""
    height, width = counted.shape
    sums = np.zeros((height + 1 + 2 * beyond, width + 1 + 2 * beyond), np.int32)
    counted.cumsum(0, np.int32).cumsum(1, out=sums[beyond + 1 :, beyond + 1 :][:height, :width])
    sums[beyond + height + 1 :] = sums[beyond + height]
    sums[:, beyond + width + 1 :] = sums[:, beyond + width, None]
    return sums


class _Candidates:
    """The windows of one size whose cores reach into a region; all in blocks."""

    def __init__(
        self,
        origin: tuple[int, int],
        extent: tuple[int, int],
        shape: tuple[int, int],
        side: int,
        margin: int,
        beyond: int,
    ):
        self._side = side
        self._starts = [_starts(*axis, side, margin) for axis in zip(origin, extent, shape, strict=True)]
        # Where their cores begin and end, as places in a summed-area table.
        self._before = tuple(
            slice(starts[0] + shift, starts[-1] + 1 + shift)
            for starts, shift in zip(self._starts, (margin - first + beyond for first in origin), strict=True)
        )
        core = side - 2 * margin
        self._after = tuple(slice(before.start + core, before.stop + core) for before in self._before)

    def best(self, sums: np.ndarray, ambition: float) -> tuple[float, Window]:
        """How much for its cost the best of them covers, and that window, without any block yet."""
        (above, left), (below, right) = self._before, self._after
        covered = sums[below, right] - sums[above, right] - sums[below, left] + sums[above, left]
        place = covered.argmax()
        top, left = (
            starts[at] for starts, at in zip(self._starts, np.unravel_index(place, covered.shape), strict=True)
        )
        window = Window(GRID * top, GRID * left, np.zeros((self._side, self._side), bool))
        return covered.flat[place].item() ** ambition / _cost(self._side), window


def _starts(origin: int, extent: int, length: int, side: int, margin: int) -> range:
    """Along one axis: where windows may begin whose cores reach into a region."""
    first, last = origin + 1 + margin - side, origin + extent - 1 - margin
    # No further beyond the image than the margin, if it is large enough.
    return range(max(-margin, first), max(-margin, min(last, length + margin - side)) + 1)
