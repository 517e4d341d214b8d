"""Strokes as damage leaves them: straight, bent and curved, thin and broad, across each other and the border."""

import itertools

import numpy as np

from pconv_jax.masks.drawing import as_mask, blank, cover, disc_radius
from pconv_jax.masks.statistics import check_range

_MOST_CORNERS = 5  # of a bent stroke, after its start
_PIECES = 16  # straight pieces that a curve is drawn with
_COVERED = (0.02, 0.5)  # least and most share of the image after which no further stroke is drawn
_SPREAD = 1.35  # strokes of one mask are up to this many times as thick, or as thin, as its typical one


def random_strokes(
    rng: np.random.Generator,
    height: int,
    width: int,
    *,
    count: tuple[int, int] = (2, 16),
    thickness: tuple[int, int] = (1, 24),
) -> np.ndarray:
    """A mask damaged by strokes of similar thickness: straight, bent at one to five corners, or curved, a third each.

    Thin and broad damage are equally well represented: the typical thickness of a mask is log-uniform. Ends, corners
    and the control points of the curves (cubic Bézier) lie anywhere in the image, so that strokes cross each other and
    reach the border. Drawing stops early once a random share of the image, 2 to 50 %, is covered.

    Args:
        rng: source of everything.
        height: H in pixels, at least 1.
        width: W in pixels, at least 1.
        count: fewest and most strokes, both included; fewer are drawn where enough is covered.
        thickness: smallest and largest thickness in pixels, both included.

    Returns:
        Mask [H, W, 1], float32: 0 on the strokes, 1 elsewhere. At least one pixel is a hole.

    Raises:
        InputError: a size below 1, or a range that is not two whole numbers 1 <= low <= high.
    """
    fewest, most = check_range("count", count)
    thinnest, thickest = check_range("thickness", thickness)
    hole, inner = blank(height, width, thickest)
    strokes = rng.integers(fewest, most + 1)
    typical = thinnest * ((thickest + 1) / thinnest) ** rng.random()
    enough = rng.uniform(*_COVERED) * height * width
    margin = disc_radius(thickest)
    for _ in range(strokes):
        drawn = typical * _SPREAD ** rng.uniform(-1, 1)
        line_width = min(max(int(drawn), thinnest), thickest)
        points = (_points(rng, height, width) + margin).tolist()
        for start, end in itertools.pairwise(points):
            cover(hole, start, end, line_width)
        if np.count_nonzero(inner) >= enough:
            break
    return as_mask(inner)


def _points(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Ends (x, y) of the straight pieces of a stroke, `[P, 2]` whole numbers inside the image."""
    shape = rng.integers(3)
    if shape == 0:
        return rng.integers(0, (width, height), (2, 2))
    if shape == 1:
        reach = max(height, width) // 2
        steps = rng.integers(-reach, reach + 1, (rng.integers(2, _MOST_CORNERS + 2), 2))
        corners = [rng.integers(0, (width, height))]
        for step in steps:
            corners.append(np.clip(corners[-1] + step, 0, (width - 1, height - 1)))
        return np.stack(corners)
    controls = rng.integers(0, (width, height), (4, 2))
    t = np.linspace(0, 1, _PIECES + 1)[:, None]
    bernstein = ((1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3)
    return np.rint(sum(weight * control for weight, control in zip(bernstein, controls, strict=True))).astype(np.int64)
