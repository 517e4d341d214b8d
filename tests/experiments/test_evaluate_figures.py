"""Figures and pictures of an evaluation, made again from its files."""

import csv
import json
import re

import numpy as np
import pytest
from evaluations import by_name, colour, evaluate, generator, grey
from PIL import Image

from experiments.evaluate import command, pictures
from experiments.evaluate.opening import open_pairs
from experiments.evaluate.options import Options
from pconv_jax.evaluation.perceptual_distance import VggDistance
from pconv_jax.evaluation.score_table import read_rows
from pconv_jax.evaluation.scoring import NamedMethod
from pconv_jax.models.vgg_weights import resolve_weights


def test_rows_are_what_the_files_say(own, here):
    assert by_name(own, own / "out", "--noise", 0.05, "--save-composites") == 0
    with (own / "out" / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    for row in rows:
        truth = colour(own / "images" / row["name"]) / 255
        hole = grey((own / "masks" / row["name"]).with_suffix(".gif")) == 255
        path = own / "out" / "composites" / "mean" / row["bucket"] / f"{int(row['image']):06d}.png"
        composite = colour(path) / 255
        error = composite - truth
        figures = {
            "hole_fraction": hole.mean(),
            "hole_l1": np.abs(error[hole]).mean(),
            "hole_psnr": 10 * np.log10(1 / (error[hole] ** 2).mean()),
            "whole_l1": np.abs(error).mean(),
            "whole_psnr": 10 * np.log10(1 / (error**2).mean()),
        }
        assert {name: float(row[name]) for name in figures} == pytest.approx(figures, rel=1e-5)
        assert 0.03 < error[~hole].std() < 0.06  # valid pixels keep the noise
        # Outside the hole the noisy input; in it its mean, one colour.
        assert np.ptp(composite[hole], axis=0).max() == 0
        np.testing.assert_allclose(composite[hole][0], composite[~hole].mean(axis=0), atol=1 / 255)


def test_composites_can_be_asked_for_later(tmp_path, here):
    out = tmp_path / "out"
    assert evaluate(out, "--methods", "mean,ns") == 0
    before = (out / "scores.csv").read_bytes()
    times = (out / "times.csv").read_bytes()
    assert not (out / "composites").exists()
    assert evaluate(out, "--methods", "mean,ns", "--save-composites") == 0
    assert (out / "times.csv").read_bytes() == times  # one row for each pair and method
    files = {path: path.read_bytes() for path in (out / "composites").rglob("*.png")}
    assert len(files) == 2 * 3 * 2
    lost = next(iter(files))
    lost.unlink()
    assert evaluate(out, "--methods", "mean,ns", "--save-composites") == 0
    assert {path: path.read_bytes() for path in (out / "composites").rglob("*.*")} == files
    assert (out / "scores.csv").read_bytes() == before


def test_the_summary_is_that_of_the_rows(tmp_path, here, capsys):
    out = tmp_path / "out"
    model = generator(tmp_path / "run")
    assert evaluate(out, "--methods", "mean", model, "--limit", 3) == 0
    rows = read_rows(out)
    times, *peaks = [line for line in capsys.readouterr().out.splitlines() if line.startswith("median ")]
    assert re.search(r"^median time of an image, .*: mean [\d.e-]+ s, run [\d.e-]+ s$", times)
    assert all(re.search(r"peak memory by an image, MiB: mean [\d.e+-]+, run [\d.e+-]+$", line) for line in peaks)
    assert len((out / "times.csv").read_text().splitlines()) == 1 + len(rows)
    summary = json.loads((out / "summary.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert summary["benchmark"] == json.loads((out / "benchmark.json").read_text())
    assert set(summary["versions"]) == {"jax", "numpy", "opencv-contrib-python-headless", "scikit-image", "pillow"}
    text = (out / "summary.md").read_text()
    for bucket, found in summary["buckets"].items():
        gains = []
        for image in range(3):
            psnr = {
                name: [
                    row["hole_psnr"]
                    for row in rows
                    if row["method"] == name and row["image"] == image and bucket in ("all", row["bucket"])
                ]
                for name in ("mean", "run")
            }
            gains.append(np.mean(psnr["run"]) - np.mean(psnr["mean"]))
        assert found["methods"]["run"]["hole_psnr"]["images"] == 3
        means = {name: found["methods"][name]["hole_psnr"]["mean"] for name in ("mean", "run")}
        assert means["run"] - means["mean"] == pytest.approx(np.mean(gains))
        (line,) = (line for line in text.split("image by image**")[1].splitlines() if line.startswith(f"| {bucket} "))
        assert f" {np.mean(gains):.2f} |" in line


def test_fids_of_earlier_commands_are_kept(tmp_path, here, monkeypatch, capsys):
    out, weights = tmp_path / "out", ("--fid-weights", tmp_path / "weights.pth")
    monkeypatch.setattr(command, "open_fid", lambda options: options.fid_weights)
    monkeypatch.setattr(command, "fid_of_methods", lambda _, __, methods, ___: {name: len(name) for name in methods})
    for flags, expected in (
        (("--methods", "unrepaired", *weights), {"unrepaired": 10}),
        (("--methods", "mean", *weights), {"unrepaired": 10, "mean": 4}),
        (("--methods", "mean"), {"unrepaired": 10, "mean": 4}),
    ):
        assert evaluate(out, "--limit", 1, *flags) == 0
        assert json.loads((out / "summary.json").read_text())["fid"] == expected
    assert "| unrepaired | 10.00 |" in (out / "summary.md").read_text()
    (out / "summary.json").write_text('{"fid": [')
    assert evaluate(out, "--methods", "mean", "--limit", 1) == 2
    assert "summary.json is damaged" in capsys.readouterr().err


@pytest.fixture
def drawn(monkeypatch):
    """File name -> columns and row labels of the grids that were drawn."""
    grids = {}
    draw = pictures.image_grid

    def spy(columns, path, *, rows):
        grids[path.name] = (dict(columns), rows)
        draw(columns, path, rows=rows)

    monkeypatch.setattr(pictures, "image_grid", spy)
    return grids


def test_pictures_show_the_best_the_median_and_the_worst(tmp_path, here, drawn):
    out = tmp_path / "out"
    assert evaluate(out, "--methods", "mean,telea", "--limit", 3) == 0
    pairs = open_pairs(Options(image_size=32, limit=3))
    at = {(pairs[index].image, pairs[index].bucket): pairs[index] for index in range(len(pairs))}
    assert sorted(drawn) == ["best_median_worst_mean.png", "best_median_worst_telea.png"]
    for method, other in (("mean", "telea"), ("telea", "mean")):
        columns, labels = drawn[f"best_median_worst_{method}.png"]
        assert (list(columns), labels) == (
            ["ground truth", "damaged", method, other],
            ["best", "median", "worst"],
        )
        rows = [row for row in read_rows(out) if row["method"] == method]
        ranked = sorted(rows, key=lambda row: row["hole_psnr"], reverse=True)
        for place, row in enumerate((ranked[0], ranked[4], ranked[8])):
            pair = at[row["image"], row["bucket"]]
            np.testing.assert_array_equal(columns["ground truth"][place], pair.truth)
            hole = pair.mask[..., 0] == 0
            assert (columns["damaged"][place][hole] == 1).all()
            error = (columns[method][place] - pair.truth)[hole].astype(float)
            assert -10 * np.log10((error**2).mean()) == pytest.approx(row["hole_psnr"], rel=1e-5)
        with Image.open(out / f"best_median_worst_{method}.png") as picture:
            assert picture.size[0] > 4 * 192


def test_perceptual_distances_are_those_of_the_composites(tmp_path, here, capsys):
    out = tmp_path / "out"
    flags = ("--methods", "mean", "--vgg-weights", "random", "--limit", 1, "--save-composites")
    layers = ("--vgg-layers", "block1_pool")
    assert evaluate(out, *flags, *layers) == 0
    distance = VggDistance(resolve_weights("random", seed=0, through="block1_pool"), ["block1_pool"])
    truth = open_pairs(Options(image_size=32, limit=1))[0].truth
    for row in read_rows(out):
        composite = colour(out / "composites" / "mean" / row["bucket"] / "000000.png")
        expected = distance(composite[None].astype(np.float32) / 255, truth[None])[0]
        assert row[distance.name] == pytest.approx(expected, rel=1e-5)
    assert distance.name in (out / "summary.md").read_text()
    before = (out / "scores.csv").read_bytes()
    capsys.readouterr()
    assert evaluate(out, *flags, "--vgg-layers", "block1_conv1") == 2
    error = capsys.readouterr().err
    assert "vgg16_random block1_pool, but this command asks for: vgg16_random block1_conv1" in error
    assert (out / "scores.csv").read_bytes() == before


def test_random_features_are_the_same_for_any_seed(own, here):
    # The seed is no part of pairs by name without noise, so that such scores can share a table.
    flags = ("--vgg-weights", "random", "--vgg-layers", "block1_pool", "--limit", 1)
    for seed in (0, 1):
        assert by_name(own, own / str(seed), *flags, "--seed", seed) == 0
    assert (own / "0" / "scores.csv").read_bytes() == (own / "1" / "scores.csv").read_bytes()


def test_a_name_without_scores_has_no_files_of_the_method_that_had_it(tmp_path, here, monkeypatch, drawn):
    out, limit = tmp_path / "out", ("--limit", 1)
    shades = {"mine": 0.25, "other": 0.5}

    def methods(_):
        return [
            NamedMethod(name, lambda images, _, shade=shade: np.full_like(images, shade), {"shade": shade})
            for name, shade in shades.items()
        ]

    monkeypatch.setattr(command, "open_all_methods", methods)
    monkeypatch.setattr(command, "open_fid", lambda options: options.fid_weights)
    monkeypatch.setattr(command, "fid_of_methods", lambda _, __, names, ___: dict.fromkeys(names, 5.0))
    assert evaluate(out, *limit, "--fid-weights", tmp_path / "weights.pth") == 0
    rows = (out / "scores.csv").read_text().splitlines(keepends=True)
    (out / "scores.csv").write_text("".join(line for line in rows if ",mine," not in line))
    shades["mine"] = 0.75
    assert evaluate(out, *limit) == 0
    columns, _ = drawn["best_median_worst_mine.png"]
    hole = (columns["damaged"][0] == 1).all(-1)
    assert set(columns["mine"][0][hole].flat) == {np.float32(191) / np.float32(255)}  # 0.75 in 8 bits
    assert json.loads((out / "summary.json").read_text())["fid"] == {"other": 5.0}
    assert [path.name for path in (out / "composites").iterdir()] == ["other"]
    with (out / "times.csv").open(newline="") as file:
        timed = [row["method"] for row in csv.DictReader(file)]
    assert timed == ["other"] * 3 + ["mine"] * 3
