"""Means over images: worked by hand, what they leave out, paired differences."""

import math

import numpy as np
import pytest
from score_rows import row

from pconv_jax.common.errors import InputError
from pconv_jax.evaluation.statistics import Mean, bootstrap, by_image, difference, score_columns

NAN, INF = math.nan, math.inf
BASES = [10.0, 30.0, 50.0, 20.0, 40.0]


def test_the_mean_worked_by_hand():
    found = bootstrap([1.0, 2.0, 6.0, 4.0, 2.0])
    assert (found.mean, found.images, found.perfect) == (3.0, 5, 0)
    assert 1.0 <= found.low < 3.0 < found.high <= 6.0


def test_equal_values_have_an_interval_without_width():
    assert bootstrap([2.5] * 5) == Mean(2.5, 2.5, 2.5, 5, 0)


def test_nan_is_left_out_and_perfect_results_are_counted():
    found = bootstrap([1.0, NAN, INF, 3.0, INF, 1.0, 2.0, 3.0])
    assert (found.mean, found.images, found.perfect) == (2.0, 5, 2)
    plain = bootstrap([1.0, 3.0, 1.0, 2.0, 3.0])
    assert (found.low, found.high) == (plain.low, plain.high)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([4.0], Mean(4.0, None, None, 1, 0)),
        ([4.0, NAN, INF], Mean(4.0, None, None, 1, 1)),
        ([4.0, 1.0, 2.0, 5.0, NAN], Mean(3.0, None, None, 4, 0)),
        ([], Mean(None, None, None, 0, 0)),
        ([NAN, NAN], Mean(None, None, None, 0, 0)),
        ([INF, INF], Mean(None, None, None, 0, 2)),
    ],
)
def test_fewer_than_five_values_have_no_interval(values, expected):
    assert bootstrap(values) == expected


def test_the_interval_is_reproducible_and_that_of_an_independent_bootstrap():
    values = np.random.default_rng(3).normal(20, 4, 40)
    found = bootstrap(values)
    assert bootstrap(list(values)) == found
    assert bootstrap(values, seed=1) != found
    rng = np.random.default_rng(99)
    means = [rng.choice(values, values.size).mean() for _ in range(4000)]
    # The normal tail beyond sqrt(40 / 39) * 2.0227, which is Student's 97.5 % quantile with 39 degrees of freedom.
    assert (found.low, found.high) == pytest.approx(np.percentile(means, [2.027, 97.973]), abs=0.15)


def test_more_values_narrow_the_interval():
    values = np.random.default_rng(3).normal(0, 1, 20)
    few, many = bootstrap(values), bootstrap(np.tile(values, 25))
    assert (few.high - few.low) / (many.high - many.low) == pytest.approx(5, rel=0.2)


def test_one_score_per_image():
    rows = [row(7, "x", psnr=1.0), row(7, "y", psnr=2.0), row(2, "x", psnr=5.0), row(2, "y", psnr=NAN)]
    assert by_image(rows, "hole_psnr") == {7: 1.5, 2: 5.0}
    assert list(by_image(rows, "hole_psnr")) == [7, 2]
    rows = [row(0, "x", psnr=INF), row(0, "y", psnr=3.0), row(1, "x", psnr=INF), row(1, "y", psnr=NAN)]
    assert by_image(rows, "hole_psnr") == {0: 3.0, 1: INF}
    assert math.isnan(by_image([row(0, psnr=NAN)], "hole_psnr")[0])


def test_columns_of_scores_are_those_that_are_no_keys():
    assert score_columns([row(0, **{"vgg x": 1.0})]) == ["hole_psnr", "hole_l1", "whole_l1", "vgg x"]


def test_a_difference_is_between_the_same_images():
    rows = [row(i, method="a", psnr=BASES[i] + gain) for i, gain in enumerate([1.0, 2.0, 3.0, 1.0, 3.0])]
    rows += [row(i, method="b", psnr=base) for i, base in enumerate(BASES)][::-1]
    rows += [row(9, method="b", psnr=-1000.0)]  # a does not have it
    found = difference(rows, "a", "b", "hole_psnr")
    assert (found.mean, found.images) == (2.0, 5)
    assert 1.0 <= found.low < found.high <= 3.0  # the images' own 10 to 50 dB cancel
    back = difference(rows, "b", "a", "hole_psnr")
    assert back.mean == -2.0
    assert difference(rows, "a", "a", "hole_psnr") == Mean(0.0, 0.0, 0.0, 5, 0)


def test_a_difference_over_several_buckets_or_in_one():
    rows = [row(0, "x", "a", 3.0), row(0, "y", "a", 7.0), row(0, "x", "b", 1.0), row(0, "y", "b", 1.0)]
    rows += [row(1, "x", "a", 5.0), row(1, "y", "a", INF), row(1, "x", "b", 4.0), row(1, "y", "b", INF)]
    assert difference(rows, "a", "b", "hole_psnr").mean == 2.5  # ((2 + 6) / 2 + 1) / 2: two infinities are no gain
    assert difference(rows, "a", "b", "hole_psnr", bucket="x").mean == 1.5
    assert difference(rows, "a", "b", "hole_psnr", bucket="y") == Mean(6.0, None, None, 1, 0)


@pytest.mark.parametrize("names", ["ab", "ba"])
def test_a_difference_from_a_perfect_score_is_left_out_and_counted(names):
    rows = [row(i, method="a", psnr=psnr) for i, psnr in enumerate([INF, 3.0])]
    rows += [row(i, method="b", psnr=1.0) for i in range(2)]
    found = difference(rows, *names, "hole_psnr")
    assert (abs(found.mean), found.images, found.perfect) == (2.0, 1, 1)


def test_a_difference_from_a_method_that_is_not_there():
    rows = [row(0, "x", "a"), row(0, "y", "b")]
    with pytest.raises(InputError, match=r"'c' in bucket 'all': choose from a, b"):
        difference(rows, "a", "c", "hole_psnr")
    with pytest.raises(InputError, match="'c'"):
        difference(rows, "c", "a", "hole_psnr")
    with pytest.raises(InputError, match=r"'b' in bucket 'x'"):
        difference(rows, "a", "b", "hole_psnr", bucket="x")


@pytest.mark.parametrize("images", [6, 9, 60])
def test_the_interval_covers_the_true_mean_in_about_95_percent_of_samples(images):
    rng = np.random.default_rng(0)
    found = [bootstrap(rng.normal(3, 2, images), seed=seed) for seed in range(300)]
    assert 0.92 <= np.mean([each.low <= 3 <= each.high for each in found]) <= 0.98


def test_the_interval_of_a_skewed_score_is_not_symmetric():
    values = np.random.default_rng(5).exponential(1, 40)
    found = bootstrap(values)
    rng = np.random.default_rng(98)
    means = [rng.choice(values, values.size).mean() for _ in range(4000)]
    assert (found.low, found.high) == pytest.approx(np.percentile(means, [2.027, 97.973]), abs=0.05)
    assert found.high - found.mean > found.mean - found.low


def test_many_images_are_not_resampled_all_at_once(monkeypatch):
    values = np.random.default_rng(1).normal(size=300)
    expected = bootstrap(values)
    largest = []

    def mean(samples, axis=None):
        largest.append(np.size(samples))
        return average(samples, axis=axis)

    average = np.mean
    monkeypatch.setattr("pconv_jax.evaluation.statistics._AT_ONCE", 3000)
    monkeypatch.setattr(np, "mean", mean)
    assert bootstrap(values) == expected
    assert 300 < max(largest) <= 3000


def test_a_bucket_that_only_one_method_inpaints_perfectly_does_not_count_for_the_other():
    rows = [row(0, "x", "a", 12.0), row(0, "y", "a", INF), row(0, "x", "b", 10.0), row(0, "y", "b", 40.0)]
    assert difference(rows, "a", "b", "hole_psnr").mean == 2.0  # of x alone: 40 dB are no loss of a
    assert difference(rows, "b", "a", "hole_psnr").mean == -2.0


def test_a_difference_needs_a_finite_score_of_both():
    rows = [row(0, method="a", psnr=NAN), row(0, method="b", psnr=5.0)]
    assert difference(rows, "a", "b", "hole_psnr") == Mean(None, None, None, 0, 0)
