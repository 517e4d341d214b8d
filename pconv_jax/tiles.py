"""Which parts of an image have to be computed to repair its holes: square windows of a few sizes.

Rows and columns count in pixels from the upper left corner of the image; windows are (top, left, size).
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

GRID = 16
"""Windows and cores begin at multiples of this, px: at the same place of every pyramid and of every stride."""
_REGION = 64  # blocks; windows are chosen for one such square part of the image after the other
_CALL = 8  # what a window costs besides its area: as much as so many blocks
_STRIP = 2**21  # pixels that are looked at together, so that no copy of a large image is needed


@dataclasses.dataclass(eq=False)
class Window:
    """A square part of an image that is computed at once.

    Attributes:
        top: its first row, px.
        left: its first column, px.
        blocks: bool `[n, n]`, n = `size` / `GRID`: in which of its blocks the holes are repaired. A block of the image
            belongs to one window at most.
    """

    top: int
    left: int
    blocks: np.ndarray

    @property
    def size(self) -> int:
        """Its side, px; it may reach beyond the image below and to the right."""
        return GRID * len(self.blocks)

    @property
    def area(self) -> int:
        """Number of pixels that are computed."""
        return self.size**2

    def has_margin(self, margin: int) -> bool:
        """Whether there are so many pixels around all blocks that are repaired."""
        around = margin // GRID
        inner = self.blocks[around : len(self.blocks) - around, around : len(self.blocks) - around]
        return np.count_nonzero(inner) == np.count_nonzero(self.blocks)

    def take(self, blocks: np.ndarray, margin: int) -> None:
        """Repairs further blocks of the image in this window.

        Args:
            blocks: bool, as of `occupied`; those that have the margin here, or reach the border of the image, are taken
                and no longer set.
            margin: px.
        """
        top, left = self.top // GRID, self.left // GRID
        rows, columns = (
            slice(*_core(first, len(self.blocks), length, margin // GRID))
            for first, length in zip((top, left), blocks.shape, strict=True)
        )
        own = self.blocks[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        own |= blocks[rows, columns]
        blocks[rows, columns] = False


def strips(height: int, width: int) -> Iterator[slice]:
    """An image in parts that are small whatever its size.

    Args:
        height: H, px.
        width: W, px.

    Returns:
        Rows that belong together; each strip begins at a multiple of `GRID`.
    """
    rows = GRID * max(1, _STRIP // (GRID * width))
    return (slice(top, top + rows) for top in range(0, height, rows))


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

    Greedily: each window is the one that covers most of what is not covered yet for its cost.

    Args:
        blocks: bool `[h, w]`, see `occupied`.
        sizes: sides of the windows to choose from, ascending, px; multiples of `GRID`, above twice the margin.
        margin: context around what a window repairs where the image goes on, px; a multiple of `GRID`.

    Returns:
        The windows. They lie inside the image's blocks, if there are enough; at its border no margin is needed.
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
    uncovered = np.zeros_like(blocks)
    uncovered[part] = blocks[part]
    near = uncovered[part]
    sums = np.zeros([extent + 1 for extent in near.shape], np.int32)  # a summed-area table
    kinds = [_Candidates(origin, near.shape, blocks.shape, size // GRID, margin // GRID) for size in sizes]
    windows = []
    while near.any():
        near.cumsum(0).cumsum(1, out=sums[1:, 1:])
        window = max((kind.best(sums) for kind in kinds), key=lambda candidate: candidate[0])[1]
        window.take(uncovered, margin)
        windows.append(window)
    return windows


class _Candidates:
    """The windows of one size whose cores reach into a region; all in blocks."""

    def __init__(
        self, origin: tuple[int, int], extent: tuple[int, ...], shape: tuple[int, ...], side: int, around: int
    ):
        self._side = side
        self._rows, self._columns = (_places(*axis, side, around) for axis in zip(origin, extent, shape, strict=True))
        table = tuple(length + 1 for length in extent)
        # Upper left, upper right, lower left and lower right, as places in a summed-area table: a gather each.
        self._corners = [
            np.ravel_multi_index(np.ix_(row, column), table) for row in self._rows[1:] for column in self._columns[1:]
        ]

    def best(self, sums: np.ndarray) -> tuple[float, Window]:
        """What the best of them covers for its cost, and that window, without any block yet."""
        upper_left, upper_right, lower_left, lower_right = (sums.take(corner) for corner in self._corners)
        covered = lower_right - lower_left - upper_right + upper_left
        place = covered.argmax()
        row, column = np.unravel_index(place, covered.shape)
        top, left = self._rows[0, row].item(), self._columns[0, column].item()
        window = Window(GRID * top, GRID * left, np.zeros((self._side, self._side), bool))
        return covered.flat[place] / (self._side**2 + _CALL), window


def _places(origin: int, extent: int, length: int, side: int, around: int) -> np.ndarray:
    """Along one axis: where windows may begin in the image, and where their cores begin and end in the region.

    Windows lie inside the image's blocks, if there are enough.
    """
    first = np.arange(max(0, origin + 1 - side), max(0, min(origin + extent, length - side)) + 1)
    return np.stack([first, *(np.clip(edge - origin, 0, extent) for edge in _core(first, side, length, around))])


def _core(first: Any, side: int, length: int, around: int) -> tuple[Any, Any]:
    """Along one axis: where the core of a window, or of many, begins and ends; at the border it needs no margin."""
    return first + around * (first > 0), np.minimum(first + side - around * (first + side < length), length)
