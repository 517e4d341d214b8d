"""The regions that Pathak et al. remove: the centre, a random pattern, and random blocks."""

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.common.whole_numbers import is_whole
from pconv_jax.masks.checks import check_generator, check_range, check_size, two_numbers
from pconv_jax.masks.drawing import as_mask

# Hundredths of a cell of noise along the short side: the release enlarges 600 cells to 10,000 px and crops 128 px.
CELLS = 768
UNITS = 64  # positions between two cells
_NOISE = 2**16
_MOST_TRIES = 1000
_LEAST_SIDE = 8


def centre_region(height: int, width: int, *, overlap: int = 0) -> np.ndarray:
    """The mask without its middle half each way: 64 of 128 px.

    Args:
        height: H in pixels, at least 8.
        width: W in pixels, at least 8.
        overlap: width of the rim of the middle half that stays valid, though the network predicts it too, px: 4 in the
            authors' release, 7 in the paper.

    Returns:
        Mask [H, W, 1], float32: 0 in the hole, 1 elsewhere.

    Raises:
        InputError: a size below 8, or an overlap that is negative or leaves no hole.
    """
    height, width = check_size(height, width, least=_LEAST_SIDE)
    if not is_whole(overlap, least=0) or 2 * int(overlap) >= min(height, width) // 2:
        raise InputError(
            f"overlap={overlap} must be a whole number of at least 0 and leave a hole in the middle of {width}x{height}"
            " px"
        )
    hole = np.zeros((height, width), bool)
    rows, columns = (slice(side // 4 + overlap, side // 4 + side // 2 - overlap) for side in (height, width))
    hole[rows, columns] = True
    return as_mask(hole)


def random_region(
    rng: np.random.Generator, height: int, width: int, *, ratio: tuple[float, float] = (0.2, 0.3)
) -> np.ndarray:
    """A mask damaged by a smooth random pattern: uniform noise, enlarged bicubically, is a hole where it is below 1/4.

    The authors enlarge 600x600 numbers to 10,000x10,000 px once and crop 128x128 px from them, again and again until 20
    to 30 % of a crop is hole. Here only what a crop needs is made, 11 numbers a side, and seen from a random place
    between them: the same distribution, with new noise for each mask. At other sizes the pattern scales with the short
    side. About a sixth of the pattern is hole, so one crop in five is taken.

    Args:
        rng: source of the noise and of its place.
        height: H in pixels, at least 8.
        width: W in pixels, at least 8.
        ratio: (low, high): the share of hole pixels lies between, neither included.

    Returns:
        Mask [H, W, 1], float32: 0 in the holes, 1 elsewhere.

    Raises:
        InputError: no random generator, a size below 8, a ratio that is not 0 <= low < high <= 1, or no such pattern in
            1000 tries (a very long image, a very narrow or unusual ratio).
    """
    check_generator(rng)
    height, width = check_size(height, width, least=_LEAST_SIDE)
    low, high = two_numbers(ratio)
    if not 0 <= low < high <= 1:
        raise InputError(f"ratio={ratio} must be (low, high) with 0 <= low < high <= 1")
    for _ in range(_MOST_TRIES):
        rows, columns = (_cubic_taps(rng, side, min(height, width)) for side in (height, width))
        noise = rng.integers(0, _NOISE, (rows[0][-1, -1] + 1, columns[0][-1, -1] + 1))
        pattern = _enlarged(_enlarged(noise, *rows).T, *columns).T
        # Whole numbers throughout, so that every machine draws the same pixels. Weights add up to 2 U^3 each way.
        hole = 4 * pattern < _NOISE * (2 * UNITS**3) ** 2
        if low * hole.size < np.count_nonzero(hole) < high * hole.size:
            return as_mask(hole)
    raise InputError(
        f"no random region of {width}x{height} px had a share of holes between {low} and {high} in {_MOST_TRIES} "
        "tries: choose a wider ratio around 0.2, or a less elongated size"
    )


def random_blocks(
    rng: np.random.Generator, height: int, width: int, *, count: tuple[int, int] = (1, 8), most: float = 0.25
) -> np.ndarray:
    """A mask damaged by rectangles, possibly overlapping, that cover up to a quarter of the image.

    The sides of a block are uniform from an eighth to half of the image's. A block that would cover too much is left
    out; the first is drawn anew until it fits.

    Args:
        rng: source of the number of blocks, their sizes and their places.
        height: H in pixels, at least 8.
        width: W in pixels, at least 8.
        count: fewest and most blocks tried, both included; uniform.
        most: largest share of hole pixels; at least 1/16.

    Returns:
        Mask [H, W, 1], float32: 0 in the blocks, 1 elsewhere. At least one block is a hole.

    Raises:
        InputError: no random generator, a size below 8, a count that is not two whole numbers 1 <= low <= high, or a
            share below 1/16 or above 1.
    """
    check_generator(rng)
    height, width = check_size(height, width, least=_LEAST_SIDE)
    fewest, highest = check_range("count", count)
    least, greatest = two_numbers((1 / 16, most))
    if not least <= greatest <= 1:
        raise InputError(f"most={most} must be a share of the image from 1/16 to 1")
    hole = np.zeros((height, width), bool)
    blocks = rng.integers(fewest, highest + 1)
    while blocks > 0 or not hole.any():
        blocks -= 1
        tall, wide = (rng.integers(side // 8, side // 2 + 1) for side in (height, width))
        top, left = rng.integers(0, height - tall + 1), rng.integers(0, width - wide + 1)
        larger = hole.copy()
        larger[top : top + tall, left : left + wide] = True
        if np.count_nonzero(larger) <= most * hole.size:
            hole = larger
    return as_mask(hole)


def _cubic_taps(rng: np.random.Generator, length: int, short_side: int) -> tuple[np.ndarray, np.ndarray]:
    """Which four numbers of noise each pixel of a side is made of, and their weights: Catmull-Rom, times 2 U^3."""
    places = np.arange(length) * CELLS * UNITS // (100 * short_side) + rng.integers(UNITS)
    cells, t, unit = places // UNITS, places % UNITS, UNITS
    weights = (
        -(t**3) + 2 * unit * t**2 - unit**2 * t,
        3 * t**3 - 5 * unit * t**2 + 2 * unit**3,
        -3 * t**3 + 4 * unit * t**2 + unit**2 * t,
        t**3 - unit * t**2,
    )
    return cells[:, None] + np.arange(4), np.stack(weights, axis=1)


def _enlarged(numbers: np.ndarray, taps: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """`[K, M]` to `[length, M]`."""
    return sum(weight[:, None] * numbers[tap] for tap, weight in zip(taps.T, weights.T, strict=True))
