"""Hole generators and hole statistics.

A mask is float32 [..., H, W, 1]: 1 = valid, 0 = hole, nothing between.
"""

import functools
import math
import operator

import numpy as np
import numpy.typing as npt

from pconv_jax.errors import InputError


def random_lines(
    rng: np.random.Generator,
    height: int,
    width: int,
    *,
    count: tuple[int, int] = (4, 12),
    thickness: tuple[int, int] = (1, 3),
) -> np.ndarray:
    """A mask damaged by straight lines with end points anywhere in the image.

    A line of thickness t covers the pixels whose centre is nearer than t / 2 to the segment between its end
    points, without anti-aliasing: exactly t pixels across wherever it runs along an axis, for odd and even t.
    (OpenCV's `line` is no use here: at thickness 2, 3 and 4 it draws 3, 5 and 5 pixels, in 4.13 as in 5.0.)

    Args:
        rng: source of the number of lines, their end points and their thickness.
        height: H in pixels, at least 1.
        width: W in pixels, at least 1.
        count: fewest and most lines, both included; uniform.
        thickness: smallest and largest thickness in pixels, both included; uniform, drawn for each line.

    Returns:
        Mask [H, W, 1], float32: 0 on the lines, 1 elsewhere. At least one pixel is a hole.

    Raises:
        InputError: a size below 1, or a range that is not two whole numbers 1 <= low <= high.
    """
    fewest, most = check_range("count", count)
    thinnest, thickest = check_range("thickness", thickness)
    if height < 1 or width < 1:
        raise InputError(f"A mask of {height} x {width} pixels cannot be drawn; both sides must be >= 1.")
    lines = rng.integers(fewest, most + 1)
    ends = rng.integers(0, (width, height), size=(lines, 2, 2))
    widths = rng.integers(thinnest, thickest + 1, size=lines)
    margin = _disc_radius(thickest)  # no line reaches further out of the image
    hole = np.zeros((height + 2 * margin, width + 2 * margin), bool)
    for (start, end), line_width in zip((ends + margin).tolist(), widths.tolist(), strict=True):
        _cover(hole, start, end, line_width)
    return (~hole[margin:-margin, margin:-margin, None]).astype(np.float32)


def hole_ratio(mask: npt.ArrayLike) -> np.ndarray:
    """The share of hole pixels in each mask.

    Args:
        mask: [..., H, W, 1] of 0 and 1, 1 = valid.

    Returns:
        [...] in [0, 1], float64; a scalar for a single mask.

    Raises:
        InputError: the shape does not end in [H, W, 1].
    """
    mask = np.asarray(mask)
    if mask.ndim < 3 or mask.shape[-1] != 1:
        raise InputError(f"A mask must be shaped [..., H, W, 1], got {list(mask.shape)}.")
    return np.mean(mask == 0, axis=(-3, -2, -1))


def check_range(name: str, bounds: tuple[int, int]) -> tuple[int, int]:
    """The two whole numbers 1 <= low <= high of an inclusive range.

    Args:
        name: what the range is of, for the message.
        bounds: (low, high).

    Returns:
        The bounds as plain integers.

    Raises:
        InputError: they are something else.
    """
    try:
        low, high = (operator.index(bound) for bound in bounds)
    except (TypeError, ValueError):
        low = high = 0
    if not 1 <= low <= high:
        raise InputError(f"{name}={bounds!r} must be two whole numbers (low, high) with 1 <= low <= high.")
    return low, high


def _cover(hole: np.ndarray, start: list[int], end: list[int], thickness: int) -> None:
    """Marks the pixels of `hole` [H, W] nearer than thickness / 2 to a segment; start and end are (x, y).

    Both ends lie at least `_disc_radius(thickness)` inside `hole`.
    """
    radius = _disc_radius(thickness)
    (x0, y0), (x1, y1) = start, end
    for column, row in (start, end):
        hole[row - radius : row + radius + 1, column - radius : column + radius + 1] |= _disc(thickness)
    columns = slice(min(x0, x1) - radius, max(x0, x1) + radius + 1)
    rows = slice(min(y0, y1) - radius, max(y0, y1) + radius + 1)
    # Whole numbers throughout, in half pixels from the start, so that every machine draws the same pixels.
    x = 2 * np.arange(columns.start - x0, columns.stop - x0) - _shift(thickness)
    y = 2 * np.arange(rows.start - y0, rows.stop - y0)[:, None] - _shift(thickness)
    dx, dy = 2 * (x1 - x0), 2 * (y1 - y0)
    if length := dx**2 + dy**2:  # squared
        along = x * dx + y * dy
        across = x * dy - y * dx
        # |across| < thickness * sqrt(length): the root is taken of one number, so that no box need be squared.
        furthest = math.isqrt(thickness**2 * length - 1)
        hole[rows, columns] |= (along >= 0) & (along <= length) & (np.abs(across) <= furthest)


@functools.cache
def _disc(thickness: int) -> np.ndarray:
    """Pixels nearer than thickness / 2 to a point; it is that of the pixel in the middle."""
    radius = _disc_radius(thickness)
    squares = (2 * np.arange(-radius, radius + 1) - _shift(thickness)) ** 2
    return squares[:, None] + squares < thickness**2


def _disc_radius(thickness: int) -> int:
    return thickness // 2 + 1


def _shift(thickness: int) -> int:
    """A line of even thickness runs between two rows of pixels: one half pixel further."""
    return 1 - thickness % 2
