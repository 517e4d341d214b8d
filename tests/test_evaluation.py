"""Evaluations as others use them: repeated, killed, damaged, of folders of their own; figures recomputed from files."""

import concurrent.futures
import contextlib
import csv
import json
import math
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from flax import nnx
from PIL import Image

from experiments import compare
from experiments.evaluate import methods, pictures, work
from experiments.evaluate.__main__ import main
from experiments.evaluate.opening import open_pairs
from experiments.evaluate.options import Options
from experiments.evaluate.pairs import benchmark_hash
from experiments.evaluate.table import ScoreTable, read_rows
from pconv_jax.checkpoint import Checkpoints
from pconv_jax.models import Generator, GeneratorConfig
from pconv_jax.perceptual import VggDistance
from pconv_jax.vgg_weights import resolve_weights

SMALL = ["--image-size", "32", "--limit", "2"]


class Here:
    """A pool of processes without the processes."""

    def __init__(self, *_, initargs, **__):
        (work._pairs,) = initargs

    def submit(self, function, *arguments):
        future = concurrent.futures.Future()
        future.set_result(function(*arguments))
        return future

    def shutdown(self, **_):
        pass


@pytest.fixture
def here(monkeypatch):
    """Spares the seconds in which processes start, where they are not what is tested."""
    monkeypatch.setattr(concurrent.futures, "ProcessPoolExecutor", Here)
    monkeypatch.setattr(work, "_pairs", None, raising=False)


def evaluate(out, *flags):
    return main([*SMALL, "--out", str(out), *map(str, flags)])


def generator(folder, seed=0):
    """The folder of an untrained generator."""
    config = GeneratorConfig(widths=(4,))
    params, stats = nnx.split(Generator(config, rngs=nnx.Rngs(seed)), nnx.Param, nnx.BatchStat)[1:]
    with Checkpoints(folder / "checkpoints", notes={"generator": vars(config)}) as checkpoints:
        checkpoints.save(1, {"generator": {"params": params, "stats": stats}})
    return folder


def colour(path):
    with Image.open(path) as image:
        return np.asarray(image)


def grey(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("L"))


SIZES = {"a": (40, 24), "b": (16, 30), "deep/c": (33, 33)}


@pytest.fixture
def own(tmp_path):
    """Images of different sizes, and masks that have their names: one hole each, white."""
    rng = np.random.default_rng(0)
    for number, (name, (width, height)) in enumerate(SIZES.items()):
        for folder in ("images", "masks"):
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
        image = rng.integers(0, 256, (height, width, 3), np.uint8)
        Image.fromarray(image).save(tmp_path / "images" / f"{name}.png")
        mask = np.zeros((height, width), np.uint8)
        mask[3:9, 2 : 8 + number] = 255
        Image.fromarray(mask).save(tmp_path / "masks" / f"{name}.gif")
    return tmp_path


def by_name(own, out, *more):
    folders = ["--data", "folder", "--data-dir", own / "images", "--masks", own / "masks", "--pair-by-name"]
    return main([*map(str, folders), "--methods", "mean", "--out", str(out), *map(str, more)])


# ----- the same pairs and rows for everybody


@pytest.mark.parametrize("masks", ["lines", "ratios"])
def test_fewer_images_are_the_first_rows_of_more(tmp_path, here, masks):
    flags = ("--methods", "mean", "ns", "--masks", masks, "--noise", 0.1, "--seed", 3)
    assert evaluate(tmp_path / "two", *flags) == 0
    assert evaluate(tmp_path / "four", *flags, "--limit", 4) == 0
    two, four = ((tmp_path / name / "scores.csv").read_bytes() for name in ("two", "four"))
    assert four.startswith(two)
    assert len(four.splitlines()) == 1 + 2 * (len(two.splitlines()) - 1)


def test_a_pair_depends_on_the_seed_and_its_number_alone():
    options = Options(image_size=32, limit=3, noise=0.1, seed=5)
    pairs, again = open_pairs(options), open_pairs(options)
    backwards = {index: again[index] for index in reversed(range(len(again)))}
    for index in range(len(pairs)):
        for field in ("truth", "noisy", "mask"):
            np.testing.assert_array_equal(getattr(pairs[index], field), getattr(backwards[index], field))
        assert pairs.key(index) == (pairs[index].image, pairs[index].bucket)
    other = open_pairs(Options(image_size=32, limit=3, noise=0.1, seed=6))
    np.testing.assert_array_equal(pairs[0].truth, other[0].truth)
    assert (pairs[0].mask != other[0].mask).any()
    assert (pairs[0].noisy != other[0].noisy).any()
    noises = [pairs[index].noisy - pairs[index].truth for index in range(len(pairs))]
    assert len({noise.tobytes() for noise in noises}) == len(noises)
    assert 0.07 < np.std(noises) < 0.1  # a little is lost at 0 and 1


@pytest.mark.filterwarnings("ignore:The masks in")  # which are also read upside down
def test_the_benchmark_hash_changes_with_whatever_the_pairs_depend_on(own):
    variants = [
        {},
        {"seed": 1},
        {"limit": 1},
        {"image_size": 48},
        {"noise": 0.1},
        {"noise": 0.2},
        {"noise": 0.1, "seed": 1},
        {"masks": "ratios"},
        {"masks": str(own / "masks")},
        {"masks": str(own / "masks"), "mask_threshold": 200},
        {"masks": str(own / "masks"), "invert_masks": True},
        {"data": "folder", "data_dir": own / "images", "split": "all"},
        {"data": "folder", "data_dir": own / "images", "masks": str(own / "masks"), "pair_by_name": True},
    ]

    def hashed(variant):
        return benchmark_hash(open_pairs(Options(**{"image_size": 32, "limit": 2, **variant})).definition())

    found = [hashed(variant) for variant in variants]
    assert len(set(found)) == len(variants)
    assert [hashed(variant) for variant in variants] == found
    # The lowest bit of every image, and where every hole is: whatever reads these folders is another benchmark.
    for path in (own / "images").rglob("*.png"):
        Image.fromarray(colour(path) ^ np.uint8(1)).save(path)
    for path in (own / "masks").rglob("*.gif"):
        Image.fromarray(np.roll(grey(path), 1, axis=0)).save(path)
    changed = [new != old for new, old in zip(map(hashed, variants), found, strict=True)]
    assert changed == [str(own) in str(variant) for variant in variants]


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (("--image-size", 48), "images size 32 and 48"),
        (("--mask-version", 2), "There is no version 2 of the masks lines"),
        (("--data", "folder", "--split", "all", "--data-dir", "images"), "images data samples and folder"),
    ],
)
def test_scores_of_other_pairs_are_not_mixed(own, here, monkeypatch, capsys, flags, named):
    monkeypatch.chdir(own)
    out = own / "out"
    assert evaluate(out, "--methods", "mean") == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert evaluate(out, "--methods", "unrepaired", *flags) == 2
    assert named in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_pixels_that_changed_are_other_pairs(own, here, capsys):
    assert by_name(own, own / "out") == 0
    path = own / "masks" / "b.gif"
    Image.fromarray(np.roll(grey(path), 1, axis=0)).save(path)
    assert by_name(own, own / "out") == 2
    assert "(masks): use the same data" in capsys.readouterr().err
    Image.fromarray(np.roll(grey(path), -1, axis=0)).save(path)
    assert by_name(own, own / "out") == 0
    image = own / "images" / "b.png"
    Image.fromarray(255 - colour(image)).save(image)
    assert by_name(own, own / "out") == 2
    assert "(images): use the same data" in capsys.readouterr().err


# ----- stopped and run again


def test_killed_and_run_again_equals_the_whole(tmp_path, monkeypatch):
    flags = ["--methods", "unrepaired", "mean", "ns", "telea", "biharmonic", "--noise", "0.05"]
    with monkeypatch.context() as patch:
        patch.setattr(concurrent.futures, "ProcessPoolExecutor", Here)
        patch.setattr(work, "_pairs", None, raising=False)
        assert evaluate(tmp_path / "whole", *flags) == 0
    out = tmp_path / "killed"
    command = [sys.executable, "-c", _SLOW, *SMALL, *flags, "--out", str(out), "--batch-size", "1", "--workers", "2"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    for line in process.stdout:
        if line == "row 4\n":
            break
    process.kill()
    try:
        # The pipe ends once all that hold it have ended: workers that outlive the command keep it open.
        _, error = process.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert "Traceback" not in error
    found = (out / "scores.csv").read_bytes()
    assert 4 <= len(read_rows(out)) < 30
    (out / "scores.csv").write_bytes(found[:-20])
    assert evaluate(out, *flags, "--batch-size", 3, "--workers", 2) == 0
    for name in ("scores.csv", "benchmark.json", "summary.json", "summary.md"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


# A row every half second: time to be killed in.
_SLOW = """
import sys, time
from experiments.evaluate.table import ScoreTable
append, count = ScoreTable.append, 0
def slow(table, rows):
    global count
    append(table, rows)
    count += 1
    print("row", count, flush=True)
    time.sleep(0.5)
ScoreTable.append = slow
from experiments.evaluate.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_table_cut_anywhere_is_repaired(tmp_path, here):
    out = tmp_path / "out"
    assert evaluate(out, "--methods", "mean", "--limit", 1) == 0
    path = out / "scores.csv"
    whole = path.read_bytes()
    heading = whole.index(b"\n") + 1
    for cut in (0, 7, heading - 1, heading, heading + 1, heading + 30, len(whole) - 1):
        path.write_bytes(whole[:cut])
        table = _opened(out)
        table.start()  # and killed before the next row
        assert evaluate(out, "--methods", "mean", "--limit", 1) == 0
        assert path.read_bytes() == whole
    path.unlink()
    assert evaluate(out, "--methods", "mean", "--limit", 1) == 0
    assert path.read_bytes() == whole


def _opened(out):
    pairs = open_pairs(Options(image_size=32, limit=1))
    return ScoreTable(out, pairs, {})


def test_a_row_is_on_disk_once_it_is_scored_even_after_a_piece_of_a_heading(tmp_path):
    table = _opened(tmp_path / "out")
    table.start()
    (tmp_path / "out" / "scores.csv").write_text("image,na")
    table = _opened(tmp_path / "out")
    table.start()
    row = {"image": 0, "name": 'a\u00e9\udcff, "b".png', "bucket": "thin", "method": "m", "hole_fraction": 0.1}
    row |= {"hole_l1": 1 / 3, "hole_psnr": math.inf}
    table.append([row])
    assert read_rows(tmp_path / "out") == [row]
    table.append([{**row, "hole_psnr": math.nan}])
    assert math.isnan(read_rows(tmp_path / "out")[1]["hole_psnr"])
    assert _opened(tmp_path / "out").rows[0] == row


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not allow such names")
def test_names_that_are_no_text(own, here):
    for old, new in (("a.png", b"\xe9.png"), ("b.png", "日.png".encode())):
        os.rename(own / "images" / old, os.fsencode(own / "images") + b"/" + new)
    flags = ("--data", "folder", "--data-dir", own / "images", "--split", "all", "--methods", "mean", "--limit", 3)
    assert evaluate(own / "out", *flags) == 0
    path = own / "out" / "scores.csv"
    whole = path.read_bytes()
    assert {row["name"] for row in read_rows(own / "out")} == {"\udce9.png", "日.png", "deep/c.png"}
    path.write_bytes(whole[: whole.rindex("日".encode()) + 1])  # within a character
    assert evaluate(own / "out", *flags) == 0
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text.replace("hole_fraction", "fraction", 1), "columns image, name"),
        (lambda text: "\n".join(text.splitlines()[:2])[:-30] + "\n" + text.splitlines()[2] + "\n", "fewer cells"),
        (lambda text: text.replace("0.", "zero.", 1), "could not convert"),
        (lambda text: text.replace(",mean,", ",mean,5,", 1), "damaged"),
    ],
)
def test_a_damaged_table_is_told_and_kept(tmp_path, here, capsys, damage, message):
    assert evaluate(tmp_path / "out", "--methods", "mean", "--limit", 1) == 0
    path = tmp_path / "out" / "scores.csv"
    path.write_text(damage(path.read_text()))
    before = path.read_bytes()
    capsys.readouterr()
    assert evaluate(tmp_path / "out", "--methods", "mean", "--limit", 1) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {path} is damaged (")
    assert message in error
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", ["", "{", "5", "[]", "{}", '{"sha256": "0"}'])
def test_a_damaged_benchmark_is_told(tmp_path, here, capsys, content):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "benchmark.json").write_text(content)
    for command in (
        lambda: evaluate(tmp_path / "out", "--methods", "mean"),
        lambda: compare.main([str(tmp_path / "out")]),
    ):
        assert command() == 2
        assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'out' / 'benchmark.json'} is damaged (")


def test_another_checkpoint_under_the_same_name_is_refused(tmp_path, here, capsys):
    one, other = generator(tmp_path / "one"), generator(tmp_path / "other", seed=1)
    out = tmp_path / "out"
    assert evaluate(out, "--methods", f"mine={one}") == 0
    rows = read_rows(out)
    capsys.readouterr()
    assert evaluate(out, "--methods", f"mine={other}") == 2
    assert "holds scores of another mine (parameters_sha256 differs)" in capsys.readouterr().err
    assert read_rows(out) == rows
    assert evaluate(out, "--methods", other, "mean") == 0  # under its own name
    assert [row for row in read_rows(out) if row["method"] == "mine"] == rows
    assert list(json.loads((out / "benchmark.json").read_text())["methods"]) == ["mine", "other", "mean"]


def test_a_name_without_scores_is_free(tmp_path):
    pairs = open_pairs(Options(image_size=32, limit=1))
    for identity in ({"version": "1"}, {"version": "2"}):
        table = ScoreTable(tmp_path / "out", pairs, {})
        for name in ("first", "second"):
            table.add_method(name, identity)
        table.start()  # and stopped before the first row
    known = json.loads((tmp_path / "out" / "benchmark.json").read_text())["methods"]
    assert known == {"first": {"version": "2"}, "second": {"version": "2"}}


# ----- figures, from the files


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
    assert not (out / "composites").exists()
    assert evaluate(out, "--methods", "mean,ns", "--save-composites") == 0
    files = {path: path.read_bytes() for path in (out / "composites").rglob("*.png")}
    assert len(files) == 2 * 3 * 2
    lost = next(iter(files))
    lost.unlink()
    assert evaluate(out, "--methods", "mean,ns", "--save-composites") == 0
    assert {path: path.read_bytes() for path in (out / "composites").rglob("*.*")} == files
    assert (out / "scores.csv").read_bytes() == before


def test_the_summary_is_that_of_the_rows(tmp_path, here):
    out = tmp_path / "out"
    model = generator(tmp_path / "run")
    assert evaluate(out, "--methods", "mean", model, "--limit", 3) == 0
    rows = read_rows(out)
    summary = json.loads((out / "summary.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert summary["benchmark"] == json.loads((out / "benchmark.json").read_text())
    assert set(summary["versions"]) == {"jax", "numpy", "opencv-python-headless", "scikit-image", "pillow"}
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
        assert f" {np.mean(gains):.2f} [" in line


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
    assert "vgg16_random block1_pool, and now they are to be: vgg16_random block1_conv1" in error
    assert (out / "scores.csv").read_bytes() == before


def test_random_features_are_the_same_for_any_seed(own, here):
    # The seed is no part of pairs by name without noise, so that such scores can share a table.
    flags = ("--vgg-weights", "random", "--vgg-layers", "block1_pool", "--limit", 1)
    for seed in (0, 1):
        assert by_name(own, own / str(seed), *flags, "--seed", seed) == 0
    assert (own / "0" / "scores.csv").read_bytes() == (own / "1" / "scores.csv").read_bytes()


# ----- comparing


def test_compare_as_a_command_refuses_other_pairs_in_one_line(tmp_path, here, capsys):
    for name, noise in (("a", 0), ("b", 0.1)):
        assert evaluate(tmp_path / name, "--methods", "mean,unrepaired", "--noise", noise) == 0
    command = [sys.executable, "-m", "experiments.compare", str(tmp_path / "a"), str(tmp_path / "b")]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("error: scores of different pairs cannot be compared: ")
    assert "noise sigma 0.0 and 0.1" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_compare_tells_apart_folders_of_one_name(tmp_path, here, capsys):
    for name in ("x", "y", "z"):
        assert evaluate(tmp_path / name / "evaluation", "--methods", "mean") == 0
    capsys.readouterr()
    assert compare.main([str(tmp_path / name / "evaluation") for name in ("x", "y", "z")]) == 0
    names = [line.split("|")[2].strip() for line in capsys.readouterr().out.splitlines()[2:5]]
    assert names == ["mean", *(f"{tmp_path / name / 'evaluation'}/mean" for name in ("y", "z"))]


def test_compare_leaves_out_what_is_unfinished(tmp_path, here, capsys):
    out = tmp_path / "out"
    assert evaluate(out, "--methods", "mean,unrepaired") == 0
    path = out / "scores.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))  # the last of unrepaired
    capsys.readouterr()
    assert compare.main([str(out)]) == 0
    table, _, note = capsys.readouterr().out.partition("\n\n")
    assert "unrepaired" not in table
    assert note == "left out, not scored on all pairs: unrepaired\n"
    assert compare.main([str(out), "--baseline", "unrepaired"]) == 2
    assert "--baseline unrepaired is not scored on all pairs yet" in capsys.readouterr().err


def test_mistakes_in_comparing(tmp_path, here, capsys):
    scored, begun, seen = tmp_path / "scored", tmp_path / "begun", tmp_path / "seen"
    assert evaluate(scored, "--methods", "mean", "--limit", 1) == 0
    assert evaluate(begun, "--methods", "mean", "--limit", 1) == 0
    (begun / "scores.csv").unlink()
    flags = ("--vgg-weights", "random", "--vgg-layers", "block1_conv1")
    assert evaluate(seen, "--methods", "mean", "--limit", 1, *flags) == 0
    for arguments, message in (
        ([], "name at least one folder"),
        ([scored, begun], f"{begun} holds no scores yet"),
        ([begun], f"{begun} holds no scores yet"),
        ([scored, scored / ".." / "scored"], "is named twice"),
        ([seen, scored, "--figure", "vgg16_random block1_conv1"], f"is not scored in {scored}"),
        ([tmp_path / "nowhere"], "holds no evaluation"),
    ):
        capsys.readouterr()
        assert compare.main([*map(str, arguments)]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert message in error


# ----- folders of one's own


@pytest.mark.filterwarnings("default:The masks in")  # the command shows it as a line, which is what is tested
@pytest.mark.parametrize("pairing", [("--pair-by-name",), ("--split", "all", "--image-size", "16")])
def test_inverted_masks_are_warned_about(own, here, capsys, pairing):
    folders = ["--data", "folder", "--data-dir", own / "images", "--masks", own / "masks", "--methods", "mean"]

    def warnings(out, *more):
        assert main([*map(str, folders), *pairing, "--out", str(own / out), *more]) == 0
        return [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]

    assert warnings("right") == []
    (line,) = warnings("wrong", "--invert-masks")
    assert "if white marks the holes in these files, leave out --invert-masks" in line
    for path in (own / "masks").rglob("*.gif"):
        Image.fromarray(255 - grey(path)).save(path)
    (line,) = warnings("inverted")
    assert f"The masks in {own / 'masks'} are 9" in line
    assert "if black marks the holes in these files, give --invert-masks" in line
    assert warnings("mended", "--invert-masks") == []


def test_masks_by_name_that_do_not_fit(own, here, capsys):
    def refused(message, *more):
        assert by_name(own, own / "out", *more) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert message in error
        assert error.count("\n") == 1
        assert not (own / "out").exists()

    Image.fromarray(grey(own / "masks" / "a.gif")).save(own / "masks" / "a.png")
    refused("has more than one mask for a.png, a.gif and a.png")
    (own / "masks" / "a.png").unlink()
    Image.fromarray(np.zeros((10, 40, 3), np.uint8)).save(own / "images" / "small.png")
    Image.fromarray(np.zeros((10, 40), np.uint8)).save(own / "masks" / "small.png")
    refused("small.png has 40x10 pixels, but scores need at least 11 on each side")
    (own / "images" / "small.png").unlink()  # a mask of its own name is no matter
    for path in (own / "masks").rglob("*.*"):
        Image.fromarray(np.full(grey(path).shape, 100, np.uint8)).save(path)
    refused("has a hole at --mask-threshold 128")


# ----- mistakes


def test_mistakes_get_one_line_and_write_nothing(own, here, monkeypatch, capsys):
    run = generator(own / "run")
    generator(own / "ns")
    (own / "empty").mkdir()
    (own / "file").write_text("mine")
    other = own / "other"
    with Checkpoints(other / "checkpoints", notes={"generator": {"widths": [4], "heads": 2}}) as checkpoints:
        checkpoints.save(1, {"generator": {"params": {"a": np.zeros(1)}}})
    damaged = generator(own / "damaged")
    for path in (damaged / "checkpoints" / "1" / "generator").rglob("*"):
        if path.is_file():
            path.write_bytes(b"")
    for flags, message in (
        (["--methods", own / "file"], "is not a directory"),
        (["--methods", own / "empty"], "holds no checkpoint"),
        (["--methods", own / "nowhere"], "is neither a method"),
        (["--methods", other], "this version cannot build (heads=2)"),
        (["--methods", damaged], "is damaged"),
        (["--methods", f"a/b={run}"], "it will name files"),
        (["--methods", f".a={run}"], "it will name files"),
        (["--methods", f"ns={run}"], "takes the name of another method"),
        (["--methods", own / "ns"], "takes the name of another method"),
        (["--methods", run, f"run={other}"], "cannot build"),
        (["--methods", run, f"run={run}"], "--methods has run twice"),
        (["--data", "folder", "--data-dir", own / "empty"], "holds no images"),
        (["--data", "folder", "--data-dir", own / "nowhere"], "is no folder"),
        (["--masks", own / "empty"], "holds no mask files"),
        (["--masks", own / "file"], "There is no folder"),
        (["--image-size", "10"], "--image-size is 10, but scores need at least 11"),
        (["--image-size", "12", "--masks", "ratios"], "16"),
        (["--workers", "0"], "--workers is 0"),
        (["--batch-size", "0"], "--batch-size is 0"),
        (["--noise", "nan"], "--noise is nan"),
        (["--invert-masks"], "leave out --mask-threshold and --invert-masks"),
        (["--vgg-weights", own / "nowhere"], "nowhere"),
        (["--vgg-weights", "random", "--vgg-layers", "block9"], "block9"),
        (["--out", own / "file" / "out"], "cannot be made (Not a directory)"),
    ):
        capsys.readouterr()
        assert evaluate(own / "out", "--methods", "mean", *flags) == 2, flags
        error = capsys.readouterr().err
        assert error.startswith("error: "), flags
        assert message in error, flags
        assert error.count("\n") == 1, flags
        assert not (own / "out").exists(), flags
    assert (own / "file").read_text() == "mine"


def test_a_folder_with_an_equals_sign_is_a_folder(tmp_path):
    run = generator(tmp_path / "noise=0.1")
    (method,) = methods.open_methods((str(run),))
    assert method.name == "noise=0.1"
    (method,) = methods.open_methods((f"mine={run}",))
    assert method.name == "mine"
