"""Which parts of an image have to be computed to repair its holes: square windows of a few sizes.

Rows and columns count in pixels from the upper left corner of the image; windows are (top, left, size).
"""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

GRID = 16
"""Windows and cores begin at multiples of this, px: at the same place of every pyramid and of every stride."""


_STRIP = 2**21  # pixels that are looked at together, so that no copy of a large image is needed


@dataclasses.dataclass(frozen=True)
class Window:
    """A square part of an image that is computed at once.

    Attributes:
        top: its first row.
        left: its first column.
        size: its side, px; it may reach beyond the image below and to the right.
        rows: first and last + 1 row of its core, where its result is used.
        columns: first and last + 1 column of its core.
    """

    top: int
    left: int
    size: int
    rows: tuple[int, int]
    columns: tuple[int, int]

    @property
    def area(self) -> int:
        """Number of pixels that are computed."""
        return self.size**2


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
    height, width = hole.shape
    rows = np.logical_or.reduceat(hole, np.arange(0, height, GRID), axis=0)
    return np.logical_or.reduceat(rows, np.arange(0, width, GRID), axis=1)


def cover(blocks: np.ndarray, sizes: Sequence[int], margin: int) -> list[Window]:
    """Windows whose cores cover all holes, each hole once, at little cost.

    The image is divided into squares as large as the core of the largest window, and these into quarters, as long as
    windows around the holes of the parts cost less than one around those of the whole.

    Args:
        blocks: bool `[h, w]`, see `occupied`.
        sizes: sides of the windows to choose from, ascending, px; multiples of `GRID`, above twice the margin.
        margin: context around a core where the image goes on, px; a multiple of `GRID`.

    Returns:
        The windows.
    """
    limits = [size // GRID for size in sizes]
    around = margin // GRID

    def best(top: int, bottom: int, left: int, right: int) -> list[Window]:
        part = blocks[top:bottom, left:right]
        rows, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
        if not len(rows):
            return []
        box = tuple(
            (start + found[0].item(), start + found[-1].item() + 1) for start, found in ((top, rows), (left, columns))
        )
        extent = max(last - first for first, last in box)
        whole = _window(box, next(limit for limit in limits if limit - 2 * around >= extent), around, blocks.shape)
        if whole.size == sizes[0]:
            return [whole]
        middle, centre = (top + bottom) // 2, (left + right) // 2
        parts = [
            window
            for rows_of in ((top, middle), (middle, bottom))
            for columns_of in ((left, centre), (centre, right))
            for window in best(*rows_of, *columns_of)
        ]
        return parts if sum(window.area for window in parts) < whole.area else [whole]

    largest = limits[-1] - 2 * around
    return [
        window
        for top in range(0, blocks.shape[0], largest)
        for left in range(0, blocks.shape[1], largest)
        for window in best(top, top + largest, left, left + largest)
    ]


def _window(box: tuple[tuple[int, int], ...], size: int, around: int, end: tuple[int, ...]) -> Window:
    """The window with a core, all in blocks; moved inwards at the border of the image, where no margin is needed."""
    top, left = (max(0, min(first - around, limit - size)) for (first, _), limit in zip(box, end, strict=True))
    (first, last), (start, stop) = box
    return Window(GRID * top, GRID * left, GRID * size, (GRID * first, GRID * last), (GRID * start, GRID * stop))
