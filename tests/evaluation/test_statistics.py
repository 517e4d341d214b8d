"""Means over images: worked by hand, what they leave out, paired differences, tables and JSON."""

import json
import math

import numpy as np
import pytest

from pconv_jax.common.errors import InputError
from pconv_jax.evaluation.statistics import (
    ALL,
    Mean,
    Summary,
    bootstrap,
    by_image,
    difference,
    figures,
    heading,
    interval,
    markdown,
    summarise,
)

NAN, INF = math.nan, math.inf


def row(image, bucket="b", method="m", psnr=20.0, *, l1=0.1, whole=0.01, hole=0.25, **more):
    return {
        "image": image,
        "name": f"n{image}",
        "bucket": bucket,
        "method": method,
        "hole_fraction": hole,
        "hole_psnr": psnr,
        "hole_l1": l1,
        "whole_l1": whole,
        **more,
    }


def test_the_mean_worked_by_hand():
    found = bootstrap([1.0, 2.0, 6.0])
    assert (found.mean, found.images, found.perfect) == (3.0, 3, 0)
    assert 1.0 <= found.low < 3.0 < found.high <= 6.0


def test_equal_values_have_an_interval_without_width():
    assert bootstrap([2.5] * 4) == Mean(2.5, 2.5, 2.5, 4, 0)


def test_nan_is_left_out_and_perfect_repairs_are_counted():
    found = bootstrap([1.0, NAN, INF, 3.0, INF])
    assert (found.mean, found.images, found.perfect) == (2.0, 2, 2)
    plain = bootstrap([1.0, 3.0])
    assert (found.low, found.high) == (plain.low, plain.high)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([4.0], Mean(4.0, None, None, 1, 0)),
        ([4.0, NAN, INF], Mean(4.0, None, None, 1, 1)),
        ([], Mean(None, None, None, 0, 0)),
        ([NAN, NAN], Mean(None, None, None, 0, 0)),
        ([INF, INF], Mean(None, None, None, 0, 2)),
    ],
)
def test_fewer_than_two_values_have_no_interval(values, expected):
    assert bootstrap(values) == expected


def test_the_interval_is_reproducible_and_that_of_an_independent_bootstrap():
    values = np.random.default_rng(3).normal(20, 4, 40)
    found = bootstrap(values)
    assert bootstrap(list(values)) == found
    assert bootstrap(values, seed=1) != found
    rng = np.random.default_rng(99)
    means = [rng.choice(values, values.size).mean() for _ in range(4000)]
    assert (found.low, found.high) == pytest.approx(np.percentile(means, [2.5, 97.5]), abs=0.15)


def test_more_values_narrow_the_interval():
    values = np.random.default_rng(3).normal(0, 1, 20)
    few, many = bootstrap(values), bootstrap(np.tile(values, 25))
    assert (few.high - few.low) / (many.high - many.low) == pytest.approx(5, rel=0.2)


def test_one_figure_per_image():
    rows = [row(7, "x", psnr=1.0), row(7, "y", psnr=2.0), row(2, "x", psnr=5.0), row(2, "y", psnr=NAN)]
    assert by_image(rows, "hole_psnr") == {7: 1.5, 2: 5.0}
    assert list(by_image(rows, "hole_psnr")) == [7, 2]
    rows = [row(0, "x", psnr=INF), row(0, "y", psnr=3.0), row(1, "x", psnr=INF), row(1, "y", psnr=NAN)]
    assert by_image(rows, "hole_psnr") == {0: 3.0, 1: INF}
    assert math.isnan(by_image([row(0, psnr=NAN)], "hole_psnr")[0])


def test_in_the_bucket_of_all_each_image_counts_once():
    rows = [
        row(0, "x", psnr=10.0, hole=0.1),
        row(0, "y", psnr=20.0, hole=0.3),
        row(1, "x", psnr=31.0, hole=0.2),  # without its y: not less than image 0
    ]
    found = summarise(rows)
    assert list(found.means) == [ALL, "x", "y"]
    assert found.means[ALL]["m"]["hole_psnr"].mean == 23.0  # (15 + 31) / 2, not 61 / 3
    assert found.means[ALL]["m"]["hole_psnr"].images == 2
    assert found.means["x"]["m"]["hole_psnr"].mean == 20.5
    assert found.means["y"]["m"]["hole_psnr"] == Mean(20.0, None, None, 1, 0)
    assert found.hole_fraction == pytest.approx({ALL: 0.2, "x": 0.15, "y": 0.3})


def test_one_bucket_has_no_other_beside_it():
    found = summarise([row(0, method="second"), row(0, method="first"), row(1, method="second")])
    assert list(found.means) == ["b"]
    assert list(found.means["b"]) == ["second", "first"]
    assert found.without_hole == {"b": 0}


def test_figures_are_the_columns_that_are_no_keys():
    assert figures([row(0, **{"vgg x": 1.0})]) == ["hole_psnr", "hole_l1", "whole_l1", "vgg x"]


def test_images_without_a_hole_are_counted():
    rows = [row(0, psnr=NAN, l1=NAN, hole=0.0), row(1, psnr=20.0)]
    found = summarise(rows)
    assert found.without_hole == {"b": 1}
    assert found.means["b"]["m"]["hole_psnr"].images == 1
    assert found.means["b"]["m"]["whole_l1"].images == 2
    assert "1 without a hole" in found.table("hole")


def test_nothing_to_summarise():
    with pytest.raises(InputError, match="no row of scores"):
        summarise([])


def test_a_difference_is_between_the_same_images():
    rows = [row(i, method="a", psnr=base + gain) for i, (base, gain) in enumerate([(10, 1.0), (30, 2.0), (50, 3.0)])]
    rows += [row(i, method="b", psnr=base) for i, base in enumerate([10.0, 30.0, 50.0])][::-1]
    rows += [row(9, method="b", psnr=-1000.0)]  # a does not have it
    found = difference(rows, "a", "b", "hole_psnr")
    assert (found.mean, found.images) == (2.0, 3)
    assert 1.0 <= found.low < found.high <= 3.0  # the images' own 10 to 50 dB cancel
    back = difference(rows, "b", "a", "hole_psnr")
    assert back.mean == -2.0
    assert difference(rows, "a", "a", "hole_psnr") == Mean(0.0, 0.0, 0.0, 3, 0)


def test_a_difference_over_several_buckets_or_in_one():
    rows = [row(0, "x", "a", 3.0), row(0, "y", "a", 7.0), row(0, "x", "b", 1.0), row(0, "y", "b", 1.0)]
    rows += [row(1, "x", "a", 5.0), row(1, "y", "a", INF), row(1, "x", "b", 4.0), row(1, "y", "b", INF)]
    assert difference(rows, "a", "b", "hole_psnr").mean == 2.5  # ((2 + 6) / 2 + 1) / 2: two infinities are no gain
    assert difference(rows, "a", "b", "hole_psnr", bucket="x").mean == 1.5
    assert difference(rows, "a", "b", "hole_psnr", bucket="y") == Mean(6.0, None, None, 1, 0)


def test_a_difference_from_a_method_that_is_not_there():
    rows = [row(0, "x", "a"), row(0, "y", "b")]
    with pytest.raises(InputError, match=r"'c' in bucket 'all'; there are a, b"):
        difference(rows, "a", "c", "hole_psnr")
    with pytest.raises(InputError, match="'c'"):
        difference(rows, "c", "a", "hole_psnr")
    with pytest.raises(InputError, match=r"'b' in bucket 'x'"):
        difference(rows, "a", "b", "hole_psnr", bucket="x")


def test_the_table_of_a_region():
    rows = [row(i, bucket, psnr=psnr) for bucket in "xy" for i, psnr in enumerate([20.0, 20.0])]
    summary = summarise([{**each, "vgg z": 0.5} for each in rows])
    assert summary.table("hole", buckets=["x"]) == (
        "| bucket | method |            PSNR (dB) |                      L1 |                   vgg z |\n"
        "| ------ | ------ | -------------------: | ----------------------: | ----------------------: |\n"
        "| x      | m      | 20.00 [20.00, 20.00] | 0.1000 [0.1000, 0.1000] | 0.5000 [0.5000, 0.5000] |\n"
        "\nx: 2 images, 25.0% hole on average."
    )
    whole = summary.table("whole")
    assert "PSNR" not in whole and "vgg z" in whole
    assert [line.split()[1] for line in whole.splitlines()[2:5]] == [ALL, "x", "y"]


def test_the_table_of_one_bucket_names_none():
    lines = summarise([row(0)]).table("hole").splitlines()
    assert lines[0].split()[1] == "method"
    assert lines[2].split() == ["|", "m", "|", "20.00", "|", "0.1000", "|"]
    assert lines[-1] == "1 images, 25.0% hole on average."


def test_the_table_says_what_it_leaves_out():
    text = summarise([row(0, psnr=INF), row(1, psnr=20.0), row(0, method="n"), row(1, method="n")]).table("hole")
    assert "1 perfect, left out of hole_psnr (m)." in text
    assert "(n)" not in text


def test_the_table_of_a_region_without_figures():
    rows = [{"image": 0, "name": "n", "bucket": "b", "method": "m", "hole_fraction": 0.1, "hole_l1": 0.1}]
    with pytest.raises(InputError, match="'whole' has no figure; there are hole_l1"):
        summarise(rows).table("whole")


def test_the_summary_is_json():
    rows = [row(0, "x", psnr=INF), row(1, "x", psnr=INF), row(0, "y", psnr=NAN, hole=0.0), row(1, "y", psnr=9.5)]
    summary = summarise(rows)
    assert isinstance(summary, Summary)
    content = json.loads(json.dumps(summary.to_json(), allow_nan=False))
    assert content["confidence"] == 0.95
    assert list(content["buckets"]) == [ALL, "x", "y"]
    assert content["buckets"]["x"]["methods"]["m"]["hole_psnr"] == {
        "mean": None,
        "low": None,
        "high": None,
        "images": 0,
        "perfect": 2,
    }
    assert content["buckets"]["y"]["without_hole"] == 1
    assert content["buckets"][ALL]["methods"]["m"]["hole_psnr"]["mean"] == 9.5


def test_headings_intervals_and_alignment():
    assert [heading(name) for name in ("hole_psnr", "whole_l1", "hole_new", "vgg_l1")] == [
        "PSNR (dB)",
        "L1",
        "new",
        "vgg_l1",
    ]
    assert interval(Mean(21.3, 20.94, 21.7, 9, 0), 1) == "21.3 [20.9, 21.7]"
    assert interval(Mean(21.3, None, None, 1, 0), 2) == "21.30"
    assert interval(Mean(None, None, None, 0, 3), 2) == "-"
    assert markdown([["a", "b"], ["long", "1.25"]]) == "| a    |    b |\n| ---- | ---: |\n| long | 1.25 |"


def test_the_interval_covers_the_true_mean_in_about_95_percent_of_samples():
    rng = np.random.default_rng(0)
    found = [bootstrap(rng.normal(3, 2, 60), seed=seed) for seed in range(200)]
    assert 0.89 <= np.mean([each.low <= 3 <= each.high for each in found]) <= 0.99


def test_the_interval_of_a_skewed_figure_is_not_symmetric():
    values = np.random.default_rng(5).exponential(1, 40)
    found = bootstrap(values)
    rng = np.random.default_rng(98)
    means = [rng.choice(values, values.size).mean() for _ in range(4000)]
    assert (found.low, found.high) == pytest.approx(np.percentile(means, [2.5, 97.5]), abs=0.05)
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


def test_a_bucket_that_only_one_method_repairs_perfectly_does_not_count_for_the_other():
    rows = [row(0, "x", "a", 12.0), row(0, "y", "a", INF), row(0, "x", "b", 10.0), row(0, "y", "b", 40.0)]
    assert difference(rows, "a", "b", "hole_psnr").mean == 2.0  # of x alone: 40 dB are no loss of a
    assert difference(rows, "b", "a", "hole_psnr").mean == -2.0


def test_a_difference_needs_a_finite_figure_of_both():
    rows = [row(0, method="a", psnr=NAN), row(0, method="b", psnr=5.0)]
    assert difference(rows, "a", "b", "hole_psnr") == Mean(None, None, None, 0, 0)
