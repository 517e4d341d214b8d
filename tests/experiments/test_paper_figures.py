"""The paper's figures: all of them from a tiny run, what lands in them, and the mistakes."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from tiny_run import STEPS

from experiments import paper_figures
from experiments.paper_figures import main
from experiments.train.config import Config
from experiments.train.experiment import open_sources
from experiments.train.run_folder import InpaintedImages
from pconv_jax.common.errors import InputError

NAMES = [
    "figure_1_teaser.png",
    "figure_4_loss_curve.png",
    "figure_5_masks.png",
    "figure_6_masked_images.png",
    "figure_7_results_samples.png",
]


@pytest.fixture
def grids(monkeypatch):
    """What was handed over to be drawn: file -> columns, and the arrays of the sheet."""
    drawn = {}
    for name in ("image_grid", "image_sheet"):
        draw = getattr(paper_figures, name)

        def spy(content, path, draw=draw, **kwargs):
            drawn[path.name] = (content, kwargs)
            draw(content, path, **kwargs)

        monkeypatch.setattr(paper_figures, name, spy)
    return drawn


@pytest.fixture
def copied(finished, tmp_path):
    """A run that may be spoiled."""
    return shutil.copytree(finished, tmp_path / "run")


def results(count=9, size=8):
    rng = np.random.default_rng(0)
    truth = rng.random((count, size, size, 3), np.float32)
    mask = np.ones((count, size, size, 1), np.float32)
    mask[:, 2:4] = 0
    return InpaintedImages(truth, np.where(mask == 1, truth, np.nan), mask, np.zeros_like(truth))


def test_every_figure_of_a_run(finished, tmp_path, capsys, grids):
    out = tmp_path / "new" / "figures"
    before = sorted(finished.rglob("*"))
    assert main([str(finished), "--out", str(out), "--rows", "3"]) == 0
    assert sorted(path.name for path in out.iterdir()) == NAMES
    assert capsys.readouterr().out.splitlines()[-5:] == [str(out / name) for name in NAMES]
    for name in NAMES:
        with Image.open(out / name) as picture:
            assert picture.format == "PNG"
            assert min(picture.size) > 200
    assert sorted(finished.rglob("*")) == before

    columns, settings = grids["figure_7_results_samples.png"]
    assert [label for label, _ in columns] == ["masked input", "raw output", "composite", "ground truth"]
    assert settings["limit"] == 3
    damaged, raw, composite, truth = (images for _, images in columns)
    valid = (composite == truth).all(axis=-1)
    np.testing.assert_array_equal(damaged[valid], truth[valid])
    assert (damaged[~valid] == 1).all()  # the holes, white
    np.testing.assert_array_equal(composite[~valid], raw[~valid])

    columns, settings = grids["figure_1_teaser.png"]
    assert [label for label, _ in columns] == ["masked input", "result", "ground truth"]
    assert all(len(images) == 3 for _, images in columns)
    assert settings["scale"] == 320 // 16


def test_by_default_they_go_into_the_folder_of_the_run(copied, capsys):
    assert main([str(copied)]) == 0
    assert sorted(path.name for path in (copied / "paper_figures").iterdir()) == NAMES


def test_the_training_examples_are_the_first_of_the_run(finished):
    config = paper_figures.open_run(finished).config
    source = open_sources(config)["train"]
    some = paper_figures.training_examples(config, source, count=11)
    more = paper_figures.training_examples(config, source, count=16)
    for name in ("image", "noisy", "mask"):
        assert some[name].shape[:3] == (11, 16, 16)
        np.testing.assert_array_equal(some[name], more[name][:11])
    assert 0 < np.abs(some["noisy"] - some["image"]).std() < 0.05


def test_a_run_is_opened_with_its_settings_losses_and_model(finished):
    run = paper_figures.open_run(finished)
    assert run.config == Config.from_json({**json.loads((finished / "config.json").read_text()), "out": str(finished)})
    assert run.config.network.options.widths == run.model.config.widths == (4, 8)
    assert sum("pixel" in row for row in run.metrics) == STEPS


def test_masks_are_shown_white_from_the_smallest_share_of_holes_to_the_largest(tmp_path, grids):
    masks = np.ones((3, 10, 10, 1))
    masks[0, :5], masks[1, :1], masks[2, :2] = 0, 0, 0
    path = paper_figures.figure_5_masks(masks, tmp_path)
    assert path == tmp_path / "figure_5_masks.png" and path.exists()
    images, settings = grids[path.name]
    assert settings["captions"] == ["10.0% hole", "20.0% hole", "50.0% hole"]
    np.testing.assert_array_equal(images, 1 - masks[[1, 2, 0]])


def test_training_images_are_shown_with_their_mask_and_noise(tmp_path, grids):
    examples = results(2)
    batch = {"image": examples.truth, "noisy": examples.damaged, "mask": examples.mask}
    path = paper_figures.figure_6_masked_images(batch, tmp_path, rows=1)
    truth, mask, damaged = (images for _, images in grids[path.name][0])
    np.testing.assert_array_equal(truth, examples.truth)
    np.testing.assert_array_equal(mask, 1 - examples.mask)
    assert (damaged[:, 2:4] == 1).all()
    np.testing.assert_array_equal(damaged[:, 4:], truth[:, 4:])


def test_the_teaser_shows_the_best_third_and_there_what_differs_in_colour(tmp_path, grids):
    examples = results(9)
    colours = np.full((9, 3), 0.5)
    colours[[1, 4, 6]] = [0.5, 0.5, 0.5], [0.9, 0.1, 0.1], [0.6, 0.5, 0.5]
    examples.truth[:] = np.clip(0.2 * examples.truth + 0.8 * colours[:, None, None], 0, 1)
    examples.raw[[1, 4, 6]] = examples.truth[[1, 4, 6]]  # perfect; the others stay black
    path = paper_figures.figure_1_teaser(examples, tmp_path, count=2)
    shown = dict(grids[path.name][0])["ground truth"]
    chosen = [int(np.argmax([(image == truth).all() for truth in examples.truth])) for image in shown]
    assert chosen[0] in (1, 4, 6)
    assert 4 in chosen
    assert len(set(chosen)) == 2


def test_few_and_equal_images_make_a_teaser_too(tmp_path, grids):
    examples = results(2)
    examples.truth[:], examples.damaged[:], examples.mask[1] = 0.5, 0.5, 1  # the second has no hole, and so no gain
    path = paper_figures.figure_1_teaser(examples, tmp_path)
    assert [len(images) for _, images in grids[path.name][0]] == [2, 2, 2]


def refused(capsys, *flags):
    assert main([str(flag) for flag in flags]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    return line


def test_folders_that_hold_no_finished_run_are_told(copied, tmp_path, capsys):
    out = tmp_path / "figures"
    assert "nowhere holds no config.json" in refused(capsys, tmp_path / "nowhere", "--out", out)
    whole = (copied / "config.json").read_text()
    for content, message in [
        ("{", "config.json cannot be read (Expecting"),
        ("[]", "config.json cannot be read ("),
        ('{"heads": 8}', "heads is not a setting of this version"),
        ('{"image_size": "wide"}', "the settings of the run are damaged"),
        ('{"image_size": 0}', "--image-size is 0"),
    ]:
        (copied / "config.json").write_text(content)
        assert message in refused(capsys, copied, "--out", out)
    (copied / "config.json").write_text(whole)

    metrics = (copied / "metrics.jsonl").read_text()
    (copied / "metrics.jsonl").write_text(metrics.replace("{", "[", 1))
    assert "metrics.jsonl is damaged (" in refused(capsys, copied, "--out", out)
    (copied / "metrics.jsonl").unlink()
    assert "metrics.jsonl holds no training losses" in refused(capsys, copied, "--out", out)
    (copied / "metrics.jsonl").write_text(metrics)

    shutil.rmtree(copied / "checkpoints")
    assert "holds no checkpoint" in refused(capsys, copied, "--out", out)
    assert not out.exists()


def test_flags_that_make_no_sense_are_told(finished, tmp_path, capsys):
    assert "--rows is 0, but it must be at least 1" in refused(capsys, finished, "--rows", 0)
    (tmp_path / "file").write_text("mine")
    assert "file is not a folder" in refused(capsys, finished, "--out", tmp_path / "file")
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    assert "RUN/paper_figures if not given" in text
    with pytest.raises(SystemExit) as stopped:
        main([])
    assert stopped.value.code == 2


def test_settings_come_back_from_their_json():
    config = Config().replace(widths=(4, 8), steps=3, convolution="plain", perceptual_layers=("block1_conv1",))
    assert Config.from_json(config.to_json()) == config
    assert Config.from_json({"seed": 3}) == Config().replace(seed=3)
    with pytest.raises(InputError, match="a, b is not a setting"):
        Config.from_json({"b": 1, "a": 2})
