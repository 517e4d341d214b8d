"""The evaluation command: rows that depend on nothing but the pair, resuming, what can be added to a table."""

import csv
import json

import numpy as np
import pytest
from evaluations import evaluate, generator
from PIL import Image

from experiments.evaluate.__main__ import main
from experiments.evaluate.opening import open_pairs
from experiments.evaluate.options import Options
from experiments.evaluate.pictures import best_median_worst
from pconv_jax.checkpoints.bundled import bundled_weights
from pconv_jax.data import samples
from pconv_jax.evaluation.methods import open_methods, trained_path
from pconv_jax.evaluation.score_table import ScoreTable, read_rows
from pconv_jax.masks import random_lines


@pytest.fixture(scope="module")
def scored(tmp_path_factory, finished):
    """Two images, three buckets, a classical method and a network, with their composites; not to be changed."""
    out = tmp_path_factory.mktemp("evaluation") / "scored"
    assert evaluate(out, "--methods", f"ns,mine={finished}", "--batch-size", 4, "--save-composites") == 0
    return out


def test_files_and_their_shape(scored):
    names = {path.name for path in scored.iterdir()}
    assert {"scores.csv", "benchmark.json", "summary.json", "summary.md"} <= names
    assert {"best_median_worst_ns.png", "best_median_worst_mine.png"} <= names
    with (scored / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["image"], row["bucket"], row["method"]) for row in rows] == [
        (image, bucket, method) for image in "01" for bucket in ("thin", "medium", "thick") for method in ("ns", "mine")
    ]
    assert rows[0]["name"].startswith("chelsea.png")
    summary = json.loads((scored / "summary.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert list(summary["buckets"]) == ["all", "thin", "medium", "thick"]
    assert summary["benchmark"]["methods"]["ns"].keys() == {"opencv-contrib-python-headless"}
    text = (scored / "summary.md").read_text()
    for title in ("**In the hole**", "**Over the whole image**", "model less classical method"):
        assert title in text


def test_no_row_depends_on_batch_size_workers_or_the_number_of_images(scored, finished, tmp_path):
    assert evaluate(tmp_path / "a", "--methods", f"ns,mine={finished}", "--batch-size", 1, "--workers", 2) == 0
    assert (tmp_path / "a" / "scores.csv").read_bytes() == (scored / "scores.csv").read_bytes()
    assert evaluate(tmp_path / "b", "--methods", f"mine={finished}", "--limit", 1) == 0
    assert read_rows(tmp_path / "b") == [r for r in read_rows(scored) if (r["image"], r["method"]) == (0, "mine")]


def test_rows_are_the_figures_of_the_saved_composites(scored):
    pairs = open_pairs(Options(image_size=32, limit=2))
    rows = {(row["image"], row["bucket"], row["method"]): row for row in read_rows(scored)}
    for index in range(len(pairs)):
        pair = pairs[index]
        hole = pair.mask[..., 0] == 0
        for method in ("ns", "mine"):
            path = scored / "composites" / method / pair.bucket / f"{pair.image:06d}.png"
            composite = np.asarray(Image.open(path)).astype(float) / 255
            row = rows[pair.image, pair.bucket, method]
            assert row["hole_fraction"] == hole.mean()
            error = (composite - pair.truth)[hole]
            assert row["hole_l1"] == pytest.approx(np.abs(error).mean(), rel=1e-5)
            assert row["hole_psnr"] == pytest.approx(-10 * np.log10((error**2).mean()), rel=1e-5)
            assert np.abs(composite - pair.truth)[~hole].max() < 1e-6  # valid pixels are those of the image


def test_best_median_and_worst():
    scores = [3.0, float("nan"), 9.0, 1.0, float("inf"), 5.0]
    rows = [{"image": i, "bucket": "b", "method": "m", "hole_psnr": score} for i, score in enumerate(scores)]
    found = best_median_worst([*rows, {**rows[0], "method": "other", "hole_psnr": 99.0}], "m")
    assert found == {"best": (4, "b"), "median": (5, "b"), "worst": (3, "b")}


def test_interrupted_and_run_again_equals_the_whole(scored, finished, tmp_path, monkeypatch, capsys):
    flags = ("--methods", f"ns,mine={finished}", "--batch-size", 2)
    append, calls = ScoreTable.append, []

    def once(table, rows):
        if calls:
            raise KeyboardInterrupt
        calls.append(rows)
        append(table, rows)

    with monkeypatch.context() as patch:
        patch.setattr(ScoreTable, "append", once)
        assert evaluate(tmp_path / "a", *flags) == 130
    assert "the same command resumes where it stopped" in capsys.readouterr().err
    path = tmp_path / "a" / "scores.csv"
    assert len(read_rows(tmp_path / "a")) == 2
    with path.open("a") as file:
        file.write("1,chelsea.png,thi")  # as a kill leaves it
    assert evaluate(tmp_path / "a", *flags) == 0
    assert path.read_bytes() == (scored / "scores.csv").read_bytes()


def test_a_method_can_be_added_but_not_replaced(scored, finished, tmp_path, capsys):
    out = tmp_path / "a"
    assert evaluate(out, "--methods", "mean") == 0
    assert evaluate(out, "--methods", f"mine={finished}") == 0
    rows = read_rows(out)
    assert [row for row in rows if row["method"] == "mine"] == [r for r in read_rows(scored) if r["method"] == "mine"]
    assert sum(row["method"] == "mean" for row in rows) == 6
    known = json.loads((out / "benchmark.json").read_text())
    known["methods"]["mine"]["parameters_sha256"] = "0"
    (out / "benchmark.json").write_text(json.dumps(known))
    capsys.readouterr()
    assert evaluate(out, "--methods", f"mine={finished}") == 2
    assert "scores of another mine (parameters_sha256 differs)" in capsys.readouterr().err


def test_weights_that_come_along_are_scored_by_name_and_others_by_file(tmp_path, capsys):
    file = tmp_path / "other.safetensors"
    file.write_bytes(bundled_weights()["faithful"].read_bytes())
    out = tmp_path / "a"
    assert evaluate(out, "--masks", "ratios", "--methods", "unrepaired", "faithful", file, "--limit", 1) == 0
    assert "holes are about" not in capsys.readouterr().err
    scores = {
        name: [row["hole_psnr"] for row in read_rows(out) if row["method"] == name] for name in ("faithful", "other")
    }
    assert len(scores["faithful"]) == 12
    assert scores["faithful"] == scores["other"]
    assert min(scores["faithful"]) > max(row["hole_psnr"] for row in read_rows(out) if row["method"] == "unrepaired")
    assert evaluate(tmp_path / "b", "--methods", f"faithful={file}") == 2
    assert "has the name of another method" in capsys.readouterr().err


def test_a_method_left_unfinished_is_left_out_of_the_summary(tmp_path, capsys):
    out = tmp_path / "a"
    assert evaluate(out, "--methods", "mean,unrepaired") == 0
    table = out / "scores.csv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:-1]))  # the last of unrepaired
    capsys.readouterr()
    assert evaluate(out, "--methods", "mean") == 0
    assert "did not score it on all pairs: unrepaired" in capsys.readouterr().out
    assert "unrepaired" not in (out / "summary.md").read_text()


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (("--seed", 1), "masks seed 0 and 1"),
        (("--masks", "ratios"), "masks kind lines and ratios"),
        (("--limit", 1), "images count 2 and 1"),
        (("--noise", 0.1), "noise sigma 0.0 and 0.1"),
    ],
)
def test_other_pairs_are_refused(scored, capsys, flags, named):
    before = (scored / "scores.csv").read_bytes()
    assert evaluate(scored, "--methods", "mean", *flags) == 2
    error = capsys.readouterr().err
    assert "scores of different pairs cannot be compared" in error
    assert named in error
    assert (scored / "scores.csv").read_bytes() == before


def test_perceptual_distance_has_a_column_and_is_part_of_the_table(tmp_path, capsys):
    out = tmp_path / "a"
    flags = ("--methods", "mean", "--vgg-weights", "random", "--vgg-layers", "block1_pool")
    assert evaluate(out, *flags) == 0
    assert all(row["vgg16_random block1_pool"] > 0 for row in read_rows(out))
    assert evaluate(out, "--methods", "ns") == 2
    assert "perceptual distances: vgg16_random block1_pool, but this command asks for: none" in capsys.readouterr().err
    known = json.loads((out / "benchmark.json").read_text())
    known["distances"]["vgg16_random block1_pool"]["weights_sha256"] = "0"
    (out / "benchmark.json").write_text(json.dumps(known))
    assert evaluate(out, *flags) == 2
    assert "asks for: vgg16_random block1_pool from other weights" in capsys.readouterr().err


@pytest.fixture
def own(tmp_path):
    """A folder of images of different sizes, and one of masks with their names."""
    rng = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (tmp_path / folder / "deep").mkdir(parents=True)
    for name, (width, height) in {"a": (40, 24), "deep/b": (17, 30), "c": (64, 64)}.items():
        image = rng.integers(0, 256, (height, width, 3), np.uint8)
        Image.fromarray(image).save(tmp_path / "images" / f"{name}.jpg")
        hole = 1 - random_lines(rng, height, width, count=(1, 2))[..., 0]
        Image.fromarray((255 * hole).astype(np.uint8)).save(tmp_path / "masks" / f"{name}.png")
    return tmp_path


def side_by_side(own, out, *more):
    folders = ["--dataset", "folder", "--data-dir", own / "images", "--masks", own / "masks"]
    return main([*map(str, folders), "--methods", "mean", "--out", str(out), *map(str, more)])


def test_images_and_masks_by_name_at_their_own_sizes(own, capsys):
    assert side_by_side(own, own / "out", "--pair-by-name", "--noise", 0.05) == 0
    rows = read_rows(own / "out")
    assert sorted(row["name"] for row in rows) == ["a.jpg", "c.jpg", "deep/b.jpg"]
    for row in rows:
        mask = np.asarray(Image.open(own / "masks" / row["name"].replace("jpg", "png")))
        assert row["hole_fraction"] == (mask == 255).mean()
    Image.fromarray(np.zeros((24, 41), np.uint8)).save(own / "masks" / "a.png")
    assert side_by_side(own, own / "new", "--pair-by-name") == 2
    assert "a.jpg has 40x24 pixels but its mask a.png has 41x24" in capsys.readouterr().err
    (own / "masks" / "a.png").unlink()
    assert side_by_side(own, own / "new", "--pair-by-name") == 2
    assert "has no mask for a.jpg" in capsys.readouterr().err
    (own / "masks" / "a.png").write_bytes(b"no image")
    assert side_by_side(own, own / "new", "--pair-by-name") == 2
    assert "a.png is not an image, or of a kind that cannot be read" in capsys.readouterr().err
    assert not (own / "new").exists()


def test_a_folder_with_an_equals_sign_is_a_folder(tmp_path):
    run = generator(tmp_path / "noise=0.1")
    (method,) = open_methods((str(run),))
    assert method.name == "noise=0.1"
    (method,) = open_methods((f"mine={run}",))
    assert method.name == "mine"


@pytest.mark.parametrize("folder", ["lr 1,2", "long+best"])
def test_a_folder_may_have_a_comma_or_end_as_averaged_weights_do(tmp_path, folder):
    run = generator(tmp_path / folder)
    given = ("ns,mean", str(run), f"mine={run}", f"fill,other={tmp_path}")
    wanted = ("ns", "mean", str(run), f"mine={run}", "fill", f"other={tmp_path}")
    assert Options(methods=given).method_names == wanted
    assert [method.name for method in open_methods((str(run), f"mine={run}"))] == [folder, "mine"]
    assert trained_path(f"mine={run}") == run


def test_what_a_reader_must_know_of_the_images_is_told(tmp_path, here, monkeypatch, capsys):
    monkeypatch.setattr(samples, "NOTE_ON_TILES", "400 of the official 1880 images")
    assert evaluate(tmp_path / "out", "--methods", "mean") == 0
    assert "note: 400 of the official 1880 images\n" in capsys.readouterr().out
    assert "Images: 400 of the official 1880 images." in (tmp_path / "out" / "summary.md").read_text()
    monkeypatch.setattr(samples, "NOTE_ON_TILES", "the same images, somewhere else")
    assert evaluate(tmp_path / "out", "--methods", "ns") == 0  # a note is no part of what is scored
