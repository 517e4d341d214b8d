"""How good a restoration is expected to be, without its original.

The photograph's own damage is laid over undamaged places beside it and restored there, where the truth is known.
"""

import dataclasses
import itertools
import math
import os
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from pconv_jax.checkpoints.bundled import DEFAULT_WEIGHTS
from pconv_jax.common.errors import InputError
from pconv_jax.evaluation.expected import Expected, expected_psnr, expected_ssim
from pconv_jax.evaluation.metrics import SSIM_WINDOW, ssim_map
from pconv_jax.imaging.arrays import hole_from, pixels_of
from pconv_jax.inpainting.inpainter import Picture
from pconv_jax.inpainting.known_holes import holes_as_intended
from pconv_jax.inpainting.loaded import loaded_inpainter
from pconv_jax.masks.widths import WIDTH_CLASSES, width_classes

if TYPE_CHECKING:
    from PIL.Image import Image

_CELL = 64  # px; errors in one square of this side count as one observation, as neighbours are alike
_MOST_CELLS = 500  # that are scored; of larger photographs a random choice
_DISTANCES = (16, 24, 32, 48, 64, 96)  # px, that damage is shifted by
_DIRECTIONS = 16
_TELLS_NOTHING = 20.0  # dB; a wider interval of PSNR holds both a poor and a perfect restoration
_AS_GOOD = 0.95  # share of the most undamaged pixels that a nearer place must reach

Restore = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class WidthEstimate:
    """What is expected where the damage is of one width.

    Attributes:
        width: one of `pconv_jax.masks.widths.WIDTH_CLASSES`.
        share: of the hole's pixels, in (0, 1].
        pixels: how many were scored; none where there was no undamaged place for them.
        psnr: in dB.
        ssim: structural similarity.
    """

    width: str
    share: float
    pixels: int
    psnr: Expected
    ssim: Expected


@dataclasses.dataclass(frozen=True)
class Estimate:
    """How close to the original the pixels in the holes are expected to come.

    Attributes:
        psnr: over all pixels of the holes, in dB.
        ssim: structural similarity, likewise.
        widths: the same for each width of damage that there is, from narrow to wide.
        shift: by how many pixels down and to the right the damage was laid beside itself.
    """

    psnr: Expected
    ssim: Expected
    widths: tuple[WidthEstimate, ...]
    shift: tuple[int, int]

    def __str__(self) -> str:
        rows = [("all", self.psnr, self.ssim), *((each.width, each.psnr, each.ssim) for each in self.widths)]
        return "\n".join(f"{name:>8}: {_in_words(name, psnr, ssim)}" for name, psnr, ssim in rows)


def _in_words(name: str, psnr: Expected, ssim: Expected) -> str:
    """Both scores, or that there is too little damage to tell; numbers that mean nothing would only mislead."""
    # Fewer than two observations give no interval.
    sure = psnr.low is not None and psnr.high is not None and psnr.high - psnr.low <= _TELLS_NOTHING
    if not sure and psnr.value != math.inf:
        return f"too little damage{'' if name == 'all' else ' of this width'} to tell"
    return f"PSNR {psnr:.1f} dB, SSIM {ssim:.3f}"


def estimate(
    image: Picture,
    mask: "ArrayLike | Image | None" = None,
    *,
    hole: "ArrayLike | Image | None" = None,
    weights: str | os.PathLike[str] = DEFAULT_WEIGHTS,
    linear: bool = False,
    best: bool = False,
) -> Estimate:
    """Estimates how good the restoration of an image will be; its original is not needed.

    The image is restored; then all of its damage is laid over the result once more, shifted by 16 to 96 px, and
    restored there. What was not damaged is compared with what it was. It takes two to three times
    as long as `inpaint`.

    Args:
        image: as for `inpaint`.
        mask: as for `inpaint`.
        hole: as for `inpaint`.
        weights: as for `inpaint`.
        linear: as for `inpaint`.
        best: as for `inpaint`.

    Returns:
        The scores that the result of `inpaint` with the same arguments is expected to have in the holes, with 95 %
        intervals.

    Raises:
        InputError: as for `inpaint`; or nothing is damaged, the image is smaller than 11 px, or so small that what
            is damaged falls outside when it is shifted by 16 px, or no undamaged place lies within 96 px of the damage.
    """
    pixels, _ = pixels_of(image)
    found = hole_from(mask, hole, pixels.shape[:2])
    if pixels.shape[2] == 2:  # a PIL image, grey with alpha; what two channels of an array mean would be ambiguous
        pixels = pixels[..., [0, 0, 0, 1]]
    inpainter = loaded_inpainter(weights, best=best)

    def restore(pixels: np.ndarray, hole: np.ndarray) -> np.ndarray:
        return inpainter(pixels, hole=hole, linear=linear)

    return estimate_restored(restore(pixels, found), found, restore)


def estimate_restored(restored: np.ndarray, hole: np.ndarray, restore: Restore) -> Estimate:
    """Estimates how good a restored image is.

    Args:
        restored: `[H, W]` or `[H, W, C]`, C = 1, 3 or 4 with alpha; uint8, uint16 or floating point in [0, 1].
        hole: bool `[H, W]`, what was restored.
        restore: the function of an image and a hole that restored it.

    Returns:
        As `estimate`.

    Raises:
        InputError: as for `estimate`.
    """
    if not hole.any():
        raise InputError("nothing is marked as damage: there is nothing to estimate")
    if min(hole.shape) < SSIM_WINDOW:
        raise InputError(f"an estimate needs an image of at least {SSIM_WINDOW} px on each side, not {hole.shape}")
    shift = _best_shift(hole)
    there, here = _overlap(hole.shape, shift)
    widths = width_classes(hole)
    laid = np.full(hole.shape, -1, np.int8)
    laid[there] = widths[here]
    scored = (laid >= 0) & ~hole & _shows(restored)
    cells = _cells(scored)
    if not cells.any():
        if not any(hole[_overlap(hole.shape, each)[1]].any() for each in _shifts(hole.shape)):
            raise InputError(
                f"an estimate lays the damage at least {_DISTANCES[0]} px beside itself, which is outside this image "
                f"of {hole.shape[1]}x{hole.shape[0]} px: use a larger one, or do without the estimate"
            )
        raise InputError(
            "nothing near the damage is undamaged, so nothing can be measured: mark less, or do without the estimate"
        )
    near = _around(cells)[: hole.shape[0], : hole.shape[1]]
    with holes_as_intended():  # warned of when the image itself was restored
        again = restore(restored, (laid >= 0) & near)
    counts, squares, similarities = _scores(restored, again, np.where(scored, laid, np.int8(-1)), cells)
    return _estimate(counts, squares, similarities, np.bincount(widths[hole], minlength=len(WIDTH_CLASSES)), shift)


def _best_shift(hole: np.ndarray) -> tuple[int, int]:
    """The nearest shift that lays almost as much as possible of the damage over undamaged places in the image."""
    shifts, free = _shifts(hole.shape), []
    for shift in shifts:
        there, here = _overlap(hole.shape, shift)
        free.append(np.count_nonzero(hole[here] & ~hole[there]))
    most = max(free, default=0)
    return next((shift for shift, each in zip(shifts, free, strict=True) if each >= _AS_GOOD * most), (0, 0))


def _shifts(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """The shifts to choose from that leave something of an image of this shape within it, from near to far."""
    turns = 2 * np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS
    shifts = [
        (round(distance * math.sin(turn)), round(distance * math.cos(turn)))
        for distance, turn in itertools.product(_DISTANCES, turns)
    ]
    return [shift for shift in shifts if all(abs(step) < side for step, side in zip(shift, shape, strict=True))]


def _overlap(shape: tuple[int, ...], shift: tuple[int, int]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where the pixels lie that a shift moves within an image, and where they come from."""
    there = tuple(slice(max(0, step), side + min(0, step)) for step, side in zip(shift, shape, strict=True))
    here = tuple(slice(max(0, -step), side - max(0, step)) for step, side in zip(shift, shape, strict=True))
    return there, here


def _shows(pixels: np.ndarray) -> np.ndarray:
    """Where an image is not transparent: bool `[H, W]`."""
    if pixels.ndim == 2 or pixels.shape[2] in (1, 3):
        return np.ones(pixels.shape[:2], bool)
    most = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
    return pixels[..., -1] >= most / 2


def _cells(scored: np.ndarray) -> np.ndarray:
    """The cells to score, bool: those with a pixel that counts, or a random choice of them, seeded by the content."""
    rows, columns = (np.arange(0, side, _CELL) for side in scored.shape)
    cells = np.logical_or.reduceat(np.logical_or.reduceat(scored, rows, axis=0), columns, axis=1)
    found = np.flatnonzero(cells)
    if len(found) > _MOST_CELLS:
        rng = np.random.default_rng(zlib.crc32(np.packbits(scored).tobytes()))
        cells = np.zeros_like(cells)
        cells.flat[rng.choice(found, _MOST_CELLS, replace=False)] = True
    return cells


def _around(cells: np.ndarray) -> np.ndarray:
    """The pixels of cells and of those next to them, bool."""
    import cv2

    near = cv2.dilate(cells.astype(np.uint8), np.ones((3, 3), np.uint8)).view(bool)
    return near.repeat(_CELL, 0).repeat(_CELL, 1)


def _scores(
    truth: np.ndarray, output: np.ndarray, classes: np.ndarray, cells: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each cell and class `[cells, classes]`: number of pixels, sum of their squared errors, and of their SSIM."""
    margin = SSIM_WINDOW // 2
    sums = []
    for place in np.argwhere(cells) * _CELL:
        # The cell with all that the SSIM of its pixels depends on.
        firsts = [max(0, min(at - margin, side - SSIM_WINDOW)) for at, side in zip(place, classes.shape, strict=True)]
        part = tuple(slice(first, at + _CELL + margin) for first, at in zip(firsts, place, strict=True))
        own = tuple(slice(at - first, at - first + _CELL) for first, at in zip(firsts, place, strict=True))
        one, other = _colours(truth[part]), _colours(output[part])
        kind = classes[part][own]
        maps = (
            np.ones(kind.shape),
            ((one - other)[own] ** 2).mean(-1),
            ssim_map(other[None], one[None])[0][own].mean(-1),
        )
        chosen = kind >= 0
        sums.append([np.bincount(kind[chosen], each[chosen], len(WIDTH_CLASSES)) for each in maps])
    counts, squares, similarities = np.array(sums).transpose(1, 0, 2)
    return counts, squares, similarities


def _colours(pixels: np.ndarray) -> np.ndarray:
    """Pixels without alpha as float64 in [0, 1], `[H, W, C]`."""
    colours = pixels[..., None] if pixels.ndim == 2 else pixels[..., :3]
    scaled = colours.astype(np.float64)
    return scaled / np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else scaled


def _estimate(
    counts: np.ndarray, squares: np.ndarray, similarities: np.ndarray, of_hole: np.ndarray, shift: tuple[int, int]
) -> Estimate:
    """The estimate, from sums by cell and class and the hole's own number of pixels in each class."""
    widths = tuple(
        WidthEstimate(
            WIDTH_CLASSES[each],
            float(of_hole[each] / of_hole.sum()),
            int(counts[:, each].sum()),
            expected_psnr(squares[:, each], counts[:, each], of_hole[each]),
            expected_ssim(similarities[:, each], counts[:, each], of_hole[each]),
        )
        for each in np.flatnonzero(of_hole)
    )
    # Each width counts as it does in the hole, however much of it was scored.
    scored = counts.sum(axis=0)
    weights = np.divide(of_hole, scored, out=np.zeros(len(scored)), where=scored > 0)
    others = (counts @ weights).sum() * of_hole.sum() / scored.sum()
    return Estimate(
        expected_psnr(squares @ weights, counts @ weights, others),
        expected_ssim(similarities @ weights, counts @ weights, others),
        widths,
        shift,
    )
