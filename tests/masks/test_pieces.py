"""Pieces of film damage as they are drawn: their thickness, and where they lie."""

import cv2
import numpy as np
import pytest
from coverages import thickest
from skimage.morphology import skeletonize

from pconv_jax.masks.pieces import KINDS, THICKEST, draw_piece


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_of_each_kind(kind):
    pieces = [draw_piece(np.random.default_rng(seed), kind, 64, 96, thickness=4) for seed in range(12)]
    for seed, piece in enumerate(pieces):
        assert piece.shape == (64, 96) and piece.dtype == np.float32
        assert piece.min() >= 0 and piece.max() <= 1
        again = draw_piece(np.random.default_rng(seed), kind, 64, 96, thickness=4)
        np.testing.assert_array_equal(piece, again)
    assert len({piece.tobytes() for piece in pieces}) > 9
    assert sum(piece.max() > 0.9 for piece in pieces) > 5
    assert all(piece.mean() < 0.5 for piece in pieces)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_thicker_than_its_kind_can_be(kind):
    most = THICKEST[kind]
    much, exact = (draw_piece(np.random.default_rng(3), kind, 96, 96, thickness=t) for t in (1000, most))
    np.testing.assert_array_equal(much, exact)


@pytest.mark.parametrize("thickness", [2, 5, 9])
def test_scratches_are_as_thick_as_told(thickness):
    found = [
        thickest(draw_piece(np.random.default_rng(seed), "scratch", 96, 96, thickness=thickness)) for seed in range(16)
    ]
    assert max(found) <= thickness + 2
    assert max(found) >= 0.8 * thickness


@pytest.mark.parametrize("size", [(64, 640), (640, 64), (96, 96)])
def test_tears_lie_anywhere_along_all_four_edges_and_reach_in_three_times_as_far_as_thick(size):
    most, along, deepest = 3 * 6, [[], []], {}
    for seed in range(200):
        torn = draw_piece(np.random.default_rng(seed), "tear", *size, thickness=6) > 0.5
        if not torn.any():
            continue
        places = [np.flatnonzero(torn.any(axis=1 - axis)) for axis in (0, 1)]
        # How far in from each of the edges: the least is the one that it hangs on.
        deep = {
            (axis, end): places[axis][-1] + 1 if end == 0 else size[axis] - places[axis][0]
            for axis in (0, 1)
            for end in (0, 1)
            if (places[axis][0] == 0 if end == 0 else places[axis][-1] == size[axis] - 1)
        }
        axis, end = min(deep, key=deep.get)
        assert deep[axis, end] <= most + 2, seed
        deepest[axis, end] = max(deepest.get((axis, end), 0), deep[axis, end])
        along[1 - axis].append(places[1 - axis].mean() / size[1 - axis])
    assert len(deepest) == 4 and min(deepest.values()) > 0.7 * most
    for places in along:
        assert len(places) > 50 and min(places) < 0.15 and max(places) > 0.85


def test_cracks_branch_and_scratches_do_not():
    def loose_ends(kind, seed):  # of the lines one pixel wide along the middle of a piece
        line = skeletonize(draw_piece(np.random.default_rng(seed), kind, 128, 128, thickness=3) > 0.5).astype(np.uint8)
        around = cv2.filter2D(line, -1, np.ones((3, 3)), borderType=cv2.BORDER_CONSTANT)
        return np.count_nonzero(line & (around == 2))

    scratches, cracks = ([loose_ends(kind, seed) for seed in range(24)] for kind in ("scratch", "crack"))
    assert np.median(scratches) == 2 and np.median(cracks) > 5
    assert max(cracks) <= 2 * 16 + 20  # at most 16 lines, each in a few parts where it is too faint to be counted


def test_a_crack_is_at_most_twice_as_thick_as_told_where_it_begins():
    found = [thickest(draw_piece(np.random.default_rng(seed), "crack", 96, 96, thickness=6)) for seed in range(40)]
    assert 6 < max(found) <= 2 * 6 * 1.2 + 2  # flakes are blobs with radii of up to 1.2 times what they should be
    assert np.median([each for each in found if each]) <= 6 + 1


def test_short_hairs_and_scratches_are_as_frequent_as_on_real_film():
    hairs = [draw_piece(np.random.default_rng(seed), "hair", 128, 128, thickness=3).sum() / 9 for seed in range(60)]
    assert 0.15 < np.mean(np.array(hairs) < 10) < 0.5  # times as long as thick
    spans = []
    for seed in range(60):
        rows, columns = np.nonzero(draw_piece(np.random.default_rng(seed), "scratch", 128, 128, thickness=2) > 0.3)
        spans.append(np.hypot(np.ptp(rows), np.ptp(columns)) if len(rows) else 0)
    assert 0.25 < np.mean(np.array(spans) < 0.2 * 128) < 0.6


def test_no_speck_is_smaller_than_two_pixels():
    """Dust that should be smaller is drawn alike, where it is not softened; dirt, which overlaps, is larger."""
    dust, smaller = (
        [draw_piece(np.random.default_rng(seed), "dust", 64, 64, thickness=t).tobytes() for seed in range(20)]
        for t in (1.0, 0.9)
    )
    assert sum(a == b for a, b in zip(dust, smaller, strict=True)) > 4
    dirt = [thickest(draw_piece(np.random.default_rng(seed), "dirt", 64, 64, thickness=1)) for seed in range(20)]
    assert np.mean(dirt) > 3


def test_lines_thinner_than_a_pixel_are_paler():
    thin, thick = (
        np.mean([draw_piece(np.random.default_rng(seed), "hair", 64, 64, thickness=t).max() for seed in range(20)])
        for t in (0.25, 2)
    )
    assert thin < 0.8 * thick
    # Both as thin as can be drawn, one half as opaque.
    faint, thin = (
        np.mean([draw_piece(np.random.default_rng(seed), "hair", 64, 64, thickness=t).max() for seed in range(20)])
        for t in (0.25, 0.5)
    )
    assert faint < 0.7 * thin


def test_images_as_small_as_can_be():
    for kind in KINDS:
        for height, width in ((1, 1), (2, 9), (9, 2)):
            assert draw_piece(np.random.default_rng(0), kind, height, width, thickness=24).shape == (height, width)
