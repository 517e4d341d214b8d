"""Summaries of scores: buckets, tables of each region, what they leave out, JSON."""

import json
import math

import pytest
from score_rows import row

from pconv_jax.common.errors import InputError
from pconv_jax.evaluation.statistics import ALL, Mean
from pconv_jax.evaluation.summary import Summary, summarise

NAN, INF = math.nan, math.inf


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


def test_the_table_of_a_region():
    rows = [row(i, bucket, psnr=psnr) for bucket in "xy" for i, psnr in enumerate([20.0] * 5)]
    summary = summarise([{**each, "vgg z": 0.5} for each in rows])
    assert summary.table("hole", buckets=["x"]) == (
        "| bucket | method |            PSNR (dB) |                      L1 |                   vgg z |\n"
        "| ------ | ------ | -------------------: | ----------------------: | ----------------------: |\n"
        "| x      | m      | 20.00 [20.00, 20.00] | 0.1000 [0.1000, 0.1000] | 0.5000 [0.5000, 0.5000] |\n"
        "\nx: 5 images, 25.0% hole on average."
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


def test_in_the_bucket_of_all_perfect_pairs_are_counted_where_another_bucket_of_the_image_is_not():
    better = [row(0, "x", "better", INF), row(0, "y", "better", 20.0)]
    worse = [row(0, "x", psnr=60.0), row(0, "y", psnr=20.0)]
    summary = summarise([*better, *worse])
    assert summary.means[ALL]["better"]["hole_psnr"] == Mean(20.0, None, None, 1, 1)
    assert summary.means[ALL]["m"]["hole_psnr"] == Mean(40.0, None, None, 1, 0)
    note = "all: 1 images, 25.0% hole on average; 1 perfect, left out of hole_psnr (better).\n"
    assert note in summary.table("hole")


def test_the_table_of_a_region_without_scores():
    rows = [{"image": 0, "name": "n", "bucket": "b", "method": "m", "hole_fraction": 0.1, "hole_l1": 0.1}]
    with pytest.raises(InputError, match="'whole' was not scored: the columns are hole_l1"):
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


def test_raw_output_has_a_table_of_its_own_where_it_was_scored():
    rows = [row(0, raw_whole_l1=0.3, **{"vgg z": 0.5}), row(1, raw_whole_l1=0.5, **{"vgg z": 0.5})]
    tables = summarise(rows).tables()
    assert list(tables) == ["hole", "whole", "raw_whole"]
    assert tables["raw_whole"].splitlines()[0].split() == ["|", "method", "|", "L1", "|"]
    assert tables["raw_whole"].splitlines()[2].split()[3] == "0.4000"
    assert "0.4000" not in tables["whole"]
    assert list(summarise([row(0)]).tables()) == ["hole", "whole"]  # rows of an older version
