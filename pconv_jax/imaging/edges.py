"""What the edges of holes leave: soft edges of paint, and damage that a mask does not quite cover.

Both show in the rings of pixels around a hole, where the photograph is mixed with what is in the hole. The pixels
beyond these rings show what the photograph is like by itself.
"""

import itertools
from collections.abc import Iterator

import numpy as np

from pconv_jax.imaging.pixels import eight_bits

_TILE, _AROUND, _MOST_TILES = 256, 40, 32  # px; large photographs are measured in so many places
_DIFFERENT = 60  # levels of 255 by which paint or damage must differ from what it covers
_PAINT_MOST, _PAINT_BEYOND = 16, 8.0  # px that an edge of paint is followed; Gaussian over what lies beyond that
_PAINT_FEW = 30  # pixels that are too few to measure
_PAINTED = 0.1  # share of paint below which an edge has ended
_BEGINS = 0.4  # least share of paint beside the paint itself: soft edges have 0.5 and more
_TIGHT_FROM, _TIGHT_BEYOND = 3, 4.0  # px from which on the photograph counts as undamaged; Gaussian over that
_TIGHT_REACH = 8  # px around a pixel within which the strongest damage is the one that it is mixed with
_TIGHT_FEW = 100
_NO_CHANGE = np.float32(999)  # levels; none of a photograph is as large
_TIGHT = 0.15  # share of damage: masks as wide as damage is half opaque have 0.14 to 0.35; 1 px wider, 0.13 at most


def paint_edge(pixels: np.ndarray, hole: np.ndarray, colour: tuple[int, int, int]) -> int:
    """The width of the edge that paint of one colour has around the pixels that are all paint.

    Over each ring of pixels around these the share of paint is measured, against the colours of the photograph beyond,
    until hardly any is left; one pixel more is safe.

    Args:
        pixels: `[H, W]` or `[H, W, 3]`, uint8 or uint16.
        hole: bool `[H, W]`, where the pixels have the colour of the paint.
        colour: that colour, red, green and blue, 0 to 255.

    Returns:
        Width, px; 0 for hard edges, and where too little of the photograph lies beyond to tell.
    """
    shares, rings, beside = [], [], 0
    for image, painted in _places(pixels, hole):
        distance = _distance(painted)
        known, around = _beyond(image, distance > _PAINT_MOST + 1, _PAINT_BEYOND)
        towards = np.array(colour, np.float32)[: image.shape[2]] - around
        length = np.square(towards).sum(axis=2)
        sure = known & (distance > 0) & (distance <= _PAINT_MOST) & (length > _DIFFERENT**2 * image.shape[2] / 3)
        beside += int(np.count_nonzero((distance > 0) & (distance <= 1)))
        shares.append((((image - around) * towards).sum(axis=2)[sure]) / length[sure])
        rings.append(np.ceil(distance[sure]))
    share, ring = (np.concatenate([*parts, np.zeros(0)]) for parts in (shares, rings))
    first = ring == 1
    # Where most of the photograph looks like the paint, the rest says nothing; nor does what is only a little like it.
    if np.count_nonzero(first) < max(_PAINT_FEW, beside / 2) or np.median(share[first]) < _BEGINS:
        return 0
    for width in range(1, _PAINT_MOST):
        own = ring == width + 1
        if np.count_nonzero(own) < _PAINT_FEW or np.median(share[own]) < _PAINTED:
            return width + 1  # up to a tenth of it is paint, whose tone would show
    return _PAINT_MOST


def is_tight(pixels: np.ndarray, hole: np.ndarray) -> bool:
    """Whether a mask seems not to cover all of the damage: its edge shows around the hole, and would stay.

    Args:
        pixels: `[H, W]` or `[H, W, 3]`, uint8 or uint16.
        hole: bool `[H, W]`, the damage.

    Returns:
        Whether it does; not where damage is faint, or too little of it to tell.
    """
    import cv2

    shares = []
    reach = np.ones((2 * _TIGHT_REACH + 1,) * 2, np.uint8)
    for image, damaged in _places(pixels, hole):
        distance = _distance(damaged)
        known, around = _beyond(image, distance > _TIGHT_FROM, _TIGHT_BEYOND)
        change = (image - around).mean(axis=2)
        palest = cv2.dilate(np.where(damaged, change, -_NO_CHANGE), reach)
        darkest = cv2.erode(np.where(damaged, change, _NO_CHANGE), reach)
        strongest = np.where(palest > -darkest, palest, darkest)
        ring = (
            known
            & (distance > 0)
            & (distance <= 1.5)
            & (np.abs(strongest) > _DIFFERENT)
            & (np.abs(strongest) < _NO_CHANGE)
        )
        shares.append(change[ring] / strongest[ring])
    share = np.concatenate([*shares, np.zeros(0)])
    return len(share) >= _TIGHT_FEW and bool(np.median(share) > _TIGHT)


def _places(pixels: np.ndarray, hole: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Parts of a photograph with holes, float32 `[h, w, C]` in levels of 255, and their holes."""
    height, width = hole.shape
    corners = itertools.product(range(0, height, _TILE), range(0, width, _TILE))
    with_holes = [(top, left) for top, left in corners if hole[top : top + _TILE, left : left + _TILE].any()]
    chosen = np.linspace(0, len(with_holes) - 1, min(len(with_holes), _MOST_TILES)).astype(int)
    for top, left in (with_holes[index] for index in chosen):
        part = np.s_[max(0, top - _AROUND) : top + _TILE + _AROUND, max(0, left - _AROUND) : left + _TILE + _AROUND]
        yield np.atleast_3d(eight_bits(pixels[part])).astype(np.float32), hole[part]


def _distance(hole: np.ndarray) -> np.ndarray:
    """Of each pixel to the nearest hole, px."""
    import cv2

    distance: np.ndarray = cv2.distanceTransform(1 - hole.astype(np.uint8), cv2.DIST_L2, 5)
    return distance


def _beyond(image: np.ndarray, valid: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Where there are valid pixels near by, bool `[h, w]`, and their mean, `[h, w, C]`."""
    import cv2

    weights = valid.astype(np.float32)
    near = cv2.GaussianBlur(weights, (0, 0), sigma)
    sums = np.dstack([cv2.GaussianBlur(layer * weights, (0, 0), sigma) for layer in np.moveaxis(image, 2, 0)])
    return near > 1e-3, sums / np.maximum(near, 1e-3)[..., None]
