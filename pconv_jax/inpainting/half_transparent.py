"""Half-transparent damage: the detail that shows through it is added to what holes were inpainted with.

A scratch of opacity a and colour c makes (1 - a) x + a c of a picture x. What was inpainted is x without fine detail,
so a and c follow by regression, pooled along the scratch and over pixels as far from its edge; the rest is detail. It
is divided by 1 - a and kept as far as it stands out from noise. Where damage is opaque, none of it is kept.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from pconv_jax.imaging.arrays import from_float, to_float

_TILE, _MARGIN = 512, 48  # px; opacity and colours are fitted in one such square and its surroundings
_POOL = 15.0  # Gaussian over which opacity is averaged, px
_COARSER = 4  # px of the grid on which that is done
_LEVELS, _LEVEL_WIDTH = 2, 0.25  # of the distance to the edge: for each doubling, and their width in doublings
_TONE = 6.0  # Gaussian over which damage counts as pale or as dark, px
_ENERGY = 6.0  # Gaussian over which detail is measured, px
_GREYS = np.linspace(0, 1, 21)  # colours that are tried first
_ROUNDS = 2  # in which they are then corrected
_COLOUR_PRIOR = 0.02  # weight of the colour before, of a pixel's
_NOISE = 1.2 / 255  # of the photograph: rounding and JPEG
_UNEVEN, _UNEVEN_EDGE, _EDGE = 0.3, 0.6, 2.1  # of opacity, relative, that no fit follows; nearer to the edge, px
_BESIDE = 3  # px within which the strongest damage counts for that
_CLEAR, _OPAQUE = 0.4, 0.7  # opacity up to which all detail is believed, and from which on none is
_DEPTHS, _ERRORS = (1.0, 2.0, 3.0, 4.0, 6.0), (0.78, 1.3, 1.7, 2.3, 2.4)
"""Squared error of the network so many px from the edge, as a multiple of the detail around (`_detail_around`)."""
_DETAIL, _AROUND = 2.0, 10.0  # Gaussians: what is finer is detail; where it is measured, px
_LEAST_CLEAR = 0.03  # of 1 - a that is divided by


class Veil(NamedTuple):
    """What lies over some pixels: its opacity `[P]` and its colour `[P, 3]`, in [0, 1]."""

    opacity: np.ndarray
    colour: np.ndarray


def keep_detail(inpainted: np.ndarray, pixels: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Adds the detail that shows through the damage.

    Args:
        inpainted: `[H, W, C]`, C from 1 to 4, uint8, uint16, or floating point in [0, 1].
        pixels: the damaged image, of the same shape and type. Where it is not finite, or its last channel of two or
            four is not opaque, nothing shows through.
        hole: bool `[H, W]`, True = damage.

    Returns:
        A new array like `inpainted`; equal to it outside the hole, to the bit.
    """
    result = inpainted.copy()
    colours = 1 if pixels.shape[2] < 3 else 3
    for core, around in _tiles(*hole.shape):
        if not hole[core].any():
            continue
        lost = hole[around] & ~_shown(pixels[around])
        seen = hole[around] & ~lost
        rows, columns = np.nonzero(seen)
        if not len(rows):
            continue
        damaged = to_float(pixels[around], lost)[..., :3]
        guess = to_float(inpainted[around], np.zeros_like(lost))[..., :3]
        veil = fitted_veil(damaged, guess, seen)
        values = _recovered(veil, damaged, guess, seen, hole[around])
        rows, columns = rows + around[0].start, columns + around[1].start
        own = (rows >= core[0].start) & (rows < core[0].stop) & (columns >= core[1].start) & (columns < core[1].stop)
        result[rows[own], columns[own], :colours] = from_float(values[own], colours, pixels.dtype)
    return result


def fitted_veil(damaged: np.ndarray, guess: np.ndarray, hole: np.ndarray) -> Veil:
    """Fits the opacity and colour of damage.

    Args:
        damaged: the damaged image, float32 `[h, w, 3]` in [0, 1].
        guess: what it may have been, float32 `[h, w, 3]`; not worse for lacking detail.
        hole: bool `[h, w]`.

    Returns:
        Of the pixels in the hole, in the order of `np.nonzero`.
    """
    import cv2

    depth = _depth(hole)
    change = np.where(hole[..., None], damaged - guess, np.float32(0))
    # Near the edge the guess is best.
    pale = cv2.GaussianBlur(change.mean(axis=2) / np.maximum(depth, 1), (0, 0), _TONE)[hole] > 0
    weight = hole / (_error_of_guess(damaged, hole, depth) + np.float32(2e-5))
    weight *= np.float32(1 / weight[hole].mean())
    sums = np.empty((len(pale), 10))
    for tone in (True, False):
        own = np.zeros_like(weight)
        own[hole] = weight[hole] * (pale == tone)
        sums[pale == tone] = _pooled(_products(change, guess, own), depth, hole)[pale == tone]
    pieces = 2 * cv2.connectedComponents(hole.astype(np.uint8), connectivity=8)[1][hole] + pale
    veil = Veil(np.empty(len(pale)), np.empty((len(pale), 3)))
    order = np.argsort(pieces, kind="stable")
    for piece in np.split(order, np.flatnonzero(np.diff(pieces[order])) + 1):
        veil.opacity[piece], veil.colour[piece] = _fit_piece(sums[piece], damaged[hole][piece], guess[hole][piece])
    return veil


def _recovered(veil: Veil, damaged: np.ndarray, guess: np.ndarray, seen: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Colours `[P, 3]` of the pixels that are seen: the guess and the detail that shows there."""
    import cv2

    clear = 1 - veil.opacity
    before, depth = guess[seen], _depth(seen)
    towards = veil.colour - before
    detail = damaged[seen] - before - veil.opacity[:, None] * towards
    energy = np.zeros(seen.shape, np.float32)
    energy[seen] = np.square(detail).mean(axis=1)
    spread = cv2.GaussianBlur(seen.astype(np.float32), (0, 0), _ENERGY)[seen]
    measured = cv2.GaussianBlur(energy, (0, 0), _ENERGY)[seen] / np.maximum(spread, 1e-3)
    expected = np.square(clear) * _error_of_guess(damaged, hole, depth)[seen]
    opacity = np.zeros(seen.shape, np.float32)
    opacity[seen] = veil.opacity
    strongest = cv2.dilate(opacity, np.ones((2 * _BESIDE + 1,) * 2, np.uint8))[seen]
    uneven = np.where(depth[seen] < _EDGE, _UNEVEN_EDGE, _UNEVEN) * strongest
    noise = _NOISE**2 + np.square(uneven) * np.square(towards).mean(axis=1)
    share = expected / np.maximum(measured, expected + noise)
    share *= np.clip((_OPAQUE - strongest) / (_OPAQUE - _CLEAR), 0, 1)
    values = before + (share / np.maximum(clear, _LEAST_CLEAR))[:, None] * detail
    return values.clip(0, 1).astype(np.float32)


def _products(change: np.ndarray, guess: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """What `_opacity` sums up, float32 `[h, w, 10]`."""
    inner = ((change * guess).sum(2), *guess.transpose(2, 0, 1), (guess**2).sum(2), (change**2).sum(2))
    each = np.dstack([change, *inner, np.ones_like(weight)])
    each *= weight[..., None]
    return each


def _pooled(products: np.ndarray, depth: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Sums over pixels near by that are as far from the edge, `[P, 10]`."""
    import cv2

    height, width = hole.shape
    below, beside = -height % _COARSER, -width % _COARSER
    doublings = np.log2(np.maximum(depth, 1))
    own = doublings[hole]
    sums = np.zeros((len(own), products.shape[2]))
    for level in np.arange(np.floor(own.max() * _LEVELS) + 2) / _LEVELS:
        alike = np.exp(-0.5 * np.square((doublings - level) / _LEVEL_WIDTH)) * hole
        padded = np.pad(products * alike[..., None], ((0, below), (0, beside), (0, 0)))
        size = (padded.shape[1] // _COARSER, padded.shape[0] // _COARSER)
        coarse = np.dstack([cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in np.moveaxis(padded, 2, 0)])
        coarse = cv2.GaussianBlur(coarse, (0, 0), _POOL / _COARSER, borderType=cv2.BORDER_CONSTANT)
        near = np.clip(1 - np.abs(own - level) * _LEVELS, 0, 1)
        chosen = near > 0
        for channel in range(products.shape[2]):
            fine = cv2.resize(coarse[..., channel], padded.shape[1::-1], interpolation=cv2.INTER_LINEAR)
            sums[chosen, channel] += (near * fine[:height, :width][hole])[chosen]
    return sums


def _fit_piece(sums: np.ndarray, damaged: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Opacity `[P]` and the one colour of a piece."""
    colour = min((np.full(3, grey) for grey in _GREYS), key=lambda each: _misfit(sums, each))
    for _ in range(_ROUNDS):
        opacity = _opacity(sums, colour)
        shown = damaged - (1 - opacity)[:, None] * guess
        prior = _COLOUR_PRIOR * len(opacity)
        colour = (opacity @ shown + prior * colour) / (opacity @ opacity + prior)
        colour = colour.clip(0, 1)
    return _opacity(sums, colour), colour


def _opacity(sums: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Least squares of change = opacity (colour - guess), in [0, 1]."""
    along, across = _along(sums, colour)
    opacity: np.ndarray = np.clip(along / (across + 1e-3 * sums[:, 9] + 1e-9), 0, 1)
    return opacity


def _misfit(sums: np.ndarray, colour: np.ndarray) -> float:
    along, across = _along(sums, colour)
    opacity = _opacity(sums, colour)
    return float((sums[:, 8] - 2 * opacity * along + opacity**2 * across).sum())


def _along(sums: np.ndarray, colour: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of change (colour - guess), and of the square of the latter."""
    change, change_guess, guess, guess_squared = sums[:, :3], sums[:, 3], sums[:, 4:7], sums[:, 7]
    return change @ colour - change_guess, sums[:, 9] * (colour @ colour) - 2 * guess @ colour + guess_squared


def _error_of_guess(image: np.ndarray, hole: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Squared error of what is inpainted that is to be expected, `[h, w]`."""
    error: np.ndarray = _detail_around(image, hole) * np.interp(depth, _DEPTHS, _ERRORS).astype(np.float32)
    return error


def _detail_around(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Mean square of the fine detail of valid pixels near by, float32 `[h, w]`."""
    import cv2

    valid = (~hole).astype(np.float32)
    near = cv2.GaussianBlur(valid, (0, 0), _DETAIL)
    smooth = cv2.GaussianBlur(image * valid[..., None], (0, 0), _DETAIL) / np.maximum(near, 1e-3)[..., None]
    detail = np.square(image - smooth).mean(axis=2) * valid
    around = np.maximum(cv2.GaussianBlur(valid, (0, 0), _AROUND), 1e-3)
    spread: np.ndarray = cv2.GaussianBlur(detail, (0, 0), _AROUND) / around
    return spread


def _depth(hole: np.ndarray) -> np.ndarray:
    """Distance to the nearest valid pixel, px, float32 `[h, w]`."""
    import cv2

    depth: np.ndarray = cv2.distanceTransform(np.pad(hole.astype(np.uint8), 1, mode="edge"), cv2.DIST_L2, 3)
    return depth[1:-1, 1:-1]


def _shown(pixels: np.ndarray) -> np.ndarray:
    """Where pixels `[h, w, C]` hold something: bool `[h, w]`; not where they are NaN, or a mark of no data."""
    most = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
    shown: np.ndarray = np.all((pixels >= 0) & (pixels <= most), axis=2)
    return shown & (pixels[..., -1] == most) if pixels.shape[2] in (2, 4) else shown


def _tiles(height: int, width: int) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """Rows and columns of squares that make up an image, and of these with what is around them."""
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            core = slice(top, min(top + _TILE, height)), slice(left, min(left + _TILE, width))
            around = (
                slice(max(0, top - _MARGIN), min(top + _TILE + _MARGIN, height)),
                slice(max(0, left - _MARGIN), min(left + _TILE + _MARGIN, width)),
            )
            yield core, around
