"""Which parts of an image have to be computed to inpaint its holes: square windows of a few sizes.

Rows and columns count in pixels from the upper left corner of the image. At its border windows reach beyond it, so that
all windows have the same margin around what they inpaint and are computed alike.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

GRID = 16
"""Windows and cores begin at multiples of this, px: at the same place of every pyramid and of every stride."""
MARGIN = 32
"""Context around the core of a window, px. With the bundled weights, pixels further away change the result by
2.6 / 255 at most, and by more than 1 / 255 in one of 100,000 values (240 random masks with strokes of 1 to 24 px, on 16
photographs and textures)."""
BROAD_MARGIN = 48
"""The same where holes are broad. With 32 px it would be 5 / 255 there."""
BROAD = 7
"""Holes are broad where a square of this side fits into them, px: strokes from 7 to 10 px on, by their direction."""
WINDOWS = (96, 128, 176, 256, 384)
"""Sides of the windows that networks are run on, px. One program is compiled for each that is needed; another one for
images with alpha."""
PROGRAM = 200_000
"""What a program costs a process that inpaints few images, as a number of pixels in windows: loading it takes about as
long as computing these, 0.1 s of processor time; compiling it, the first time, twenty times that."""
_FEW_SIZES = ((128,), (176,), (128, 256))  # with which, for most damage, little more is computed than with all sizes
_MANY_PROGRAMS = 20  # where the windows of an image cost more than these, it gets all sizes: programs matter little
_REGION = 96  # blocks; windows are chosen for one such square part of the image after the other
_CALL = 8  # fixed cost of a window, in blocks
# Exponents of the number of blocks that a window covers, when it is divided by the cost. Above 1, windows that cover
# much are chosen even if they cost more per block, because leftover pieces cost most. A low exponent suits dust, a high
# one scratches.
_COVERAGE_EXPONENTS = (1.3, 2.0)


@dataclasses.dataclass(eq=False)
class Window:
    """A square part of an image that is computed at once.

    Attributes:
        top: its first row, px; negative where it begins above the image.
        left: its first column, px; likewise.
        blocks: bool `[n, n]`, n = `size` / `GRID`: in which of its blocks the holes are inpainted. A block of the image
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
        """Inpaints further blocks of the image in this window.

        Args:
            blocks: bool, from `blocks_with_hole`; those that lie here with a margin around them are taken, and cleared.
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


@dataclasses.dataclass(frozen=True, eq=False)
class FullWindow:
    """The only window of an image that is run whole: it is the image, without a margin.

    Attributes:
        hole: of the image, bool `[H, W]`, True = hole.
    """

    hole: np.ndarray

    @property
    def area(self) -> int:
        """Number of pixels that are computed."""
        return self.hole.size


def choose_windows(hole: np.ndarray, sizes: Sequence[int], *, program: int = 0) -> list[Window]:
    """The windows that an image is inpainted in.

    Args:
        hole: bool `[H, W]`.
        sizes: sides of the windows to choose from, ascending, px.
        program: cost of each size that is used, as a number of pixels: where it is not 0, fewer sizes are used if
            little more is computed with them.

    Returns:
        The windows, those around broad holes first.
    """
    blocks, broad = blocks_with_hole(hole), blocks_with_broad_hole(hole, BROAD)
    blocks &= ~broad
    windows = _windows_around(blocks, broad, sizes)
    if not program or sum(window.area for window in windows) > _MANY_PROGRAMS * program:
        return windows

    def cost(windows: list[Window]) -> int:
        return sum(window.area for window in windows) + program * len({window.size for window in windows})

    few = (_windows_around(blocks, broad, few) for few in _FEW_SIZES if set(few) < set(sizes))
    return min((windows, *few), key=cost)


def _windows_around(blocks: np.ndarray, broad: np.ndarray, sizes: Sequence[int]) -> list[Window]:
    """The windows for blocks with holes, and for those whose holes are broad, first."""
    windows = cover_blocks(broad, [size for size in sizes if size > 2 * BROAD_MARGIN], BROAD_MARGIN)
    left = blocks.copy()
    for window in windows:
        window.take(left, MARGIN)
    return windows + cover_blocks(left, sizes, MARGIN)


def blocks_with_hole(hole: np.ndarray) -> np.ndarray:
    """Which blocks of `GRID` x `GRID` pixels have a hole: bool `[H, W]` to `[ceil(H / GRID), ceil(W / GRID)]`."""
    return _by_block(np.logical_or, hole)


def blocks_with_broad_hole(hole: np.ndarray, width: int) -> np.ndarray:
    """Which blocks have a part of a hole that a square of `width` px, an odd number, fits into."""
    import cv2

    opened = cv2.morphologyEx(hole.view(np.uint8), cv2.MORPH_OPEN, np.ones((width, width), np.uint8))
    return blocks_with_hole(opened.view(bool))


def blocks_all_hole(hole: np.ndarray) -> np.ndarray:
    """Which blocks are nothing but hole."""
    return _by_block(np.logical_and, hole)


def _by_block(join: np.ufunc, pixels: np.ndarray) -> np.ndarray:
    for axis, extent in enumerate(pixels.shape):
        pixels = join.reduceat(pixels, np.arange(0, extent, GRID), axis=axis)
    return pixels


def cover_blocks(blocks: np.ndarray, sizes: Sequence[int], margin: int) -> list[Window]:
    """Windows in which all holes are inpainted, at little cost.

    Greedily: the next window is the one that covers most blocks for its cost. This is done for each of
    `_COVERAGE_EXPONENTS`, and the cheapest result is taken.

    Args:
        blocks: bool `[h, w]`, see `blocks_with_hole`.
        sizes: sides of the windows to choose from, ascending, px; multiples of `GRID`, above twice the margin.
        margin: context around what a window inpaints, px; a multiple of `GRID`.

    Returns:
        The windows. If the image is large enough, they reach beyond it by the margin at most.
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

    def greedy(exponent: float) -> list[Window]:
        uncovered = np.zeros_like(blocks)
        uncovered[part] = blocks[part]
        windows = []
        while uncovered[part].any():
            sums = _summed_area_table(uncovered[part], beyond)
            window = max((kind.best(sums, exponent) for kind in kinds), key=lambda candidate: candidate[0])[1]
            window.take(uncovered, margin)
            windows.append(window)
        return windows

    return min(
        map(greedy, _COVERAGE_EXPONENTS), key=lambda windows: sum(_cost(len(window.blocks)) for window in windows)
    )


def _cost(side: int) -> int:
    """Cost of computing a window, in blocks."""
    return side**2 + _CALL


def _summed_area_table(counted: np.ndarray, beyond: int) -> np.ndarray:
    """Number of set blocks above and to the left of each place, `beyond` places around the array included."""
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

    def best(self, sums: np.ndarray, exponent: float) -> tuple[float, Window]:
        """The best of them, without any blocks yet, and how much it covers for its cost."""
        (above, left), (below, right) = self._before, self._after
        covered = sums[below, right] - sums[above, right] - sums[below, left] + sums[above, left]
        place = covered.argmax()
        top, left = (
            starts[at] for starts, at in zip(self._starts, np.unravel_index(place, covered.shape), strict=True)
        )
        window = Window(GRID * top, GRID * left, np.zeros((self._side, self._side), bool))
        return covered.flat[place].item() ** exponent / _cost(self._side), window


def _starts(origin: int, extent: int, length: int, side: int, margin: int) -> range:
    """Along one axis: where windows may begin whose cores reach into a region."""
    first, last = origin + 1 + margin - side, origin + extent - 1 - margin
    # No further beyond the image than the margin, if it is large enough.
    return range(max(-margin, first), max(-margin, min(last, length + margin - side)) + 1)
