"""Random strokes: their thickness, how much they cover, their curves."""

import cv2
import numpy as np
import pytest

from pconv_jax import masks
from pconv_jax.common.errors import InputError
from pconv_jax.masks import strokes as module
from pconv_jax.masks.strokes import _points


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


def test_strokes_are_thinner_and_thicker_than_the_typical_one(monkeypatch):
    widths = []
    monkeypatch.setattr(module, "draw_line", lambda hole, start, end, width: widths.append(width))
    spreads = []
    for seed in range(30):
        masks.random_strokes(np.random.default_rng(seed), 400, 400, count=(16, 16), thickness=(20, 200))
        spreads.append(max(widths) / min(widths))
        widths.clear()
    assert 1.6 < max(spreads) < 1.9  # 1.35 times thicker over 1.35 times thinner: 1.82


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
