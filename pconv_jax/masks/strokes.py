"""Random strokes like real scratches: straight, bent or curved, thin or broad, crossing each other and the border."""

import itertools

import numpy as np
from numpy.typing import NDArray

from pconv_jax.masks.checks import check_generator, check_range, check_size
from pconv_jax.masks.drawing import as_mask, covering_thickness, disc_radius, draw_line, empty_canvas

MAX_CORNERS = 5  # of a bent stroke, after its start
SEGMENTS = 16  # straight segments that a curve is drawn with
ENOUGH = (0.02, 0.5)  # range of the covered share of the image at which drawing stops
SPREAD = 1.35  # strokes of one mask are up to this many times thicker, or thinner, than its typical one


def random_strokes(
    rng: np.random.Generator,
    height: int,
    width: int,
    *,
    count: tuple[int, int] = (2, 16),
    thickness: tuple[int, int] = (1, 24),
) -> NDArray[np.float32]:
    """A mask of strokes of similar thickness: straight, bent at one to five corners, or curved, a third each.

    The typical thickness of a mask is log-uniform, so thin and broad damage are equally frequent. Ends, corners and the
    control points of the curves (cubic Bézier) lie anywhere in the image: strokes cross each other and reach the
    border. Drawing stops early once a random share of the image, 2 to 50 %, is covered.

    Args:
        rng: random generator.
        height: H in pixels, at least 1.
        width: W in pixels, at least 1.
        count: smallest and largest number of strokes, both included; fewer if drawing stops early.
        thickness: smallest and largest thickness in pixels, both included.

    Returns:
        Mask [H, W, 1], float32: 0 on the strokes, 1 elsewhere. At least one pixel is a hole.

    Raises:
        InputError: no random generator, a size that is not whole numbers of at least 1, or a range that is not two
            whole numbers 1 <= low <= high.
    """
    check_generator(rng)
    height, width = check_size(height, width)
    min_count, max_count = check_range("count", count)
    min_thickness, max_thickness = check_range("thickness", thickness)
    widest = min(max_thickness, covering_thickness(height, width))  # thicker ones would take time and memory
    hole, inner = empty_canvas(height, width, widest)
    strokes = rng.integers(min_count, max_count + 1)
    typical = min_thickness * ((max_thickness + 1) / min_thickness) ** rng.random()
    enough = rng.uniform(*ENOUGH) * height * width
    margin = disc_radius(widest)
    for _ in range(strokes):
        drawn = typical * SPREAD ** rng.uniform(-1, 1)
        line_width = min(max(int(drawn), min_thickness), max_thickness)
        points = (_points(rng, height, width) + margin).tolist()
        for start, end in itertools.pairwise(points):
            draw_line(hole, start, end, min(line_width, widest))
        if np.count_nonzero(inner) >= enough:
            break
    return as_mask(inner)


def _points(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """End points (x, y) of the straight segments of a stroke, int `[P, 2]`, inside the image."""
    shape = rng.integers(3)
    if shape == 0:
        return rng.integers(0, (width, height), (2, 2))
    if shape == 1:
        reach = max(height, width) // 2
        steps = rng.integers(-reach, reach + 1, (rng.integers(2, MAX_CORNERS + 2), 2))
        corners = [rng.integers(0, (width, height))]
        for step in steps:
            corners.append(np.clip(corners[-1] + step, 0, (width - 1, height - 1)))
        return np.stack(corners)
    controls = rng.integers(0, (width, height), (4, 2))
    t = np.linspace(0, 1, SEGMENTS + 1)[:, None]
    bernstein = ((1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3)
    return np.rint(sum(weight * control for weight, control in zip(bernstein, controls, strict=True))).astype(np.int64)
