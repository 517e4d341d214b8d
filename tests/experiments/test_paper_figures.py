"""The paper's figures: all of them from a tiny run, some from weights and images, and what lands in them."""

import json
import shutil

import numpy as np
import pytest
from flax import nnx
from networks import build
from PIL import Image
from tiny_run import STEPS

from experiments.paper_figures import Flags, draw, figures
from experiments.paper_figures.__main__ import main
from experiments.paper_figures.inputs import Inputs
from experiments.train.config import Config
from experiments.train.experiment import open_sources
from experiments.train.run_folder import InpaintedImages, open_run, training_examples
from experiments.train.training_time import TrainingTime
from pconv_jax.checkpoints.trained import TrainedGenerator
from pconv_jax.checkpoints.weights_file import load_generator_weights, save_generator_weights
from pconv_jax.common.errors import InputError
from pconv_jax.data.crop import central_square
from pconv_jax.models import LiuConfig

NAMES = [
    "figure_1_teaser.png",
    "figure_2_irregular_holes.png",
    "figure_3_architecture.png",
    "figure_4_loss_curve.png",
    "figure_5_masks.png",
    "figure_6_masked_images.png",
    "figure_7_results_samples.png",
]
BINS = [(0.01, 0.1), (0.2, 0.3), (0.5, 0.6)]


@pytest.fixture
def grids(monkeypatch):
    """What was handed over to be drawn: file -> columns, and the arrays of the sheet."""
    drawn = {}
    for name in ("image_grid", "image_sheet"):
        draw = getattr(figures, name)

        def spy(content, path, draw=draw, **kwargs):
            drawn[path.name] = (content, kwargs)
            draw(content, path, **kwargs)

        monkeypatch.setattr(figures, name, spy)
    return drawn


@pytest.fixture(scope="module")
def liu(tmp_path_factory):
    """Weights of a tiny network of Liu et al."""
    path = tmp_path_factory.mktemp("liu") / "liu.safetensors"
    config = LiuConfig(widths=(4, 6))
    _, params, stats = nnx.split(build(config), nnx.Param, nnx.BatchStat)
    save_generator_weights(path, TrainedGenerator(config, params, stats))
    return str(path)


def results(count=9, size=8):
    rng = np.random.default_rng(0)
    truth = rng.random((count, size, size, 3), np.float32)
    mask = np.ones((count, size, size, 1), np.float32)
    mask[:, 2:4] = 0
    return InpaintedImages(truth, np.where(mask == 1, truth, np.nan), mask, np.zeros_like(truth))


def test_every_figure_of_a_run(finished, tmp_path, capsys, grids, liu):
    out = tmp_path / "new" / "figures"
    before = sorted(finished.rglob("*"))
    assert main([str(finished), "--out", str(out), "--rows", "3", "--liu-weights", liu]) == 0
    assert sorted(path.name for path in out.iterdir()) == NAMES
    assert capsys.readouterr().out.splitlines()[-7:] == [str(out / name) for name in NAMES]
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

    columns, settings = grids["figure_2_irregular_holes.png"]
    assert settings["rows"] == ["hole ratio\n0.01 to 0.1", "hole ratio\n0.2 to 0.3", "hole ratio\n0.5 to 0.6"]
    damaged, raw, composite, irregular = (images for _, images in columns)
    np.testing.assert_array_equal(irregular, truth[:3])
    hole = ~(composite == irregular).all(axis=-1)
    assert [low < share <= high for share, (low, high) in zip(hole.mean((1, 2)), BINS, strict=True)] == [True] * 3
    assert (damaged[hole] == 1).all()
    np.testing.assert_array_equal(composite[hole], raw[hole])

    columns, settings = grids["figure_1_teaser.png"]
    assert [label for label, _ in columns] == ["masked input", "result", "ground truth"]
    assert all(len(images) == 3 for _, images in columns)
    assert settings["scale"] == 320 // 16


def test_by_default_they_go_into_the_folder_of_the_run(finished, tmp_path, liu):
    run = shutil.copytree(finished, tmp_path / "run")
    assert main([str(run), "--liu-weights", liu]) == 0
    assert sorted(path.name for path in (run / "paper_figures").iterdir()) == NAMES


def test_the_training_examples_are_the_first_of_the_run(finished):
    config = open_run(finished).config
    source = open_sources(config)["train"]
    some = training_examples(config, source, count=11)
    more = training_examples(config, source, count=16)
    for name in ("image", "noisy", "mask"):
        assert some[name].shape[:3] == (11, 16, 16)
        np.testing.assert_array_equal(some[name], more[name][:11])
    assert 0 < np.abs(some["noisy"] - some["image"]).std() < 0.05


def test_a_run_is_opened_with_its_settings_losses_and_model(finished):
    run = open_run(finished)
    assert run.config == Config.from_json({**json.loads((finished / "config.json").read_text()), "out": str(finished)})
    assert run.config.network.options.widths == run.model.config.widths == (4, 8)
    assert sum("pixel" in row for row in run.metrics) == STEPS


def test_masks_are_shown_white_from_the_smallest_share_of_holes_to_the_largest(tmp_path, grids):
    masks = np.ones((3, 10, 10, 1))
    masks[0, :5], masks[1, :1], masks[2, :2] = 0, 0, 0
    path = figures.figure_5_masks(masks, tmp_path)
    assert path == tmp_path / "figure_5_masks.png" and path.exists()
    images, settings = grids[path.name]
    assert settings["captions"] == ["10.0% hole", "20.0% hole", "50.0% hole"]
    np.testing.assert_array_equal(images, 1 - masks[[1, 2, 0]])


def test_training_images_are_shown_with_their_mask_and_noise(tmp_path, grids):
    examples = results(2)
    batch = {"image": examples.truth, "noisy": examples.damaged, "mask": examples.mask}
    path = figures.figure_6_masked_images(batch, tmp_path, rows=1)
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
    path = figures.figure_1_teaser(examples, tmp_path, count=2)
    shown = dict(grids[path.name][0])["ground truth"]
    chosen = [int(np.argmax([(image == truth).all() for truth in examples.truth])) for image in shown]
    assert chosen[0] in (1, 4, 6)
    assert 4 in chosen
    assert len(set(chosen)) == 2


def test_few_and_equal_images_make_a_teaser_too(tmp_path, grids):
    examples = results(2)
    examples.truth[:], examples.damaged[:], examples.mask[1] = 0.5, 0.5, 1  # the second has no hole, and so no gain
    path = figures.figure_1_teaser(examples, tmp_path)
    assert [len(images) for _, images in grids[path.name][0]] == [2, 2, 2]


def test_weights_and_a_folder_of_images_are_enough(weights, own, tmp_path, grids, liu):
    out, images = tmp_path / "figures", own / "images"
    flags = ("--weights", weights, "--images", images, "--image-size", 16, "--out", out, "--liu-weights", liu)
    assert main([str(flag) for flag in flags]) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        *(name for name in NAMES[:-1] if name != "figure_4_loss_curve.png"),
        "figure_7_results_folder.png",
    ]
    truth = dict(grids["figure_7_results_folder.png"][0])["ground truth"]
    expected = {
        central_square(np.asarray(Image.open(path)), 16).tobytes() for path in images.rglob("*.png")
    }  # all of them, though only one is in a split for tests
    assert {np.rint(image * 255).astype(np.uint8).tobytes() for image in truth} == expected
    assert len(expected) == 3


def test_one_figure_of_what_there_is(finished, tmp_path, grids, capsys):
    out = tmp_path / "figures"
    shutil.copytree(finished, tmp_path / "run", ignore=shutil.ignore_patterns("checkpoints"))
    assert main([str(tmp_path / "run"), "--out", str(out), "--figures", "4", "3"]) == 0  # it has no weights any more
    assert sorted(path.name for path in out.iterdir()) == ["figure_3_architecture.png", "figure_4_loss_curve.png"]
    shutil.rmtree(out)
    assert main(["--generator", "liu", "--image-size", "512", "--out", str(out)]) == 0
    assert [path.name for path in out.iterdir()] == ["figure_3_architecture.png"]


def test_how_long_training_took_is_in_the_heading_of_the_losses(tmp_path, monkeypatch):
    headings = []
    monkeypatch.setattr(figures, "loss_curve", lambda *args, title, **kwargs: headings.append(title))
    (tmp_path / "metrics.jsonl").write_text('{"step": 9, "generator_loss": 1.0}\n')
    settings = Config().replace(dataset="dtd", out=tmp_path).to_json()
    (tmp_path / "config.json").write_text(json.dumps(settings))
    flags = Flags(run=tmp_path, out=tmp_path / "figures", figures=(4,))
    draw(flags)
    TrainingTime(steps=9, wall_seconds=75.0, cpu_seconds=61.5, compilation_wall_seconds=20.0).write(tmp_path, step=9)
    draw(flags)
    assert headings == ["dtd: training", "dtd: training\nwall time 1 min 15 s, CPU time 1 min 2 s"]


def test_settings_come_back_from_their_json():
    config = Config().replace(widths=(4, 8), steps=3, convolution="plain", perceptual_layers=("block1_conv1",))
    assert Config.from_json(config.to_json()) == config
    assert Config.from_json({"seed": 3}) == Config().replace(seed=3)
    with pytest.raises(InputError, match="a, b is not a setting"):
        Config.from_json({"b": 1, "a": 2})


def test_weights_and_runs_of_merged_splits_are_drawn_on_other_images(weights, tmp_path):
    model = load_generator_weights(weights)
    settings = {"dataset": "dtd", "splits": "merged", "generator": "pyramid", "image_size": 32}
    file = tmp_path / "merged.safetensors"
    about = {**model.about, "settings": settings}
    save_generator_weights(file, TrainedGenerator(model.config, model.params, model.stats, about=about))
    Inputs(Flags(weights=str(file))).config.check()
    (tmp_path / "config.json").write_text(json.dumps(settings))
    Inputs(Flags(run=tmp_path, images=tmp_path)).config.check()


def test_weights_that_were_trained_on_mask_files_are_drawn_with_lines(weights, tmp_path):
    model = load_generator_weights(weights)
    settings = {**model.about.get("settings", {}), "masks": "folder"}  # as exported: without the folder
    file = tmp_path / "files.safetensors"
    save_generator_weights(
        file, TrainedGenerator(model.config, model.params, model.stats, about={"settings": settings})
    )
    inputs = Inputs(Flags(weights=str(file)))
    with pytest.warns(UserWarning, match="mask files of a folder that it does not name: the figures have lines"):
        inputs.config.check()
    assert inputs.config.damage.masks == "lines"
