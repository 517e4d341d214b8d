"""Estimates without the original: where damage is laid, what is scored, and intervals worked out by hand."""

import concurrent.futures
import math
import threading
import types
import warnings

import numpy as np
import pytest
from PIL import Image

import pconv_jax
from pconv_jax.common.errors import InputError
from pconv_jax.evaluation import estimate as module
from pconv_jax.evaluation.estimate import Estimate, WidthEstimate, estimate_restored
from pconv_jax.evaluation.expected import Expected, expected_psnr, expected_ssim
from pconv_jax.inpainting.known_holes import warn_of_other_holes


def scene(height=160, width=200, channels=3):
    rows, columns = np.mgrid[:height, :width]
    image = 0.5 + 0.2 * np.sin(rows / 9) * np.cos(columns / 13) + np.random.default_rng(0).normal(0, 0.02, rows.shape)
    image = np.rint(255 * image.clip(0, 1)).astype(np.uint8)
    return image if channels == 1 else np.repeat(image[..., None], channels, axis=2)


def bar(shape, top=60, wide=4):
    hole = np.zeros(shape, bool)
    hole[top : top + wide, 20:180] = True
    return hole


def darker(by):
    """Restores with an error that is known."""

    def restore(pixels, hole):
        assert pixels.shape[:2] == hole.shape
        return np.where(hole if pixels.ndim == 2 else hole[..., None], pixels - np.uint8(by), pixels)

    return restore


@pytest.mark.parametrize("channels", [1, 3])
def test_a_known_error_is_found(channels):
    image = scene(channels=channels)
    found = estimate_restored(image, bar(image.shape[:2]), darker(10))
    assert found.psnr.value == pytest.approx(-20 * math.log10(10 / 255))
    assert found.psnr.low == pytest.approx(found.psnr.value) == pytest.approx(found.psnr.high)
    (only,) = found.widths
    assert (only.width, only.share) == ("3-5 px", 1.0)
    assert only.psnr == found.psnr and only.ssim == found.ssim
    assert 0.5 < found.ssim.value < 1
    lines = str(found).splitlines()
    assert lines[0].startswith("     all: PSNR 28.1 [28.1, 28.1] dB, SSIM 0.") and len(lines) == 2


def test_an_interval_that_tells_nothing_is_not_printed():
    ssim, sure, vague = Expected(0.9, 0.8, 1.0), Expected(30.0, 25.0, 35.0), Expected(33.4, -8.5, 75.3)
    widths = tuple(WidthEstimate(name, 0.5, 9, psnr, ssim) for name, psnr in (("1-2 px", vague), ("3-5 px", sure)))
    assert str(Estimate(sure, ssim, widths, (16, 0))).splitlines() == [
        "     all: PSNR 30.0 [25.0, 35.0] dB, SSIM 0.900 [0.800, 1.000]",
        "  1-2 px: too little damage of this width to tell",
        "  3-5 px: PSNR 30.0 [25.0, 35.0] dB, SSIM 0.900 [0.800, 1.000]",
    ]
    single, none = Expected(30.0, None, None), Expected(None, None, None)  # one observation, and no place for one
    for score in (vague, single, none):
        assert str(Estimate(score, ssim, (), (16, 0))) == "     all: too little damage to tell"
    equal = Estimate(Expected(math.inf, None, None), Expected(1.0, None, None), (), (16, 0))
    assert str(equal) == "     all: PSNR inf dB, SSIM 1.000"


def test_16_bits_and_floating_point_score_alike():
    image = scene()
    hole = bar(image.shape[:2])
    eight = estimate_restored(image, hole, darker(10))

    def restore(by):
        return lambda pixels, hole: np.where(hole[..., None], pixels - np.asarray(by, pixels.dtype), pixels)

    sixteen = estimate_restored(image * np.uint16(257), hole, restore(2570))
    floating = estimate_restored(image / 255, hole, restore(10 / 255))
    assert sixteen.psnr.value == pytest.approx(eight.psnr.value) == pytest.approx(floating.psnr.value)
    assert sixteen.ssim.value == pytest.approx(eight.ssim.value) == pytest.approx(floating.ssim.value)


def test_only_undamaged_and_opaque_places_count():
    image = scene()
    hole = bar(image.shape[:2])
    hole[80:84, 20:100] = True  # the first shift down would lie on it
    seen = []

    def restore(pixels, laid):
        seen.append(laid)
        return darker(10)(pixels, laid)

    found = estimate_restored(image, hole, restore)
    down, right = found.shift
    laid = np.zeros_like(hole)
    laid[max(0, down) :, max(0, right) :] = hole[: 160 - max(0, down), : 200 - max(0, right)][-min(0, down) :][
        :, -min(0, right) :
    ]
    (given,) = seen
    np.testing.assert_array_equal(given, laid)
    assert sum(each.pixels for each in found.widths) == np.count_nonzero(laid & ~hole)
    transparent = np.dstack([image, np.where(np.arange(200) < 100, 255, 0) * np.ones((160, 1))]).astype(np.uint8)
    half = estimate_restored(transparent, hole, lambda pixels, laid: pixels)
    assert 0 < sum(each.pixels for each in half.widths) < sum(each.pixels for each in found.widths)
    assert half.psnr == Expected(math.inf, None, None)


def test_each_width_counts_as_it_does_in_the_hole():
    image = scene()
    hole = bar(image.shape[:2], top=40, wide=2)
    hole[100:120, 20:180] = True

    def restore(pixels, laid):
        errors = np.where(module.width_classes(laid) == 0, 5, 20).astype(np.uint8)
        return np.where(laid[..., None], pixels - errors[..., None], pixels)

    found = estimate_restored(image, hole, restore)
    assert [each.width for each in found.widths] == ["1-2 px", "9-16 px", "17-24 px"]  # the corners are narrower
    share = 2 / 22
    assert found.widths[0].share == pytest.approx(share)
    error = (share * 5**2 + (1 - share) * 20**2) / 255**2
    assert found.psnr.value == pytest.approx(-10 * math.log10(error))


def test_pixels_that_were_restored_are_never_scored():
    image = scene()
    hole = np.zeros(image.shape[:2], bool)
    hole[30:130, 20:180] = True  # too high for any shift to leave it
    found = estimate_restored(image, hole, darker(10))
    places = np.argwhere(hole) + found.shift
    places = places[((places >= 0) & (places < hole.shape)).all(axis=1)]
    assert sum(each.pixels for each in found.widths) == np.count_nonzero(~hole[tuple(places.T)])


def test_the_nearest_place_is_taken_that_is_almost_as_good_as_the_best():
    image = scene()
    hole = np.zeros(image.shape[:2], bool)
    for top in (20, 60, 100):
        hole[top : top + 4, 20:180] = True
    hole[130:150, 90:110] = True  # of its 400 pixels 80 are still damaged 16 px away, of 2320 altogether
    assert math.hypot(*estimate_restored(image, hole, darker(10)).shift) == pytest.approx(16, abs=1)


def test_of_many_places_some_are_chosen_by_the_content(monkeypatch):
    monkeypatch.setattr(module, "_MOST_CELLS", 3)
    image = scene()
    hole = np.zeros(image.shape[:2], bool)
    hole[::40, 10:190] = True
    one, again = (estimate_restored(image, hole, darker(10)) for _ in range(2))
    assert one == again
    assert 0 < one.widths[0].pixels < np.count_nonzero(hole) / 2
    assert one.psnr.value == pytest.approx(-20 * math.log10(10 / 255))


def test_what_cannot_be_estimated_is_refused():
    image = scene()
    with pytest.raises(InputError, match="nothing is marked as damage"):
        estimate_restored(image, np.zeros(image.shape[:2], bool), darker(1))
    with pytest.raises(InputError, match="at least 11 px"):
        estimate_restored(image[:9], bar((9, 200), top=2), darker(1))
    speck = np.zeros((13, 17), bool)
    speck[6, 8] = True  # what lies 16 px beside it is outside the image
    with pytest.raises(InputError, match="at least 16 px beside itself, which is outside this image of 17x13 px: use"):
        estimate_restored(image[:13, :17], speck, darker(1))
    with pytest.raises(InputError, match="nothing near the damage is undamaged"):
        estimate_restored(image[:13, :17], np.ones((13, 17), bool), darker(1))
    unseen = np.dstack([image, np.zeros(image.shape[:2], np.uint8)])
    with pytest.raises(InputError, match="nothing near the damage is undamaged"):
        estimate_restored(unseen, bar(image.shape[:2]), darker(1))


def test_an_interval_by_hand():
    # Means of 2 and 4 over equal numbers of pixels: the mean 3, its variance 2 / 1 * (1 + 1) * 5**2 / 10**2 = 1.
    found = expected_ssim(np.array([0.1 * 10, 0.2 * 10]), np.array([5.0, 5.0]), 10)
    assert found.value == pytest.approx(0.3)
    # A variance of 2 / 1 * 2 * 0.5**2 / 10**2, twice for the others are as many, and t of 1 degree: 12.706.
    reach = 12.7062 * math.sqrt(2 * 2 * 0.5**2 / 100 * 2)
    assert found.high == pytest.approx(min(1, 0.3 + reach)) and found.low == pytest.approx(max(-1, 0.3 - reach))
    wide = expected_psnr(np.array([0.1, 0.2]) * 10, np.array([5.0, 5.0]), 10)
    assert wide.value == pytest.approx(-10 * math.log10(0.3))
    assert wide.high - wide.value == pytest.approx(10 / math.log(10) * reach / 0.3) == wide.value - wide.low


def test_a_large_observation_beside_small_ones_is_hardly_more_than_one():
    # 80, 10 and 10 pixels are as 100**2 / (80**2 + 2 * 10**2) = 1.5 observations, so t of 1 degree, not of 2: 4.303.
    # Around their mean, 0.5, the sums are off by 0, -1 and 1: a variance of 3 / 2 * 2 / 100**2, twice for the others.
    found = expected_ssim(np.array([40.0, 4.0, 6.0]), np.array([80.0, 10.0, 10.0]), 100)
    assert found.value == pytest.approx(0.5)
    assert found.high - 0.5 == pytest.approx(12.7062 * math.sqrt(2 * 3e-4), rel=1e-4) == 0.5 - found.low


def test_each_width_counts_as_it_does_in_the_hole_by_hand():
    # Of the hole 10 pixels are narrow and 30 broad; 30 and 10 were scored, with squared errors of 0.01 and 0.04 each.
    counts, of_hole = np.zeros((2, 5)), np.zeros(5, int)
    counts[:, [0, 2]], of_hole[[0, 2]] = [[20, 4], [10, 6]], [10, 30]
    errors, similarities = np.array([0.01, 0, 0.04, 0, 0]), np.array([0.9, 0, 0.5, 0, 0])
    found = module._estimate(counts, counts * errors, counts * similarities, of_hole, (16, 0))
    assert found.psnr.value == pytest.approx(-10 * math.log10((10 * 0.01 + 30 * 0.04) / 40))
    assert found.ssim.value == pytest.approx((10 * 0.9 + 30 * 0.5) / 40)
    assert [each.share for each in found.widths] == [0.25, 0.75]


def test_with_one_observation_or_none_there_is_no_interval():
    assert expected_psnr(np.zeros(2), np.zeros(2), 5) == Expected(None, None, None)
    assert expected_ssim(np.array([3.0, 0.0]), np.array([4.0, 0.0]), 5) == Expected(0.75, None, None)
    assert expected_psnr(np.array([0.04, 0.0]), np.array([4.0, 0.0]), 5) == Expected(20.0, None, None)
    assert expected_psnr(np.zeros(2), np.ones(2), 5) == Expected(math.inf, None, None)
    assert f"{Expected(None, None, None):.1f}" == "unknown"
    assert f"{Expected(20.04, 18.0, 22.0):.1f}" == "20.0 [18.0, 22.0]"


def test_the_public_function(weights):
    image = scene(96, 96)
    found = pconv_jax.estimate(image, hole=bar((96, 96)), weights=weights)
    assert isinstance(found, Estimate) and found.psnr.value is not None
    assert found == pconv_jax.estimate(image, 1 - bar((96, 96)), weights=weights)


def test_the_damage_that_is_laid_gets_no_warning_and_threads_leave_all_filters_as_they_are():
    image, hole = scene(), bar((160, 200))
    entered, leave = ([threading.Event(), threading.Event()] for _ in range(2))

    def restoring(place):
        def restore(pixels, laid):
            warn_of_other_holes(types.SimpleNamespace(thickest_line=1, training_masks=None), 9, 99)
            entered[place].set()
            assert leave[place].wait(5)
            return pixels

        return restore

    before = list(warnings.filters)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        calls = []
        for place in range(2):
            calls.append(pool.submit(estimate_restored, image, hole, restoring(place)))
            assert entered[place].wait(5)
        for place in range(2):  # that which came first leaves first
            leave[place].set()
            calls[place].result()
    assert warnings.filters == before


def test_the_public_function_takes_pictures_and_light(weights):
    """Grey with transparency, as PIL has it; and what is linear in light is restored as `inpaint` does."""
    image, damage = scene(96, 96, channels=1), bar((96, 96))
    grey = pconv_jax.estimate(Image.fromarray(image).convert("LA"), hole=damage, weights=weights)
    colours = np.dstack([image, image, image, np.full_like(image, 255)])
    assert grey == pconv_jax.estimate(colours, hole=damage, weights=weights)

    def restore(pixels, hole):
        return pconv_jax.inpaint(pixels, hole=hole, weights=weights, linear=True)

    expected = estimate_restored(restore(colours, damage), damage, restore)
    assert pconv_jax.estimate(colours, hole=damage, weights=weights, linear=True) == expected != grey
