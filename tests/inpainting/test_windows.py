"""Windows over the damage: every hole in one, context around it, little computed in vain."""

import numpy as np
import pytest

from pconv_jax.inpainting import windows
from pconv_jax.inpainting.windows import (
    GRID,
    WINDOWS,
    Window,
    blocks_all_hole,
    blocks_with_broad_hole,
    blocks_with_hole,
    choose_windows,
    cover_blocks,
)
from pconv_jax.masks import random_strokes

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
    assert blocks_with_hole(hole).tolist() == [[True, False], [False, False], [False, True]]
    assert not blocks_all_hole(hole).any()
    hole[:17, 16:] = hole[32, :18] = True
    assert blocks_all_hole(hole).tolist() == [[False, True], [False, False], [True, False]]


def own_blocks(window):
    """Rows and columns, in blocks of the image, that a window inpaints."""
    rows, columns = np.nonzero(window.blocks)
    return rows + window.top // GRID, columns + window.left // GRID


@pytest.mark.parametrize(("height", "width", "spots"), [(100, 70, 1), (640, 1000, 5), (1700, 900, 60), (17, 2000, 3)])
@pytest.mark.parametrize("sizes", [SIZES, (192,), (144, 400)])
def test_each_hole_is_in_one_window_and_has_context(height, width, spots, sizes):
    blocks = blocks_with_hole(scattered(height, width, spots, spots))
    before, times = blocks.copy(), np.zeros(blocks.shape, int)
    for window in cover_blocks(blocks, sizes, MARGIN):
        assert window.size in sizes
        rows, columns = own_blocks(window)
        assert len(rows)
        for first, places, length in zip((window.top, window.left), (rows, columns), (height, width), strict=True):
            assert first % GRID == 0
            assert first == -MARGIN or -MARGIN < first <= GRID * -(-length // GRID) + MARGIN - window.size
            assert first + MARGIN <= GRID * places.min()
            assert first + window.size - MARGIN >= GRID * (places.max() + 1)
        times[rows, columns] += 1
    np.testing.assert_array_equal(times, blocks)
    np.testing.assert_array_equal(blocks, before)


def test_no_damage_needs_no_window():
    assert cover_blocks(np.zeros((9, 9), bool), SIZES, MARGIN) == []


def test_a_small_hole_gets_the_smallest_window_around_it():
    hole = np.zeros((1000, 1000), bool)
    hole[500:510, 700:705] = True
    (window,) = cover_blocks(blocks_with_hole(hole), SIZES, MARGIN)
    assert (window.top, window.left, window.size) == (384, 592, 192)  # as far up and left as the margin lets it
    assert [places.tolist() for places in own_blocks(window)] == [[31, 31], [43, 44]]


def test_broad_parts_of_holes_by_hand():
    hole = np.zeros((64, 48), bool)
    hole[10:18, :] = True  # a line of 8 px
    hole[40:49, 20:29] = True  # a square of 9 px, in two rows of blocks
    hole[48, 28] = False  # without its corner it is none
    assert not blocks_with_broad_hole(hole, 9).any()
    hole[48, 28] = True
    assert np.argwhere(blocks_with_broad_hole(hole, 9)).tolist() == [[2, 1], [3, 1]]
    assert np.argwhere(blocks_with_broad_hole(hole, 7)).tolist() == [
        [0, 0],
        [0, 1],
        [0, 2],
        [1, 0],
        [1, 1],
        [1, 2],
        [2, 1],
        [3, 1],
    ]
    assert not (blocks_with_broad_hole(hole, 3) & ~blocks_with_hole(hole)).any()


def test_what_a_window_takes_by_hand():
    blocks = np.ones((20, 20), bool)
    window = Window(16, 32, np.zeros((8, 8), bool))  # blocks 1 to 8 and 2 to 9
    window.take(blocks, 48)
    assert window.blocks[3:5, 3:5].all() and window.blocks.sum() == 4
    assert not blocks[4:6, 5:7].any() and blocks.sum() == 396
    window.take(blocks, 32)
    assert window.blocks[2:6, 2:6].all() and window.blocks.sum() == 16 and blocks.sum() == 384
    corner = Window(-32, 224, np.zeros((8, 8), bool))  # blocks -2 to 5 and 14 to 21: beyond the upper and right border
    corner.take(blocks, 32)
    assert corner.blocks[2:6, 2:6].all() and corner.blocks.sum() == 16
    assert not blocks[:4, 16:].any() and blocks.sum() == 368
    larger = Window(-32, -32, np.zeros((32, 32), bool))  # than the image
    larger.take(blocks, 32)
    assert larger.blocks[2:22, 2:22].sum() == larger.blocks.sum() == 368 and not blocks.any()


def test_windows_at_the_border_reach_beyond_it_by_the_margin():
    hole = np.zeros((1000, 1000), bool)
    hole[0, 0] = hole[999, 999] = True
    first, last = cover_blocks(blocks_with_hole(hole), SIZES, MARGIN)
    assert (first.top, first.left) == (-64, -64)
    assert (last.top + last.size, last.left + last.size) == (1008 + 64, 1008 + 64)


def test_scattered_damage_costs_less_than_the_image_and_full_damage_little_more():
    hole = np.zeros((2048, 2048), bool)
    hole[::500, ::500] = True
    area = sum(window.area for window in cover_blocks(blocks_with_hole(hole), SIZES, MARGIN))
    assert area == 25 * 192**2  # a fifth of the image
    full = sum(window.area for window in cover_blocks(np.ones((128, 128), bool), SIZES, MARGIN))
    assert full == 16 * 640**2  # 1.6 times the image


def test_neither_dust_nor_scratches_pay_for_the_other(monkeypatch):
    dust = np.zeros((1200, 1200), bool)
    dust[40::240, 40::240] = True
    scratches = random_strokes(np.random.default_rng(3), 600, 900, count=(5, 5), thickness=(4, 12))[..., 0] == 0

    def areas(exponents):
        monkeypatch.setattr(windows, "_COVERAGE_EXPONENTS", exponents)
        return [
            sum(window.area for window in cover_blocks(blocks_with_hole(hole), WINDOWS, 32))
            for hole in (dust, scratches)
        ]

    both, low, high = (
        areas(windows._COVERAGE_EXPONENTS),
        *(areas((exponent,)) for exponent in windows._COVERAGE_EXPONENTS),
    )
    assert low[0] < high[0]
    assert low[1] > high[1]
    assert both == [low[0], high[1]]


def test_a_program_that_costs_is_only_used_where_it_saves_as_much():
    rng = np.random.default_rng(3)
    hole = random_strokes(rng, 400, 600, count=(6, 6), thickness=(1, 12))[..., 0] == 0

    def chosen(program, sizes=WINDOWS):
        found = choose_windows(hole, sizes, program=program)
        covered = sum(np.count_nonzero(window.blocks) for window in found)
        assert covered == np.count_nonzero(blocks_with_hole(hole))  # each block in one of them
        return sum(window.area for window in found), {window.size for window in found}

    area, sizes = chosen(0)
    fewer_area, fewer = chosen(200_000)
    assert len(sizes) >= 4 and len(fewer) <= 2
    assert area <= fewer_area < area + 200_000 * (len(sizes) - len(fewer))
    assert chosen(area // 30) == (area, sizes)  # many programs' worth: all sizes
    assert len(chosen(10**7)[1]) == 1
    assert chosen(200_000, (112, 384))[1] <= {112, 384}  # sizes that a caller gives are kept to
