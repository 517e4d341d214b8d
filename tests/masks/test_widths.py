"""Widths of holes, pixel by pixel."""

import numpy as np
import pytest

from pconv_jax.evaluation.mask_sets.drawn import LineMasks
from pconv_jax.masks import random_lines
from pconv_jax.masks.widths import WIDTH_CLASSES, width_classes


def test_bars_of_known_widths():
    hole = np.zeros((200, 100), bool)
    expected = np.full(hole.shape, -1)
    top = 2
    for width, number in {1: 0, 2: 0, 3: 1, 5: 1, 6: 2, 8: 2, 9: 3, 16: 3, 17: 4, 24: 4, 25: 5}.items():
        hole[top : top + width] = True
        expected[top : top + width] = number
        top += width + 6
    np.testing.assert_array_equal(width_classes(hole), expected)
    np.testing.assert_array_equal(width_classes(np.ascontiguousarray(hole.T)), expected.T)


@pytest.mark.parametrize("thickness", [1, 2, 4, 5, 7, 8, 12, 16, 20, 24])
def test_slanting_lines_are_as_wide_as_they_were_drawn(thickness):
    right = {1: 0, 2: 0, 4: 1, 5: 1, 7: 2, 8: 2, 12: 3, 16: 3, 20: 4, 24: 4}[thickness]
    for seed in range(5):
        mask = random_lines(np.random.default_rng(seed), 150, 150, count=(1, 1), thickness=(thickness, thickness))
        hole = mask[..., 0] == 0
        assert np.mean(width_classes(hole)[hole] == right) > 0.85


def test_a_spot_is_as_wide_as_the_line_through_it_and_a_crossing_is_wider():
    hole = np.zeros((60, 60), bool)
    hole[20:25, :] = True
    hole[:, 20:25] = True
    classes = width_classes(hole)
    assert classes[22, 2] == classes[2, 22] == 1
    assert (width_classes(np.eye(9, dtype=bool))[np.eye(9, dtype=bool)] == 0).all()
    assert (width_classes(np.zeros((5, 5), bool)) == -1).all()


def test_classes_are_those_of_the_mask_set():
    assert WIDTH_CLASSES[:-1] == LineMasks(version=2).buckets
