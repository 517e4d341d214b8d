"""Pairs of images and masks: the same for everybody, told apart by a hash, matched by name."""

import dataclasses
import json
import re
import warnings

import numpy as np
import pytest
from evaluations import by_name, colour, evaluate, grey
from PIL import Image
from restoring import picture, save

from experiments.evaluate.__main__ import main
from experiments.evaluate.opening import open_pairs
from experiments.evaluate.options import Options
from pconv_jax.checkpoints.trained import TrainedGenerator
from pconv_jax.checkpoints.weights_file import load_generator_weights, save_generator_weights
from pconv_jax.common.errors import InputError
from pconv_jax.data import FolderSource
from pconv_jax.evaluation.mask_sets import LineMasks
from pconv_jax.evaluation.pairs import no_progress, pairs_hash


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


@pytest.mark.filterwarnings("ignore:the masks in")  # which are also read upside down
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
        {"masks": str(own / "masks"), "invert_mask": True},
        {"dataset": "folder", "data_dir": own / "images", "split": "all"},
        {"dataset": "folder", "data_dir": own / "images", "split": "all", "whole_images": True},
        {"dataset": "folder", "data_dir": own / "images", "masks": str(own / "masks"), "pair_by_name": True},
    ]

    def hashed(variant):
        pairs = open_pairs(Options(**{"image_size": 32, "limit": 2, **variant}))
        return pairs_hash(pairs.definition(progress=no_progress))

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


def test_whole_images_keep_their_sizes_and_get_masks_of_them(own):
    pairs = open_pairs(Options(dataset="folder", data_dir=own / "images", split="all", whole_images=True, limit=3))
    masks = LineMasks()
    for index in range(len(pairs)):
        pair = pairs[index]
        with Image.open(own / "images" / pair.name) as image:
            shown = np.asarray(image.convert("RGB"))
        np.testing.assert_array_equal(np.rint(pair.truth * 255), shown)
        np.testing.assert_array_equal(pair.mask, masks.mask(pair.bucket, pair.image, *shown.shape[:2]))
    Image.fromarray(np.zeros((10, 40), np.uint8)).save(own / "images" / "a.png")
    with pytest.raises(
        InputError, match=r"a\.png has 40x10 pixels, but scores need at least 11 on each side: leave it"
    ):
        pairs.definition(progress=no_progress)


def test_images_that_are_enlarged_are_counted(own):
    folder = Options(dataset="folder", data_dir=own / "images", split="all", image_size=32)
    for options, note in (
        (folder, "2 of 3 are smaller than 32 px, and enlarged"),
        (dataclasses.replace(folder, image_size=16), ""),
        (Options(image_size=130, limit=2), r"tiles of 4 photographs: .*; 2 of 2 are smaller than 130 px, and enlarged"),
    ):
        pairs = open_pairs(options)
        for _ in range(2):
            pairs.definition(progress=no_progress)
            assert re.fullmatch(note, pairs.note)


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (("--image-size", 48), "images size 32 and 48"),
        (("--mask-version", 3), "unknown version 3 of the masks lines"),
        (("--dataset", "folder", "--split", "all", "--data-dir", "images"), "images data samples and folder"),
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


@pytest.mark.filterwarnings("default:the masks in")  # the command shows it as a line, which is what is tested
@pytest.mark.parametrize("pairing", [("--pair-by-name",), ("--split", "all", "--image-size", "16")])
def test_inverted_masks_are_warned_about(own, here, capsys, pairing):
    folders = ["--dataset", "folder", "--data-dir", own / "images", "--masks", own / "masks", "--methods", "mean"]

    def warnings(out, *more):
        assert main([*map(str, folders), *pairing, "--out", str(own / out), *more]) == 0
        return [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]

    assert warnings("right") == []
    (line,) = warnings("wrong", "--invert-mask")
    assert "if white marks the holes in these files, leave out --invert-mask" in line
    for path in (own / "masks").rglob("*.gif"):
        Image.fromarray(255 - grey(path)).save(path)
    (line,) = warnings("inverted")
    assert f"the masks in {own / 'masks'} are 9" in line
    assert "if black marks the holes in these files, give --invert-mask" in line
    assert warnings("mended", "--invert-mask") == []
    assert warnings("also", "--invert-masks") == []  # its name before


def test_masks_beside_their_images_are_no_images(own):
    options = Options(dataset="folder", data_dir=own / "images", masks=f"{own}/images/", pair_by_name=True, limit=1)
    with pytest.raises(InputError, match=r"has no mask for .*: each image needs one beside it, such as .*_mask\.png$"):
        open_pairs(options)
    for path in list((own / "images").rglob("*.png")):
        mask = np.zeros(colour(path).shape[:2], np.uint8)
        mask[5:8] = 255
        Image.fromarray(mask).save(path.with_name(f"{path.stem}_mask.png"))
    assert len(open_pairs(options)) == 1
    pairs = open_pairs(dataclasses.replace(options, limit=None))
    pairs.definition(progress=no_progress)
    for pair in (pairs[index] for index in range(len(pairs))):
        assert not pair.name.endswith("_mask.png")
        assert (np.flatnonzero(pair.mask[:, 0, 0] == 0) == [5, 6, 7]).all()
        np.testing.assert_array_equal(np.rint(pair.truth * 255), colour(own / "images" / pair.name))


@pytest.mark.filterwarnings("ignore:pictures in folders of masks")  # what is left out is tested here
def test_masks_in_a_folder_among_the_images_are_no_images(own, tmp_path):
    (own / "masks").rename(own / "images" / "masks")
    masks = str(own / "images" / "masks")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text(json.dumps({"mask_dir": masks}))
    options = Options(dataset="folder", data_dir=own / "images", split="all", image_size=16, methods=("ns",))
    for changed in ({"masks": masks}, {"masks": masks, "pair_by_name": True}, {"methods": (str(tmp_path / "run"),)}):
        pairs = open_pairs(dataclasses.replace(options, **changed))
        assert {pairs[index].name for index in range(len(pairs))} == {"a.png", "b.png", "deep/c.png"}
    run = dataclasses.replace(options, data_dir=own / "images" / "masks", methods=(str(tmp_path / "run"),))
    assert open_pairs(run)[0].name.endswith(".gif")  # what a run had for masks can be scored by itself
    with pytest.raises(InputError, match="is given both for images and for masks or opacity maps: keep"):
        open_pairs(dataclasses.replace(options, masks=str(own / "images")))


def test_masks_by_name_that_do_not_fit(own, here, capsys):
    def refused(message, *more):
        assert by_name(own, own / "out", *more) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert message in error
        assert error.count("\n") == 1
        assert not (own / "out").exists()

    Image.fromarray(grey(own / "masks" / "a.gif")).save(own / "masks" / "a.tif")
    refused("has more than one mask for a.png, a.gif and a.tif")
    (own / "masks" / "a.tif").unlink()
    Image.fromarray(np.zeros((10, 40, 3), np.uint8)).save(own / "images" / "small.png")
    Image.fromarray(np.zeros((10, 40), np.uint8)).save(own / "masks" / "small.png")
    refused("small.png has 40x10 pixels, but scores need at least 11 on each side")
    (own / "images" / "small.png").unlink()  # a mask of its own name is no matter
    for path in (own / "masks").rglob("*.*"):
        Image.fromarray(np.full(grey(path).shape, 100, np.uint8)).save(path)
    refused("has a hole at --mask-threshold 128")


def test_a_network_is_not_scored_on_images_that_it_was_trained_on(weights, tmp_path, monkeypatch):
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "config.json").write_text('{"dataset": "dtd", "splits": "merged"}')
    model = load_generator_weights(weights)
    about = {**model.about, "settings": {"dataset": "dtd", "splits": "merged"}}
    save_generator_weights(
        tmp_path / "run.safetensors", TrainedGenerator(model.config, model.params, model.stats, about=about)
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "next run").mkdir()
    further = {"dataset": "dtd", "initial_weights": str(tmp_path / "run")}
    (tmp_path / "next run" / "config.json").write_text(json.dumps(further))
    mean = {**model.about, "settings": {"dataset": "dtd"}, "averaged_settings": [{}, about["settings"]]}
    save_generator_weights(
        tmp_path / "mean of run.safetensors", TrainedGenerator(model.config, model.params, model.stats, about=mean)
    )
    names = (tmp_path / "run", f"mine={tmp_path / 'run'}", "~/run", tmp_path / "run" / "checkpoints")
    files = (tmp_path / "run.safetensors", tmp_path / "mean of run.safetensors")
    for methods in map(str, (*names, *files, tmp_path / "next run")):
        with pytest.raises(
            InputError,
            match=r"run(/checkpoints|.safetensors)? was trained on --splits merged of dtd, .* official test split: add",
        ):
            open_pairs(Options(dataset="dtd", data_dir=tmp_path, methods=(methods,)))
    with pytest.raises(InputError, match=r"--splits merged joins the official splits of dtd or .*data set is samples"):
        Options(splits="merged").check()


def test_a_run_that_is_scored_on_its_own_training_images_is_named(own, tmp_path, monkeypatch):
    monkeypatch.chdir(own)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text('{"dataset": "folder", "data_dir": "images/"}')
    options = Options(
        dataset="folder", data_dir=own / "images", split="all", methods=("ns", f"mine={tmp_path / 'run'}")
    )
    by_name = dataclasses.replace(options, split="test", masks=str(own / "masks"), pair_by_name=True)
    for scored, way in ((options, "--split test scores the others"), (by_name, "score others")):
        with pytest.warns(
            UserWarning, match=rf"run was trained on \d of the \d images in .*, so its scores are too good: {way}$"
        ):
            open_pairs(scored)
    open_pairs(dataclasses.replace(options, split="test"))  # a warning would fail here
    for settings in ('{"dataset": "dtd", "data_dir": "images"}', '{"dataset": "folder", "data_dir": "elsewhere"}'):
        (tmp_path / "run" / "config.json").write_text(settings)
        open_pairs(options)


def test_training_images_are_known_wherever_the_folder_begins(tmp_path):
    """Splits go by the path below the folder, so another folder divides the same images otherwise."""
    for number in range(30):
        split = ("train", "val", "test")[number % 3]
        save(tmp_path / "all" / "own" / split / f"{number}.png", picture(16, 16, seed=number))
        save(tmp_path / "all" / "others" / f"{number}.png", picture(16, 16, seed=100 + number))
    (tmp_path / "run").mkdir()
    settings = {"dataset": "folder", "data_dir": str(tmp_path / "all" / "own")}
    (tmp_path / "run" / "config.json").write_text(json.dumps(settings))

    def told(folder, split):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            open_pairs(Options(dataset="folder", data_dir=folder, split=split, methods=(str(tmp_path / "run"),)))
        return [str(each.message) for each in said if "was trained on" in str(each.message)]

    (message,) = told(tmp_path / "all" / "own" / "train", "all")
    assert "was trained on 10 of the 10 images in" in message and message.endswith("too good: score others")
    assert not told(tmp_path / "all" / "own" / "test", "all")
    assert not told(tmp_path / "all" / "own", "test")
    assert not told(tmp_path / "all" / "others", "all")
    (tmp_path / "apart").symlink_to(tmp_path / "all" / "own" / "train")
    (message,) = told(tmp_path / "apart", "all")
    assert "10 of the 10" in message
    settings["data_dir"] = str(tmp_path / "all" / "others")  # split by the hashes of its names
    (tmp_path / "run" / "config.json").write_text(json.dumps(settings))
    trained = {f"others/{file}" for file in FolderSource(tmp_path / "all" / "others", "train").files}
    scored = set(FolderSource(tmp_path / "all", "all").files)
    (message,) = told(tmp_path / "all", "all")
    assert f"was trained on {len(trained & scored)} of the 60 images" in message
