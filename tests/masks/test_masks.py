"""Line masks: their exact width, their polarity, their ranges. Strokes by hole ratio: their bins, their margin."""

import tracemalloc

import cv2
import numpy as np
import pytest

from pconv_jax import masks
from pconv_jax.common.errors import InputError
from pconv_jax.masks.drawing import covering_thickness, disc_radius, draw_line, empty_canvas
from pconv_jax.masks.film_damage import FilmDamage
from pconv_jax.masks.regions import random_blocks, random_region
from pconv_jax.masks.strokes import _points


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


@pytest.mark.parametrize("wrong", [0, np.random.RandomState(0), None])
@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: masks.random_lines(rng, 32, 32),
        lambda rng: masks.random_strokes(rng, 32, 32),
        lambda rng: masks.random_strokes_by_ratio(rng, 32, 32, ratio=(0.1, 0.2), border=True),
        lambda rng: random_region(rng, 32, 32),
        lambda rng: random_blocks(rng, 32, 32),
        lambda rng: FilmDamage()(rng, np.zeros((32, 32, 3), np.uint8)),
    ],
    ids=["lines", "strokes", "ratio", "region", "blocks", "film damage"],
)
def test_a_seed_instead_of_a_generator_is_refused(draw, wrong):
    with pytest.raises(InputError, match=r"default_rng\(SEED\)"):
        draw(wrong)


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
    with pytest.raises(InputError, match="8 x 0"):
        masks.random_lines(np.random.default_rng(0), 0, 8)


def test_hole_ratio():
    mask = np.ones((2, 4, 5, 1), np.float32)
    mask[1, 0] = 0
    assert masks.hole_ratio(mask).tolist() == [0.0, 0.25]
    assert float(masks.hole_ratio(mask[1])) == 0.25
    with pytest.raises(InputError, match="H, W, 1"):
        masks.hole_ratio(mask[..., 0])


def edge(mask, depth):
    """Whether any of the outermost `depth` rows or columns holds a hole."""
    inside = np.zeros(mask.shape, bool)
    inside[depth:-depth, depth:-depth] = True
    return bool(((mask == 0) & ~inside).any())


# The smallest size, sizes that no sixteenth divides, and long ones: there the free margin and the bins are tightest.
@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 31), (23, 40), (16, 200), (200, 16), (64, 64), (128, 96)])
@pytest.mark.parametrize("border", [False, True])
def test_strokes_fill_their_bin_and_touch_the_border_or_keep_off_it(height, width, border):
    for number, (low, high) in enumerate(masks.RATIO_BINS):
        for draw in range(4):
            rng = np.random.default_rng([number, draw])
            mask = masks.random_strokes_by_ratio(rng, height, width, ratio=(low, high), border=border)
            assert mask.shape == (height, width, 1) and mask.dtype == np.float32
            assert set(np.unique(mask)) == {0.0, 1.0}
            assert low < masks.hole_ratio(mask) <= high
            assert edge(mask, 1) if border else not edge(mask, max(1, min(height, width) // 16))


def test_strokes_work_on_a_large_image():
    for border in (False, True):
        mask = masks.random_strokes_by_ratio(np.random.default_rng(0), 1024, 1024, ratio=(0.1, 0.2), border=border)
        assert 0.1 < masks.hole_ratio(mask) <= 0.2
        assert edge(mask, 1) if border else not edge(mask, 64)


def test_the_six_bins_are_those_of_liu_et_al():
    assert masks.RATIO_BINS == ((0.01, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.4), (0.4, 0.5), (0.5, 0.6))


@pytest.mark.parametrize("border", [False, True])
def test_a_bin_is_filled_evenly(border):
    # Strokes drawn until the bin is reached would crowd at its lower end.
    rng = np.random.default_rng(1)
    drawn = [masks.random_strokes_by_ratio(rng, 32, 32, ratio=(0.2, 0.3), border=border) for _ in range(250)]
    fifths, _ = np.histogram(masks.hole_ratio(np.stack(drawn)), bins=5, range=(0.2, 0.3))
    assert (fifths > 25).all() and (fifths < 75).all()  # 50 each; 4 standard deviations


def test_a_bin_of_one_number_of_pixels_is_met():
    # 77 / 256 is the only one in it, so that the last strokes must be single pixels.
    for border in (False, True):
        mask = masks.random_strokes_by_ratio(np.random.default_rng(0), 16, 16, ratio=(0.3, 0.302), border=border)
        assert np.count_nonzero(mask == 0) == 77


def test_the_ends_of_a_bin_are_the_decimals_that_were_written():
    # 0.29 * 400 is 116, but 115.99999999999999 as floats: the upper end belongs to the bin, the lower does not.
    for ratio, pixels in (((0.2899, 0.29), 116), ((0.29, 0.2925), 117)):
        mask = masks.random_strokes_by_ratio(np.random.default_rng(0), 20, 20, ratio=ratio, border=True)
        assert np.count_nonzero(mask == 0) == pixels


def test_strokes_start_on_every_side_of_the_border():
    sides = np.zeros(4, int)
    for draw in range(40):  # few pixels: mostly one stroke, so one side
        mask = masks.random_strokes_by_ratio(np.random.default_rng(draw), 64, 64, ratio=(0.0, 0.02), border=True)
        hole = mask[..., 0] == 0
        sides += [hole[0].any(), hole[-1].any(), hole[:, 0].any(), hole[:, -1].any()]
    assert (sides >= 4).all()


def test_strokes_depend_on_the_generator_alone():
    def draw(seed):
        return masks.random_strokes_by_ratio(np.random.default_rng(seed), 32, 32, ratio=(0.2, 0.3), border=False)

    assert np.array_equal(draw(3), draw(3)) and not np.array_equal(draw(3), draw(4))


@pytest.mark.parametrize("ratio", [(0.2, 0.2), (0.3, 0.2), (-0.1, 0.2), (0.6, 0.71), (0.1, float("nan"))])
def test_a_bad_ratio_is_named(ratio):
    with pytest.raises(InputError, match=r"ratio=.*0 <= low < high <= 0\.7"):
        masks.random_strokes_by_ratio(np.random.default_rng(0), 32, 32, ratio=ratio, border=True)


def test_a_ratio_between_two_numbers_of_pixels_is_named():
    with pytest.raises(InputError, match="contains no whole number of 16 x 16 pixels"):
        masks.random_strokes_by_ratio(np.random.default_rng(0), 16, 16, ratio=(0.302, 0.303), border=True)


def test_a_size_too_small_for_a_ratio_is_named():
    with pytest.raises(InputError, match="64 x 15"):
        masks.random_strokes_by_ratio(np.random.default_rng(0), 15, 64, ratio=(0.1, 0.2), border=True)


def test_strokes_are_holes_of_similar_thickness_in_binary_masks():
    for seed in range(30):
        mask = masks.random_strokes(np.random.default_rng(seed), 48, 64, count=(1, 6), thickness=(3, 9))
        assert mask.shape == (48, 64, 1)
        assert mask.dtype == np.float32
        assert set(np.unique(mask)) == {0.0, 1.0}


def test_random_strokes_depend_on_the_generator_alone():
    first, again, other = (masks.random_strokes(np.random.default_rng(seed), 40, 40) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_strokes_stay_within_their_range_of_thickness():
    # The deepest pixel of a stroke t px thick lies about t / 2 from its edge; crossings are a little deeper.
    for seed in range(20):
        mask = masks.random_strokes(np.random.default_rng(seed), 96, 96, count=(1, 1), thickness=(1, 1))
        depth = cv2.distanceTransform((mask[..., 0] == 0).astype(np.uint8), cv2.DIST_C, 3)
        assert depth.max() <= 2
        mask = masks.random_strokes(np.random.default_rng(seed), 96, 96, count=(1, 1), thickness=(12, 12))
        hole = np.pad((mask[..., 0] == 0).astype(np.uint8), 1, mode="edge")
        assert cv2.distanceTransform(hole, cv2.DIST_L2, 5).max() >= 5


def test_strokes_are_thin_as_often_as_broad_and_end_once_enough_is_covered():
    ratios = [
        masks.hole_ratio(masks.random_strokes(np.random.default_rng(seed), 64, 64, count=(16, 16))).item()
        for seed in range(200)
    ]
    assert min(ratios) < 0.1
    assert 0.15 < np.median(ratios) < 0.5
    assert max(ratios) < 0.85  # 50 %, and the stroke that passes it


def test_a_curve_of_strokes_is_the_bezier_curve_of_its_control_points():
    controls = np.array([[0, 0], [0, 30], [60, 30], [60, 0]])

    class Fixed:
        def integers(self, low, high=None, size=None):
            return 2 if size is None else controls

    points = _points(Fixed(), 64, 64)
    assert points[0].tolist() == [0, 0]
    assert points[-1].tolist() == [60, 0]
    assert points[8].tolist() == [30, 22]  # (0 + 3 * 0 + 3 * 60 + 60) / 8 and (0 + 90 + 90 + 0) / 8 = 22.5, to even


@pytest.mark.parametrize(
    ("kwargs", "named"),
    [({"count": (0, 2)}, "count"), ({"thickness": (4, 2)}, "thickness"), ({"thickness": (1.5, 2)}, "thickness")],
)
def test_ranges_of_strokes_are_checked(kwargs, named):
    with pytest.raises(InputError, match=named):
        masks.random_strokes(np.random.default_rng(0), 32, 32, **kwargs)
    with pytest.raises(InputError, match="32 x 0"):
        masks.random_strokes(np.random.default_rng(0), 0, 32)


def test_strokes_fit_an_image_of_one_pixel():
    for seed in range(10):
        assert masks.random_strokes(np.random.default_rng(seed), 1, 1).item() == 0
