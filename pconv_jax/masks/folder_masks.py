"""Training masks from mask files: each seen under another rotation, in another crop, more or less dilated."""

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.common.whole_numbers import whole_numbers
from pconv_jax.masks.checks import check_generator, check_size, two_numbers
from pconv_jax.masks.drawing import as_mask

_ONE = 2**16  # what cosines are rounded to, so that every machine picks the same pixels
_TRIES = 16


def augmented_mask(
    rng: np.random.Generator,
    hole: np.ndarray,
    height: int,
    width: int,
    *,
    dilation: tuple[int, int] = (0, 4),
    rotation: bool = True,
    crop: tuple[float, float] = (0.5, 1.0),
    ratio: tuple[float, float] = (0.01, 0.6),
) -> np.ndarray:
    """A mask of any size out of the holes of one file: rotated, cropped, brought to the size, and dilated.

    The window that is cropped has the proportions of the mask; its size is a share of the largest that fits into the
    file, its place anywhere in it. Beyond its borders, where a rotated window looks, the file is mirrored. Pixels are
    picked, not interpolated. Of 16 tries the first is taken whose share of holes lies in `ratio`, or else the nearest
    to it.

    Args:
        rng: source of everything.
        hole: holes of the file, bool `[H0, W0]`, True = hole; at least one pixel is.
        height: H of the mask, px.
        width: W of the mask, px.
        dilation: fewest and most pixels by which holes grow on all sides, of the mask that is returned; both included.
        rotation: by any angle; off, the file is seen upright.
        crop: smallest and largest share of the file's side that the window has; above 0, at most 1.
        ratio: least and most share of hole pixels, both included.

    Returns:
        Mask [H, W, 1], float32: 0 in holes, 1 elsewhere.

    Raises:
        InputError: no random generator, holes that are not bool `[H0, W0]` or none at all, a size below 1, or a range
            out of its bounds.

    References:
        Liu et al., Image Inpainting for Irregular Holes Using Partial Convolutions, ECCV 2018, section 3.1: random
        dilation, rotation and cropping of 55,116 masks.
    """
    check_generator(rng)
    height, width = check_size(height, width)
    _check(hole, dilation, crop, ratio)
    least, most = ratio
    nearest, missed = np.zeros(0, bool), np.inf
    for _ in range(_TRIES):
        seen = hole[_window(rng, hole.shape, height, width, rotation=rotation, crop=crop)]
        seen = _dilated(seen, rng.integers(dilation[0], dilation[1] + 1).item())
        share = np.count_nonzero(seen) / seen.size
        miss = max(least - share, share - most, 0.0)
        if miss < missed:
            nearest, missed = seen, miss
        if not missed:
            break
    return as_mask(nearest)


def _window(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    height: int,
    width: int,
    *,
    rotation: bool,
    crop: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns `[H, W]` of the pixels of a file that a random window sees."""
    largest = min(shape[0] / height, shape[1] / width)  # pixels of the file a pixel of the mask
    scale = round(_ONE * largest * rng.uniform(*crop))
    half = [size * scale // 2 for size in (height, width)]  # of the window, in 1 / _ONE px
    middle = [
        rng.integers(reach, max(side * _ONE - reach, reach), endpoint=True)
        for reach, side in zip(half, shape, strict=True)
    ]
    angle = rng.uniform(0, 2 * np.pi) if rotation else 0.0
    cosine, sine = (int(np.rint(_ONE * value)) for value in (np.cos(angle), np.sin(angle)))
    y = (2 * np.arange(height)[:, None] + 1 - height) * scale  # from the middle, in half pixels
    x = (2 * np.arange(width) + 1 - width) * scale
    rows = (2 * _ONE * middle[0] + cosine * y + sine * x) // (2 * _ONE**2)
    columns = (2 * _ONE * middle[1] - sine * y + cosine * x) // (2 * _ONE**2)
    return _mirrored(rows, shape[0]), _mirrored(columns, shape[1])


def _mirrored(places: np.ndarray, length: int) -> np.ndarray:
    """Places on an endless line as those of a side that is mirrored at both of its ends."""
    places = places % (2 * length)
    return np.minimum(places, 2 * length - 1 - places)


def _dilated(hole: np.ndarray, reach: int) -> np.ndarray:
    """Whether a hole is in the square of 2 * reach + 1 pixels around each pixel."""
    for axis in (0, 1):
        pad = [(reach + 1, reach) if each == axis else (0, 0) for each in (0, 1)]
        before = np.cumsum(np.pad(hole, pad), axis=axis)
        ends = [slice(None), slice(None)]
        starts = [slice(None), slice(None)]
        ends[axis], starts[axis] = slice(2 * reach + 1, None), slice(None, hole.shape[axis])
        hole = before[tuple(ends)] > before[tuple(starts)]
    return hole


def _check(
    hole: np.ndarray,
    dilation: tuple[int, int],
    crop: tuple[float, float],
    ratio: tuple[float, float],
) -> None:
    if hole.dtype != bool or hole.ndim != 2:
        raise InputError(f"hole must be bool [H, W], True = hole, not {hole.dtype} of shape {hole.shape}")
    if not hole.any():
        raise InputError(f"a mask file of {hole.shape[1]}x{hole.shape[0]} px has no hole: leave it out")
    if not whole_numbers(dilation, length=2, least=0) or dilation[0] > dilation[1]:
        raise InputError(f"dilation={dilation} must be two whole numbers (low, high) with 0 <= low <= high")
    smallest, largest = two_numbers(crop)
    if not 0 < smallest <= largest <= 1:
        raise InputError(f"crop={crop} must be (low, high) with 0 < low <= high <= 1")
    least, most = two_numbers(ratio)
    if not 0 <= least <= most <= 1:
        raise InputError(f"ratio={ratio} must be (low, high) with 0 <= low <= high <= 1")
