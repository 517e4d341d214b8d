"""Windows over the damage: every hole in a core, context around it, little computed in vain."""

import numpy as np
import pytest

from pconv_jax.masks import random_strokes
from pconv_jax.tiles import GRID, Window, cover, lost, occupied

SIZES, MARGIN = (192, 256, 384, 640), 64


def scattered(height, width, seed, spots):
    rng = np.random.default_rng(seed)
    hole = np.zeros((height, width), bool)
    for _ in range(spots):
        y, x = rng.integers(0, height), rng.integers(0, width)
        part = hole[y : y + 96, x : x + 96]
        part |= random_strokes(rng, 96, 96, count=(1, 3), thickness=(1, 8))[: part.shape[0], : part.shape[1], 0] == 0
    return hole


def test_occupied_blocks_by_hand():
    hole = np.zeros((33, 20), bool)
    hole[15, 15] = hole[32, 19] = True
    assert occupied(hole).tolist() == [[True, False], [False, False], [False, True]]
    assert not lost(hole).any()
    hole[:17, 16:] = hole[32, :18] = True
    assert lost(hole).tolist() == [[False, True], [False, False], [True, False]]


@pytest.mark.parametrize(("height", "width", "spots"), [(100, 70, 1), (640, 1000, 5), (1500, 900, 60), (17, 2000, 3)])
@pytest.mark.parametrize("sizes", [SIZES, (192,), (144, 400)])
def test_each_hole_is_in_a_core_and_has_context_up_to_the_border_of_the_image(height, width, spots, sizes):
    hole = scattered(height, width, spots, spots)
    used = np.zeros((height + GRID, width + GRID), bool)
    for window in cover(occupied(hole), sizes, MARGIN):
        assert window.size in sizes
        for first, (start, stop), length in zip(
            (window.top, window.left), (window.rows, window.columns), (height, width), strict=True
        ):
            assert first % GRID == 0
            assert start >= 0
            assert first == 0 or first <= start - MARGIN
            assert first + window.size >= min(stop + MARGIN, length)
        used[slice(*window.rows), slice(*window.columns)] = True
    used = used[:height, :width]
    assert used[hole].all()


def test_no_damage_needs_no_window():
    assert cover(np.zeros((9, 9), bool), SIZES, MARGIN) == []


def test_a_small_hole_gets_the_smallest_window_around_it():
    hole = np.zeros((1000, 1000), bool)
    hole[500:510, 700:705] = True
    assert cover(occupied(hole), SIZES, MARGIN) == [Window(384, 592, 192, (496, 512), (688, 720))]


def test_margins_by_hand():
    window = Window(16, 32, 128, (48, 112), (64, 128))
    assert window.has_margin(32)
    assert not window.has_margin(48)
    assert not Window(16, 32, 128, (48, 112), (64, 129)).has_margin(32)
    assert not Window(32, 32, 128, (48, 112), (64, 128)).has_margin(32)


def test_windows_are_moved_inwards_at_the_border():
    hole = np.zeros((1000, 1000), bool)
    hole[0, 0] = hole[999, 999] = True
    first, last = cover(occupied(hole), SIZES, MARGIN)
    assert (first.top, first.left) == (0, 0)
    assert (last.top + last.size, last.left + last.size) == (1008, 1008)


def test_scattered_damage_costs_less_than_the_image_and_full_damage_little_more():
    hole = np.zeros((2048, 2048), bool)
    hole[::500, ::500] = True
    area = sum(window.area for window in cover(occupied(hole), SIZES, MARGIN))
    assert area == 25 * 192**2  # a sixth of the image
    full = sum(window.area for window in cover(np.ones((128, 128), bool), SIZES, MARGIN))
    assert full == 16 * 640**2  # 1.6 times the image
