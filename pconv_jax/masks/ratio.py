"""Strokes until a share of the image is covered: masks like those that Liu et al. test on."""

import itertools
import math
from fractions import Fraction

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.masks.drawing import as_mask, cover, disc_radius

# The shares of hole pixels, (low, high], by which Liu et al. (arXiv:1804.07723) sort their test masks.
RATIO_BINS = ((0.01, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.4), (0.4, 0.5), (0.5, 0.6))
_LEAST_SIDE = 16  # below, the narrowest bin is a pixel or two and the free margin takes too much of the image
_MOST_RATIO = 0.7  # the free margin leaves 0.76 of the image
_PIECES = 4  # most lines that make up a stroke


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
    margin = disc_radius(thickest)
    hole = np.zeros((height + 2 * margin, width + 2 * margin), bool)
    covered = 0
    while covered < fewest:
        thickness = rng.integers(1, thickest + 1).item()
        before, after = (0, 0) if border else (free + (thickness - 1) // 2, free + thickness // 2)
        bounds = [(margin + before, margin + size - 1 - after) for size in (width, height)]
        corners = _corners(rng, bounds, reach, on_edge=border and not covered)
        tried = hole.copy()
        for start, end in itertools.pairwise(corners):
            cover(tried, start, end, thickness)
        now = int(np.count_nonzero(tried[margin:-margin, margin:-margin]))
        if now <= most:
            hole, covered = tried, now
        elif thickness > 1:
            thickest = thickness // 2
        else:
            thickest, reach = 1, reach // 2  # down to single pixels, so that any number of them is reached
    return as_mask(hole[margin:-margin, margin:-margin])


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
