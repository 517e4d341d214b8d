"""Scoring of one pair: worked by hand, no look at the truth, raw output beside the composite."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from damaged_images import batches, bytes_of, echo, gradient, lines, score

from pconv_jax import Inpainter, __version__
from pconv_jax.checkpoints.bundled import bundled_weights
from pconv_jax.common.errors import InputError
from pconv_jax.evaluation import baselines, methods, metrics
from pconv_jax.evaluation.classical import CLASSICAL_METHODS
from pconv_jax.evaluation.composites import as_saved, blacken_holes, make_composite
from pconv_jax.evaluation.extra_baselines import EXTRA
from pconv_jax.evaluation.methods import open_methods
from pconv_jax.evaluation.pairs import Pair, pairs_of_batches
from pconv_jax.evaluation.scoring import RAW_METRICS, NamedMethod, inpaint_pair, score_pair
from pconv_jax.evaluation.statistics import Mean
from pconv_jax.evaluation.summary import summarise

QUICK = {name: CLASSICAL_METHODS[name] for name in ("unrepaired", "mean", "ns")}


def test_composite_takes_output_only_in_holes():
    image = np.array([[[[0.1], [np.nan]]]])
    mask = np.array([[[[1.0], [0.0]]]])
    output = np.array([[[[0.7], [0.8]]]])
    np.testing.assert_array_equal(make_composite(image, mask, output), [[[[0.1], [0.8]]]])
    np.testing.assert_array_equal(blacken_holes(image, mask), np.float32([[[[0.1], [0.0]]]]))


def test_saved_images_are_those_of_an_8_bit_file():
    np.testing.assert_array_equal(as_saved(np.array([-1.0, 0.5, 0.7, 2.0])) * 255, [0, 128, 178, 255])


def test_score_worked_by_hand():
    grey = 128 / 255
    image = np.full((1, 12, 12, 3), grey, np.float32)
    mask = np.ones((1, 12, 12, 1), np.float32)
    mask[0, 4, 6] = 0  # a hole of one pixel
    white = np.ones_like(image)
    (row, other) = score(batches(image, image, mask, 1), {"black": echo, "white": lambda images, masks: white})
    assert (row["image"], row["name"], row["bucket"], row["method"]) == (0, "0", "all", "black")
    assert row["hole_fraction"] == 1 / 144
    assert row["hole_l1"] == pytest.approx(grey)
    assert row["hole_psnr"] == pytest.approx(-20 * np.log10(grey))
    assert row["hole_jaccard"] == row["hole_jaccard_product"] == 0
    assert row["whole_l1"] == pytest.approx(grey / 144)
    assert row["whole_psnr"] == pytest.approx(-20 * np.log10(grey) + 10 * np.log10(144))
    assert row["whole_jaccard"] == pytest.approx(143 / 144)
    both = 143 * grey**2
    assert row["whole_jaccard_product"] == pytest.approx(both / (143 * grey + 144 * grey - both))
    # Raw output that keeps the valid pixels is the composite; plain white is not.
    assert row["raw_whole_l1"] == row["whole_l1"]
    assert row["raw_whole_psnr"] == row["whole_psnr"]
    assert other["whole_l1"] == pytest.approx((1 - grey) / 144)
    assert other["raw_whole_l1"] == pytest.approx(1 - grey)
    assert other["raw_whole_psnr"] == pytest.approx(-20 * np.log10(1 - grey))
    assert other["raw_whole_jaccard"] == pytest.approx(grey)
    assert other["raw_whole_jaccard_product"] == pytest.approx(grey)


def test_scores_are_the_metrics_of_composite_and_raw_output():
    image, mask = gradient(), lines()
    rng = np.random.default_rng(0)
    noisy = np.clip(image + rng.normal(0, 0.05, image.shape), 0, 1).astype(np.float32)
    raw = iter(rng.normal(0.5, 0.5, (7, 1, *image.shape[1:])).astype(np.float32))  # leaves [0, 1]
    outputs = []

    def noise(images, masks):
        outputs.append(next(raw))
        return outputs[-1]

    rows = score(batches(image, noisy, mask, 7), {"noise": noise})
    saved = (np.clip(np.concatenate(outputs), 0, 1) * np.float32(255)).round() / np.float32(255)
    composite = np.where(mask == 1, (noisy * np.float32(255)).round() / np.float32(255), saved)
    for prefix, images, selected, names in (
        ("hole", composite, mask == 0, metrics.METRICS),
        ("whole", composite, None, metrics.METRICS),
        ("raw_whole", saved, None, RAW_METRICS),
    ):
        for name in names:
            found = [row[f"{prefix}_{name}"] for row in rows]
            np.testing.assert_array_equal(found, metrics.METRICS[name](images, image, region=selected))
    assert len(rows[0]) == 5 + 2 * len(metrics.METRICS) + len(RAW_METRICS)


def test_the_paper_s_score_is_that_of_the_raw_output():
    # Product form over the whole image, of what the network itself returns: valid pixels included.
    image, mask = bytes_of(gradient(1)), lines(1)
    darker = bytes_of(image * np.float32(0.5))
    (row,) = score(batches(image, image, mask, 1), {"darker": lambda images, masks: darker})
    product, total = (darker * image).sum(dtype=np.float64), (darker + image).sum(dtype=np.float64)
    assert row["raw_whole_jaccard_product"] == pytest.approx(product / (total - product))
    assert row["whole_jaccard_product"] > row["raw_whole_jaccard_product"]


def test_no_method_sees_the_truth():
    image, mask = gradient(), lines()
    methods = {"echo": echo, **{name: method for name, method in CLASSICAL_METHODS.items() if name not in EXTRA}}
    rows = score(batches(image, image, mask, 7), methods)
    found = {m: [{**row, "method": ""} for row in rows if row["method"] == m] for m in ("echo", "unrepaired")}
    assert found["echo"] == found["unrepaired"]
    # Nor through what holes hold instead: NaN or noise changes no score.
    for content in (np.nan, 0.7):
        hidden = np.where(mask == 1, image, np.float32(content))
        assert score(batches(image, hidden, mask, 7), methods) == rows


def test_methods_cannot_disturb_each_other():
    def vandal(images, masks):
        images[:] = 0
        masks[:] = 1
        return images

    image, mask = gradient(), lines()
    alone = score(batches(image, image, mask, 7), {"mean": baselines.mean_fill})
    both = score(batches(image, image, mask, 7), {"vandal": vandal, "mean": baselines.mean_fill})
    assert [row for row in both if row["method"] == "mean"] == alone


def test_the_truth_is_perfect():
    image, mask = bytes_of(gradient()), lines()
    truths = iter(image[:, None])
    rows = score(batches(image, image, mask, 7), {"oracle": lambda images, masks: next(truths)})
    summary = summarise(rows)
    means = summary.means["all"]["oracle"]
    for region in ("hole", "whole", "raw_whole"):
        assert means[f"{region}_l1"].mean == 0
        assert means[f"{region}_jaccard"].mean == 1
        assert means[f"{region}_jaccard_product"].mean < 0.6
        assert means[f"{region}_psnr"] == Mean(None, None, None, 0, 7)  # infinite for all: nothing left to average
    assert means["hole_ssim"].mean == means["whole_ssim"].mean == pytest.approx(1)
    assert "7 perfect, left out of hole_psnr (oracle)" in summary.table("hole")
    assert "7 perfect, left out of raw_whole_psnr (oracle)" in summary.table("raw_whole")


def test_batch_size_changes_nothing():
    image, mask = gradient(), lines()
    noisy = np.clip(image + np.random.default_rng(2).normal(0, 0.1, image.shape), 0, 1)
    whole = score(batches(image, noisy, mask, 7), QUICK)
    assert [row["image"] for row in whole] == sorted(list(range(7)) * 3)
    for size in (1, 3):
        assert score(batches(image, noisy, mask, size), QUICK) == whole


def test_navier_stokes_beats_mean_fill_beats_black_on_a_gradient():
    image, mask = gradient(), lines()
    means = summarise(score(batches(image, image, mask, 4), QUICK)).means["all"]
    black, mean, stokes = (means[m]["hole_psnr"].mean for m in ("unrepaired", "mean", "ns"))
    assert stokes > mean + 10
    assert mean > black + 3
    assert means["ns"]["hole_l1"].mean < 0.02
    assert means["mean"]["raw_whole_psnr"].mean < means["mean"]["whole_psnr"].mean  # one flat colour everywhere


def test_images_without_hole_and_without_anything_else():
    image, mask = bytes_of(gradient(3)), lines(3)
    mask[1] = 1  # no hole
    mask[2] = 0  # all hole
    rows = score(batches(image, image, mask, 3), QUICK)
    summary = summarise(rows)
    json.dumps(summary.to_json(), allow_nan=False)
    assert summary.without_hole["all"] == 1
    pairs = list(pairs_of_batches(batches(image, image, mask, 3)))
    for name in ("mean", "ns"):
        means = summary.means["all"][name]
        assert (means["hole_l1"].images, means["whole_l1"].images) == (2, 3)
        assert (means["hole_psnr"].perfect, means["whole_psnr"].perfect) == (0, 1)
        own = [row for row in rows if row["method"] == name]
        assert np.isnan(own[1]["hole_l1"])
        assert means["hole_l1"].mean == pytest.approx((own[0]["hole_l1"] + own[2]["hole_l1"]) / 2)
        method = NamedMethod(name, QUICK[name])
        np.testing.assert_array_equal(inpaint_pair(pairs[2], method).raw, np.full((32, 32, 3), 0.5))
        np.testing.assert_array_equal(inpaint_pair(pairs[1], method).composite, image[1])
    assert "1 without a hole, not scored in the hole" in summary.table("hole")


def test_a_method_that_gives_composites_has_its_raw_output_from_elsewhere():
    image, mask = gradient(), lines()
    pair = next(pairs_of_batches(batches(image, image, mask, 2)))
    method = NamedMethod("windows", echo, raw=lambda images, masks: np.full_like(images, 0.25))
    row, inpainted = score_pair(pair, method)
    np.testing.assert_array_equal(inpainted.raw, np.full((32, 32, 3), 0.25, np.float32))
    np.testing.assert_array_equal(inpainted.composite, score_pair(pair, NamedMethod("plain", echo)).inpainted.composite)
    assert row["raw_whole_l1"] == pytest.approx(np.abs(pair.truth - 64 / 255).mean(), abs=1e-6)
    row, inpainted = score_pair(pair, NamedMethod("large", echo, raw=lambda images, masks: None))
    assert inpainted.raw is None
    assert all(np.isnan(row[f"raw_whole_{name}"]) for name in RAW_METRICS)
    assert np.isfinite(row["whole_l1"])
    with pytest.raises(InputError, match="method 'broken' returned"):
        score_pair(pair, NamedMethod("broken", echo, raw=lambda images, masks: np.full_like(images, np.nan)))


def test_weights_by_name_have_the_network_s_raw_output_of_images_that_fit_into_memory(monkeypatch):
    images, masks = gradient(1), lines(1)
    (method,) = open_methods(("paper-flowers",))
    generator = Inpainter.from_pretrained("paper-flowers").generator
    damaged = blacken_holes(images, masks)
    raw = generator.raw(damaged, masks)[0]
    assert np.abs(raw - damaged)[np.broadcast_to(masks == 1, raw.shape)].max() > 0.01  # valid pixels are not kept
    np.testing.assert_array_equal(method.raw(damaged, masks), raw)
    valid = np.broadcast_to(masks == 1, raw.shape)
    np.testing.assert_array_equal(method.method(damaged, masks)[valid], damaged[valid])
    monkeypatch.setattr(methods, "RAW_PIXELS", 32 * 32 - 1)
    assert method.raw(damaged, masks) is None


def test_weights_averaged_over_symmetries_are_a_method_of_their_own(tmp_path):
    images, masks = gradient(1), lines(1)
    file = Path(shutil.copy(bundled_weights()["faithful"], tmp_path / "mine.safetensors"))
    plain, best, mine = open_methods(("faithful", "faithful+best", f"{file}+best"))
    assert [plain.name, best.name, mine.name] == ["faithful", "faithful+best", "mine+best"]
    assert best.identity == {**plain.identity, "best": True} == mine.identity
    assert plain.identity["pconv_jax"] == __version__
    damaged = blacken_holes(images, masks)
    expected = Inpainter.from_pretrained("faithful", best=True)(damaged[0], masks[0])
    for method in (best, mine):
        np.testing.assert_array_equal(method.method(damaged, masks)[0], expected)
    assert np.abs(plain.method(damaged, masks)[0] - expected).max() > 1e-4
    with pytest.raises(
        InputError, match=re.escape("+best goes with bundled weights or a file of weights, not a folder")
    ):
        open_methods((f"{tmp_path}+best",))


def test_raw_output_and_composite_are_kept_as_they_came():
    image, mask = gradient(), lines()
    noisy = bytes_of(np.clip(image + 0.1, 0, 1))
    pair = list(pairs_of_batches(batches(image, noisy, mask, 2)))[2]
    np.testing.assert_array_equal(pair.truth, image[2])
    np.testing.assert_array_equal(pair.noisy, noisy[2])
    np.testing.assert_array_equal(pair.mask, mask[2])
    shown = []

    def white(images, masks):
        shown.append(images.copy())
        return np.ones_like(images) * 2

    _, inpainted = score_pair(pair, NamedMethod("white", white))
    np.testing.assert_array_equal(shown, (noisy[2] * mask[2])[None, None])
    np.testing.assert_array_equal(inpainted.raw, np.full((32, 32, 3), 2))
    np.testing.assert_array_equal(inpainted.composite, np.where(mask[2] == 1, noisy[2], 1))


def test_no_score_depends_on_another_pair():
    image, mask = gradient(2), lines(2)
    first, second = pairs_of_batches(batches(image, image, mask, 2))
    seen = []

    def method(images, masks):
        seen.append((len(images), len(masks)))
        return images

    rows = [score_pair(pair, NamedMethod("m", method)).row for pair in (second, first)]
    assert seen == [(1, 1)] * 2
    assert rows[::-1] == [score_pair(pair, NamedMethod("m", echo)).row for pair in (first, second)]
    renamed = Pair(9, "nine", "thin", first.truth, first.noisy, first.mask)
    row = score_pair(renamed, NamedMethod("m", echo)).row
    assert row == {**rows[1], "image": 9, "name": "nine", "bucket": "thin"}
