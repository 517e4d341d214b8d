"""Line masks: their exact width, their polarity, their ranges."""

import tracemalloc

import numpy as np
import pytest

from pconv_jax import masks
from pconv_jax.common.errors import InputError
from pconv_jax.masks.drawing import covering_thickness, disc_radius, draw_line, empty_canvas


class Scripted:
    """A generator whose draws are written down: number of lines, end points (x, y), thickness of each."""

    def __init__(self, ends, widths):
        self._draws = iter([len(widths), np.array(ends).reshape(-1, 2, 2), np.array(widths)])

    def integers(self, low, high, size=None):
        return next(self._draws)


def hole(height, width, ends, *widths):
    """Pixels [H, W] that given lines turn into holes."""
    mask = masks.random_lines(Scripted(ends, widths), height, width, count=(1, 99), thickness=(1, 99))
    return mask[..., 0] == 0


@pytest.mark.parametrize("thickness", range(1, 12))
def test_a_line_along_an_axis_is_exactly_as_thick_as_it_says(thickness):
    for x0, y0, x1, y1 in ((5, 30, 55, 30), (55, 30, 5, 30), (30, 5, 30, 55)):
        covered = hole(64, 64, [x0, y0, x1, y1], thickness)
        if y0 != y1:
            covered = covered.T
        assert (covered[:, 10:50].sum(axis=0) == thickness).all()
        assert (covered[:, 10:50] == covered[:, 10:11]).all()


def test_literals_worked_by_hand():
    assert hole(3, 5, [1, 1, 3, 1], 1).astype(int).tolist() == [
        [0, 0, 0, 0, 0],
        [0, 1, 1, 1, 0],
        [0, 0, 0, 0, 0],
    ]
    # Thickness 2 lies half a pixel further down and right.
    assert hole(4, 5, [1, 1, 2, 1], 2).astype(int).tolist() == [
        [0, 0, 0, 0, 0],
        [0, 1, 1, 1, 0],
        [0, 1, 1, 1, 0],
        [0, 0, 0, 0, 0],
    ]
    assert np.array_equal(hole(5, 5, [0, 0, 4, 4], 1), np.eye(5, dtype=bool))
    # A point: all pixels nearer than 3 / 2, which takes in the diagonal neighbours at sqrt(2).
    assert hole(5, 5, [2, 2, 2, 2], 3).sum() == 9
    # Two lines, one partly outside the image.
    assert hole(4, 4, [0, 0, 3, 0, 0, 3, 0, 3], 1, 1).sum() == 5


def test_slanted_lines_have_no_gaps_and_the_stated_width():
    rng = np.random.default_rng(0)
    for _ in range(50):
        ends = rng.integers(0, 64, size=4)
        thickness = int(rng.integers(1, 6))
        covered = hole(64, 64, ends, thickness)
        (x0, y0), (x1, y1) = ends.reshape(2, 2) + (0 if thickness % 2 else 0.5)
        y, x = np.mgrid[:64, :64]
        length = np.hypot(x1 - x0, y1 - y0)
        part = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / max(length, 1e-9) ** 2, 0, 1)
        distance = np.hypot(x - x0 - part * (x1 - x0), y - y0 - part * (y1 - y0))
        assert covered[distance < thickness / 2 - 1e-6].all()
        assert not covered[distance > thickness / 2 + 1e-6].any()
        # A step along the longer axis always finds a pixel.
        along = covered.any(axis=0 if abs(x1 - x0) >= abs(y1 - y0) else 1)
        first, last = sorted((ends[0], ends[2]) if abs(x1 - x0) >= abs(y1 - y0) else (ends[1], ends[3]))
        assert along[first : last + 1].all()


def test_shape_type_values_and_seed():
    mask = masks.random_lines(np.random.default_rng(3), 20, 30, count=(2, 4), thickness=(1, 2))
    assert mask.shape == (20, 30, 1) and mask.dtype == np.float32
    assert set(np.unique(mask)) == {0.0, 1.0}
    again = masks.random_lines(np.random.default_rng(3), 20, 30, count=(2, 4), thickness=(1, 2))
    other = masks.random_lines(np.random.default_rng(4), 20, 30, count=(2, 4), thickness=(1, 2))
    assert np.array_equal(mask, again) and not np.array_equal(mask, other)


def test_no_mask_is_without_a_hole_even_where_the_image_is_one_pixel():
    rng = np.random.default_rng(0)
    for size in (1, 2, 3, 64):
        for _ in range(20):
            assert masks.hole_ratio(masks.random_lines(rng, size, size, count=(1, 1), thickness=(1, 4))) > 0


@pytest.mark.parametrize("draw", [masks.random_lines, masks.random_strokes])
def test_lines_thicker_than_the_image_take_no_more_memory(draw):
    tracemalloc.start()
    try:
        for seed in range(9):
            mask = draw(np.random.default_rng(seed), 64, 48, thickness=(4000, 4009))
            assert not mask.any()
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [(1, 1), (3, 4), (7, 2)])
def test_a_line_of_the_covering_thickness_covers_the_image(size):
    """From corner to the furthest, whichever of the two thicknesses next to each other is drawn."""
    enough = covering_thickness(*size)
    for thickness in (enough, enough + 1):
        radius = disc_radius(thickness)
        canvas, inner = empty_canvas(*size, thickness)
        for row, column in ((0, 0), (0, size[1] - 1), (size[0] - 1, 0), (size[0] - 1, size[1] - 1)):
            canvas[...] = False
            draw_line(canvas, *[[column + radius, row + radius]] * 2, thickness)
            assert inner.all()


def test_every_value_of_a_range_is_drawn_and_end_points_lie_anywhere():
    counts, widths, ends = set(), set(), []

    class Spy:
        def __init__(self, rng):
            self.rng = rng

        def integers(self, low, high, size=None):
            drawn = self.rng.integers(low, high, size=size)
            if size is None:
                counts.add(int(drawn))
            elif isinstance(size, tuple):
                ends.append(drawn.reshape(-1, 2))
            else:
                widths.update(drawn.tolist())
            return drawn

    spy = Spy(np.random.default_rng(0))
    for _ in range(300):
        masks.random_lines(spy, 6, 9, count=(2, 5), thickness=(1, 3))
    assert counts == {2, 3, 4, 5} and widths == {1, 2, 3}
    x, y = np.concatenate(ends).T
    assert set(x) == set(range(9)) and set(y) == set(range(6))


@pytest.mark.parametrize("bounds", [(0, 3), (3, 2), (1.0, 2), (1,), 5, ("1", "2"), (-1, 1), (1, 2, 3)])
@pytest.mark.parametrize("name", ["count", "thickness"])
def test_a_bad_range_is_named(name, bounds):
    with pytest.raises(InputError, match=f"{name}=.*1 <= low <= high"):
        masks.random_lines(np.random.default_rng(0), 8, 8, **{name: bounds})


def test_a_bad_size_is_named():
    for height, named in ((0, "8 x 0"), (10.0, "8 x 10.0")):
        for draw in (masks.random_lines, masks.random_strokes):
            with pytest.raises(InputError, match=f"{named} px cannot be drawn: both sides must be whole numbers"):
                draw(np.random.default_rng(0), height, 8)
