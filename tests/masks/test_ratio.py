"""Strokes by hole ratio: their bins, their margin."""

import numpy as np
import pytest

from pconv_jax import masks
from pconv_jax.common.errors import InputError


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
