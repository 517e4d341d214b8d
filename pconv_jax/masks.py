"""Hole generators and hole statistics.

A mask is float32 [..., H, W, 1]: 1 = valid, 0 = hole, nothing between.
"""

import functools
import itertools
import math
import operator
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from pconv_jax.errors import InputError

# The shares of hole pixels, (low, high], by which Liu et al. (arXiv:1804.07723) sort their test masks.
RATIO_BINS = ((0.01, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.4), (0.4, 0.5), (0.5, 0.6))
_LEAST_SIDE = 16  # below, the narrowest bin is a pixel or two and the free margin takes too much of the image
_MOST_RATIO = 0.7  # the free margin leaves 0.76 of the image
_PIECES = 4  # most lines that make up a stroke


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


def random_lines_of_ratio(
    rng: np.random.Generator, height: int, width: int, *, ratio: tuple[float, float], border: bool
) -> np.ndarray:
    """A mask damaged by random strokes until the share of hole pixels lies in a bin.

    A stroke is one to four lines, joined, of one thickness: uniform from 1 to an eighth of the short side, or less
    where few pixels may be holes. The share aimed at is uniform in the bin and missed by a twentieth of the bin at
    most: a stroke that covers too much is undone and a thinner one tried, in the end a shorter one.

    Args:
        rng: source of the share, and of the strokes.
        height: H in pixels, at least 16.
        width: W in pixels, at least 16.
        ratio: (low, high): the share of hole pixels is above low and at most high; 0 <= low < high <= 0.7.
        border: True: a hole reaches the outermost rows or columns. False: a margin of a sixteenth of the short side
            is free of holes on all sides.

    Returns:
        Mask [H, W, 1], float32: 0 on the strokes, 1 elsewhere.

    Raises:
        InputError: a size below 16, or a ratio out of its range or so narrow that no number of pixels lies in it.

    References:
        Liu et al., Image Inpainting for Irregular Holes Using Partial Convolutions, 2018: the bins, and holes that
        touch the border or keep 50 of 512 pixels off it.
    """
    fewest, most = _hole_pixels(height, width, ratio)
    target = rng.integers(fewest, most + 1).item()
    slack = (most - fewest) // 20
    fewest, most = max(fewest, target - slack), min(most, target + slack)
    side = min(height, width)
    free = 0 if border else max(1, side // 16)
    thickest, reach = max(1, min(side // 8, math.isqrt(target) // 2)), max(height, width) // 4
    margin = _disc_radius(thickest)
    hole = np.zeros((height + 2 * margin, width + 2 * margin), bool)
    covered = 0
    while covered < fewest:
        thickness = rng.integers(1, thickest + 1).item()
        before, after = (0, 0) if border else (free + (thickness - 1) // 2, free + thickness // 2)
        bounds = [(margin + before, margin + size - 1 - after) for size in (width, height)]
        corners = _corners(rng, bounds, reach, on_edge=border and not covered)
        tried = hole.copy()
        for start, end in itertools.pairwise(corners):
            _cover(tried, start, end, thickness)
        now = int(np.count_nonzero(tried[margin:-margin, margin:-margin]))
        if now <= most:
            hole, covered = tried, now
        elif thickness > 1:
            thickest = thickness // 2
        else:
            thickest, reach = 1, reach // 2  # down to single pixels, so that any number of them is reached
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


def _hole_pixels(height: int, width: int, ratio: tuple[float, float]) -> tuple[int, int]:
    """Fewest and most hole pixels of a mask whose share lies in (low, high]."""
    if min(height, width) < _LEAST_SIDE:
        raise InputError(
            f"A mask of {height} x {width} pixels cannot be filled by ratio; both sides must be >= {_LEAST_SIDE}."
        )
    low, high = ratio
    if not 0 <= low < high <= _MOST_RATIO:
        raise InputError(f"ratio={ratio} must be (low, high) with 0 <= low < high <= {_MOST_RATIO}.")
    # Of the decimal that was written: 0.7 * 130 is 91, but as floats it is less.
    fewest, most = (math.floor(Fraction(str(float(share))) * height * width) for share in (low, high))
    if fewest == most:
        raise InputError(f"ratio={ratio} holds no number of {height} x {width} pixels; give a wider one.")
    return fewest + 1, most


def _corners(rng: np.random.Generator, bounds: list[tuple[int, int]], reach: int, *, on_edge: bool) -> list[list[int]]:
    """Two to five ends [x, y] of a stroke's lines, in the bounds of x and y, each within reach of the last."""
    corners = [[rng.integers(low, high + 1).item() for low, high in bounds]]
    if on_edge:
        axis, far = divmod(rng.integers(4).item(), 2)
        corners[0][axis] = bounds[axis][far]
    # One number at a time: from arrays of bounds NumPy draws five times as slowly.
    for _ in range(rng.integers(1, _PIECES + 1)):
        near = zip(corners[-1], bounds, strict=True)
        windows = [(max(low, last - reach), min(high, last + reach)) for last, (low, high) in near]
        corners.append([rng.integers(low, high + 1).item() for low, high in windows])
    return corners


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
