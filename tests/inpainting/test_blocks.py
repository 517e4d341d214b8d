"""Blocks of an image in place of its pixels: by hand, computed once, and the same whatever is asked for."""

import numpy as np
import pytest

from pconv_jax.inpainting.blocks import Halved, Pixels
from pconv_jax.inpainting.flat import KeptFlat

ALL = np.s_[:, :]


def test_blocks_by_hand():
    pixels = np.array([[5, 9, 3, 1, 4], [6, 7, 2, 8, 4], [1, 2, 3, 4, 5]], np.uint8)[..., None]
    hole = np.zeros((3, 5), bool)
    hole[:2, :2] = hole[0, 3] = hole[2, 4] = True
    two = Halved(Pixels(pixels, hole))
    four = Halved(two)
    assert two.shape == (2, 3, 1) and four.shape == (1, 2, 1)
    np.testing.assert_array_equal(two(ALL).darkest[..., 0], [[255, 2, 4], [1, 3, 255]])
    np.testing.assert_array_equal(two(ALL).brightest[..., 0], [[0, 8, 4], [2, 4, 0]])
    np.testing.assert_array_equal(two(ALL).hole, [[True, False, False], [False, False, True]])
    np.testing.assert_array_equal(four(ALL).darkest[..., 0], [[1, 4]])
    np.testing.assert_array_equal(four(ALL).brightest[..., 0], [[8, 4]])
    assert not four(ALL).hole.any()


def test_colours_count_where_alpha_is_not_0():
    pixels = np.array([[[10, 0], [20, 3]], [[30, 4], [40, 5]]], np.uint16)
    hole = np.array([[False, False], [False, True]])
    (found,) = Halved(Pixels(pixels, hole))(ALL).darkest.reshape(1, 2).tolist()
    assert found == [20, 0]
    (found,) = Halved(Pixels(pixels, hole))(ALL).brightest.reshape(1, 2).tolist()
    assert found == [30, 4]


class Counted(Pixels):
    """Counts the pixels that are looked at."""

    seen = 0

    def __call__(self, area):
        found = super().__call__(area)
        self.seen += found.hole.size
        return found


def test_pixels_are_looked_at_once_and_only_near_what_is_asked_for():
    pixels = np.random.default_rng(0).integers(0, 256, (700, 1000, 3), np.uint8)
    image = Counted(pixels, np.zeros((700, 1000), bool))
    two = Halved(image)
    four = Halved(two)
    assert not image.seen
    four(np.s_[3:5, 60:70])  # of 64 by 64 blocks
    assert image.seen == 256 * 512
    for top in range(0, 175, 25):
        for level, scale in ((four, 4), (two, 2)):
            found = level(np.s_[top : top + 50, 100:240])
            part = pixels[scale * top : scale * (top + 50), scale * 100 : scale * 240]
            rows, columns = (-(-side // scale) for side in part.shape[:2])
            assert found.darkest.shape == (rows, columns, 3)
            np.testing.assert_array_equal(
                found.darkest[1, 2], part[scale : 2 * scale, 2 * scale : 3 * scale].min((0, 1))
            )
    four(ALL), two(ALL)
    assert image.seen == 700 * 1000


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_kept_does_not_depend_on_the_windows(channels):
    rows, columns = np.mgrid[:300, :400]
    slope = 100 + np.rint(rows / 60 + columns / 90).astype(np.uint8)
    pixels = np.repeat(slope[..., None], channels, axis=2)
    hole = np.zeros((300, 400), bool)
    hole[30:270, 50:350] = True
    values = np.random.default_rng(0).integers(90, 125, (np.count_nonzero(hole), channels)).astype(np.uint8)
    rows, columns = np.nonzero(hole)
    kept_flat = KeptFlat(pixels, hole)
    whole = kept_flat(values, rows, columns)
    assert (whole != values).any()
    for part in np.array_split(np.arange(len(rows)), 7):
        np.testing.assert_array_equal(KeptFlat(pixels, hole)(values[part], rows[part], columns[part]), whole[part])
        np.testing.assert_array_equal(kept_flat(values[part], rows[part], columns[part]), whole[part])


def test_nor_do_thin_holes_depend_on_them():
    rng = np.random.default_rng(0)
    pixels = np.full((48, 56, 1), 120, np.uint8)
    for _ in range(40):
        hole = np.zeros((48, 56), bool)
        for _ in range(6):  # lines and squares of up to 7 px that meet
            top, left, height, width = rng.integers((0, 0, 1, 1), (44, 50, 8, 8))
            hole[top : top + height, left : left + width * rng.integers(1, 4)] = True
        pixels[rng.integers(48), rng.integers(56)] = 20  # something that differs
        rows, columns = np.nonzero(hole)
        values = np.full((len(rows), 1), 90, np.uint8)
        kept_flat = KeptFlat(pixels, hole)
        whole = kept_flat(values, rows, columns)
        for at in range(0, len(rows), 3):
            one = np.s_[at : at + 1]
            np.testing.assert_array_equal(kept_flat(values[one], rows[one], columns[one]), whole[one])
