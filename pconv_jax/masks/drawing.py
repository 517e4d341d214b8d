"""Drawing lines in integer arithmetic: the same pixels on every machine."""

import functools
import math

import numpy as np


def empty_canvas(height: int, width: int, max_thickness: int) -> tuple[np.ndarray, np.ndarray]:
    """An array to draw lines into, with a margin that no line leaves.

    Args:
        height: H of the mask, px.
        width: W, px.
        max_thickness: thickness of the thickest line, px.

    Returns:
        bool `[H + 2 r, W + 2 r]` with r = `disc_radius(max_thickness)`, all False, and a view of it without its margin.
    """
    margin = disc_radius(max_thickness)
    hole = np.zeros((height + 2 * margin, width + 2 * margin), bool)
    return hole, hole[margin:-margin, margin:-margin]


def covering_thickness(height: int, width: int) -> int:
    """A thickness, px, from which on every line between pixels of an image covers all of it: no thicker one differs."""
    return 2 * (math.isqrt(height**2 + width**2) + 1)


def as_mask(hole: np.ndarray) -> np.ndarray:
    """The mask `[H, W, 1]`, float32, of holes `[H, W]`, bool: 0 in holes, 1 elsewhere."""
    return (~hole[..., None]).astype(np.float32)


def draw_line(hole: np.ndarray, start: list[int], end: list[int], thickness: int) -> None:
    """Sets the pixels of `hole` [H, W] nearer than thickness / 2 to the segment between start and end, both (x, y).

    Both ends must lie at least `disc_radius(thickness)` inside `hole`.
    """
    radius = disc_radius(thickness)
    (x0, y0), (x1, y1) = start, end
    for column, row in (start, end):
        hole[row - radius : row + radius + 1, column - radius : column + radius + 1] |= brush(thickness)
    columns = slice(min(x0, x1) - radius, max(x0, x1) + radius + 1)
    rows = slice(min(y0, y1) - radius, max(y0, y1) + radius + 1)
    # Integers, in half pixels from the start: every machine draws the same pixels.
    x = 2 * np.arange(columns.start - x0, columns.stop - x0) - _shift(thickness)
    y = 2 * np.arange(rows.start - y0, rows.stop - y0)[:, None] - _shift(thickness)
    dx, dy = 2 * (x1 - x0), 2 * (y1 - y0)
    if length := dx**2 + dy**2:  # squared
        along = x * dx + y * dy
        across = x * dy - y * dx
        # |across| < thickness * sqrt(length), with one integer root instead of a square for each pixel.
        limit = math.isqrt(thickness**2 * length - 1)
        hole[rows, columns] |= (along >= 0) & (along <= length) & (np.abs(across) <= limit)


@functools.lru_cache(maxsize=32)  # more than there are in training; thick ones are large
def brush(thickness: int) -> np.ndarray:
    """The pixels nearer than thickness / 2 to a point in the middle: bool `[S, S]`, S odd."""
    radius = disc_radius(thickness)
    squares = (2 * np.arange(-radius, radius + 1) - _shift(thickness)) ** 2
    return squares[:, None] + squares < thickness**2


def disc_radius(thickness: int) -> int:
    """The furthest that a line reaches beyond its end points, px."""
    return thickness // 2 + 1


def _shift(thickness: int) -> int:
    """Offset of a line in half pixels: one of even thickness runs between two rows of pixels."""
    return 1 - thickness % 2
