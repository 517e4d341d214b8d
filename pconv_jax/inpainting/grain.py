"""Adding grain to holes that were inpainted smoothly, so that they look like what is around them."""

import warnings
import zlib
from typing import TYPE_CHECKING, TypeVar

import jax
import numpy as np
from numpy.typing import ArrayLike

from pconv_jax.common.errors import InputError
from pconv_jax.imaging.arrays import check_inpainted, check_pixels, from_float, hole_from, pixels_of
from pconv_jax.imaging.strips import strips
from pconv_jax.inpainting.grain_model import BINOMIAL, Grain, colours_of, detail_of, measure_grain

if TYPE_CHECKING:
    from PIL.Image import Image

Picture = TypeVar("Picture", bound="np.ndarray | jax.Array | Image")

_MEDIAN_SQUARE = 0.4549  # of a standard normal variable; unlike a mean, it does not see the edges in a hole
_SAMPLES = 200_000  # pixels of the holes from which their own noise is estimated
_INTERIOR = 200  # fewer such pixels without a valid neighbour are too few


def add_grain(
    inpainted: Picture,
    mask: "ArrayLike | Image | None" = None,
    *,
    hole: "ArrayLike | Image | None" = None,
    strength: float = 1.0,
) -> Picture:
    """Adds grain to the holes of an inpainted image: as much as their surroundings have and they lack.

    Seeded by the image itself: the same image gets the same grain.

    Args:
        inpainted: the composite of any method: the image where it is valid, the method's output in the holes. Of the
            kinds and shapes that `Inpainter` takes.
        mask: `[H, W]` or `[H, W, 1]` of numbers, 1 = valid, 0 = hole.
        hole: instead of `mask`: bool of such a shape, True = damage.
        strength: 1 is what was measured, 0 nothing.

    Returns:
        The image with grain, of the kind, type and shape of `inpainted`. Outside the hole it is equal to it to the bit.

    Raises:
        InputError: as for `Inpainter`; a strength that is not from 0 to 1; or holes that are not inpainted.

    Warns:
        UserWarning: too little around the holes to measure grain; none is added.
    """
    given = np.asarray(strength)  # also of JAX
    if given.ndim or given.dtype.kind not in "biuf" or not 0 <= given <= 1:
        raise InputError(
            f"strength={strength} of grain must be a number between 0 (none) and 1 (as much as around the holes)"
        )
    strength = float(given)
    pixels, rebuild = pixels_of(inpainted)
    found = hole_from(mask, hole, pixels.shape[:2])
    check_pixels(pixels, found)
    unchanged: Picture = rebuild(pixels.copy())  # the caller's own image is never returned
    if not found.any() or not strength:
        return unchanged
    check_inpainted(pixels, found)
    grain = measure_grain(pixels, found)
    if grain is None:
        warnings.warn("there is too little around the holes to measure grain, so none is added", stacklevel=2)
        return unchanged
    result: Picture = rebuild(_with_grain(pixels, found, grain, strength))
    return result


def _with_grain(pixels: np.ndarray, hole: np.ndarray, grain: Grain, strength: float) -> np.ndarray:
    """A copy of `pixels` with noise in the hole, of the power that is missing there."""
    rows, columns = np.nonzero(hole)
    noise = grain.noise(_seed(pixels))
    smooth, detail = _neighbourhood(pixels, rows, columns)
    deviation = grain.at(smooth.mean(1))
    missing = _missing(noise, hole, rows, columns, detail, deviation)
    added = strength * np.sqrt(missing) * deviation * noise[rows % len(noise), columns % len(noise)]
    values = (smooth + detail + added).clip(0, 1)
    result, colours = pixels.copy(), 1 if pixels.shape[2] < 3 else 3
    result[rows, columns, :colours] = from_float(values, colours, pixels.dtype)
    return result


def _seed(pixels: np.ndarray) -> int:
    """The same number for the same image."""
    checksum = 0
    for strip in strips(*pixels.shape[:2]):
        checksum = zlib.crc32(pixels[strip].tobytes(), checksum)
    return checksum


def _neighbourhood(pixels: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The colours `[P, 3]` of some pixels, smoothed over 3x3 pixels, and the rest of them."""
    height, width = pixels.shape[:2]
    smooth = np.zeros((len(rows), 3))
    for down, right, weight in BINOMIAL:
        near = pixels[(rows + down).clip(0, height - 1), (columns + right).clip(0, width - 1)]
        smooth += weight * colours_of(near[None])[0]
    return smooth, colours_of(pixels[rows, columns][None])[0] - smooth


def _missing(
    noise: np.ndarray,
    hole: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    detail: np.ndarray,
    deviation: np.ndarray,
) -> float:
    """The share of the grain's power that the inpainted holes lack, from 0 to 1."""
    import cv2

    gain = np.square(detail_of(noise[None])).mean((0, 1, 2))
    interior = cv2.erode(hole.view(np.uint8), np.ones((3, 3), np.uint8))[rows, columns] > 0
    taken = np.flatnonzero(interior) if interior.sum() >= _INTERIOR else np.arange(len(rows))
    taken = taken[:: -(-len(taken) // _SAMPLES)]
    expected = np.square(deviation[taken]) * gain
    if not expected.any():
        return 0.0  # no grain was measured
    own = np.median(np.square(detail[taken]) / np.maximum(expected, 1e-12)) / _MEDIAN_SQUARE
    return float(np.clip(1 - own, 0, 1))
