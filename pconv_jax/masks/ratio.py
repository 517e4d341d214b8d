"""Random strokes that cover a given share of the image: masks like the test masks of Liu et al."""

import itertools
import math
from fractions import Fraction

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.masks.checks import check_generator, check_size, two_numbers
from pconv_jax.masks.drawing import as_mask, disc_radius, draw_line, empty_canvas

# Hole ratios (low, high] by which Liu et al. (arXiv:1804.07723) sort their test masks.
RATIO_BINS = ((0.01, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.4), (0.4, 0.5), (0.5, 0.6))
_MIN_SIDE = 16  # below, the narrowest bin is a pixel or two and the free margin takes too much of the image
_MAX_RATIO = 0.7  # the free margin leaves 0.76 of the image
_MAX_SEGMENTS = 4  # of a stroke


def random_strokes_by_ratio(
    rng: np.random.Generator, height: int, width: int, *, ratio: tuple[float, float], border: bool
) -> np.ndarray:
    """A mask of random strokes whose hole ratio lies in a given bin.

    A stroke is one to four joined lines of one thickness, uniform from 1 to an eighth of the short side (less for
    small ratios). The target ratio is uniform in the bin and met to a twentieth of the bin: a stroke that covers too
    much is undone and a thinner one tried, in the end a shorter one.

    Args:
        rng: random generator.
        height: H in pixels, at least 16.
        width: W in pixels, at least 16.
        ratio: (low, high): the hole ratio is above low and at most high; 0 <= low < high <= 0.7.
        border: True: a hole reaches the outermost rows or columns. False: a margin of a sixteenth of the short side
            is free of holes.

    Returns:
        Mask [H, W, 1], float32: 0 on the strokes, 1 elsewhere.

    Raises:
        InputError: no random generator, a size below 16, or a ratio out of its range or so narrow that no number of
            pixels lies in it.

    References:
        Liu et al., Image Inpainting for Irregular Holes Using Partial Convolutions, 2018: the bins, and holes that
        touch the border or keep 50 of 512 pixels off it.
    """
    check_generator(rng)
    height, width = check_size(height, width, least=_MIN_SIDE)
    low, high = _hole_pixels(height, width, ratio)
    target = rng.integers(low, high + 1).item()
    slack = (high - low) // 20
    low, high = max(low, target - slack), min(high, target + slack)
    side = min(height, width)
    free = 0 if border else max(1, side // 16)
    max_thickness, max_step = max(1, min(side // 8, math.isqrt(target) // 2)), max(height, width) // 4
    hole, inner = empty_canvas(height, width, max_thickness)
    margin = disc_radius(max_thickness)
    covered = 0
    while covered < low:
        thickness = rng.integers(1, max_thickness + 1).item()
        before, after = (0, 0) if border else (free + (thickness - 1) // 2, free + thickness // 2)
        bounds = [(margin + before, margin + size - 1 - after) for size in (width, height)]
        corners = _corners(rng, bounds, max_step, on_edge=border and not covered)
        previous = hole.copy()
        for start, end in itertools.pairwise(corners):
            draw_line(hole, start, end, thickness)
        now = int(np.count_nonzero(inner))
        if now <= high:
            covered = now
            continue
        hole[...] = previous
        if thickness > 1:
            max_thickness = thickness // 2
        else:
            max_thickness, max_step = 1, max_step // 2  # down to single pixels, which reach any number
    return as_mask(inner)


def _hole_pixels(height: int, width: int, ratio: tuple[float, float]) -> tuple[int, int]:
    """Smallest and largest number of hole pixels of a mask whose hole ratio lies in (low, high]."""
    low, high = two_numbers(ratio)
    if not 0 <= low < high <= _MAX_RATIO:
        raise InputError(f"ratio={ratio} must be (low, high) with 0 <= low < high <= {_MAX_RATIO}")
    # Exact decimals: 0.7 * 130 is 91, but less in floating point.
    smallest, largest = (math.floor(Fraction(str(float(share))) * height * width) for share in (low, high))
    if smallest == largest:
        raise InputError(f"ratio={ratio} contains no whole number of {width} x {height} pixels: give a wider range")
    return smallest + 1, largest


def _corners(
    rng: np.random.Generator, bounds: list[tuple[int, int]], max_step: int, *, on_edge: bool
) -> list[list[int]]:
    """Two to five corners [x, y] of a stroke, in the bounds of x and y, each at most `max_step` from the last."""
    corners = [[rng.integers(low, high + 1).item() for low, high in bounds]]
    if on_edge:
        axis, side = divmod(rng.integers(4).item(), 2)
        corners[0][axis] = bounds[axis][side]
    # One number at a time: NumPy draws from arrays of bounds five times as slowly.
    for _ in range(rng.integers(1, _MAX_SEGMENTS + 1)):
        last = zip(corners[-1], bounds, strict=True)
        ranges = [(max(low, each - max_step), min(high, each + max_step)) for each, (low, high) in last]
        corners.append([rng.integers(low, high + 1).item() for low, high in ranges])
    return corners
