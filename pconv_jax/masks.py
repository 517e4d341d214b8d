"""Hole generators and hole statistics.

A mask is float32 [..., H, W, 1]: 1 = valid, 0 = hole, nothing between.
"""

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
    hole = np.zeros((height, width), bool)
    for (start, end), line_width in zip(ends.tolist(), widths.tolist(), strict=True):
        _cover(hole, start, end, line_width)
    return (~hole[..., None]).astype(np.float32)


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
    """Marks the pixels of `hole` [H, W] nearer than thickness / 2 to a segment; start and end are (x, y)."""
    # Whole numbers throughout, in half pixels, so that every machine draws the same pixels. A line of even
    # thickness runs between two rows of pixels: half a pixel further.
    (x0, y0), (x1, y1) = ([2 * v + 1 - thickness % 2 for v in point] for point in (start, end))
    rows, columns = (
        slice(max((min(a, b) - thickness) // 2, 0), (max(a, b) + thickness) // 2 + 1) for a, b in ((y0, y1), (x0, x1))
    )
    box = hole[rows, columns]
    y = 2 * np.arange(rows.start, rows.start + box.shape[0])[:, None]
    x = 2 * np.arange(columns.start, columns.start + box.shape[1])
    dx, dy, reach = x1 - x0, y1 - y0, thickness**2
    along = (x - x0) * dx + (y - y0) * dy
    across = (x - x0) * dy - (y - y0) * dx
    length = dx**2 + dy**2  # squared, as `reach` is
    box |= (along >= 0) & (along <= length) & (across**2 < reach * length)
    for cap_x, cap_y in ((x0, y0), (x1, y1)):
        box |= (x - cap_x) ** 2 + (y - cap_y) ** 2 < reach
