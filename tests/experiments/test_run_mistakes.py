"""Mistakes in the flags of a run are one sentence each, before anything is written."""

import importlib

import jax
import numpy as np
import pytest
from PIL import Image
from tiny_run import ALONE, tiny

from experiments.run import main
from experiments.train import experiment, validation
from experiments.train.config import Config
from pconv_jax.common.errors import InputError


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--generator", "pyramid", "--convolution", "plain"], "--convolution plain"),
        (["--blocks", "1", "1"], "--blocks"),
        (["--monochrome", "1.5"], "monochrome=1.5 must be a share of the images, from 0 to 1"),
        (["--warmup", "9", "--steps", "9"], "warm-up's 9, not 9"),
        (["--clip", "0"], "0.0"),
    ],
)
def test_flags_that_do_not_go_together_are_named(tmp_path, capsys, flags, named):
    assert main(tiny(tmp_path / "run", *flags)) == 2
    assert named in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--dataset folder --data-dir {}/nowhere", "nowhere is not a folder"),
        ("--dataset folder --data-dir {}", "holds no images"),
        ("--dataset folder", "--dataset folder needs --data-dir"),
        ("--preset faithful", "--dataset folder needs --data-dir"),
        ("--batch-size 0", "--batch-size is 0, but it must be at least 1"),
        ("--image-size 8 --widths 4", "--image-size is 8, but scores need at least 11"),
        ("--noise 2", "noise=2.0 must be a standard deviation of at least 0 and below 1"),
        ("--image-size 40", "image_size=40 must be a multiple of 16"),
        ("--pixel-weight -1", "the weight of the pixel loss is -1"),
        ("--widths 0", "widths="),
        ("--vgg-weights {}/vgg.h5", "vgg.h5"),
        ("--line-thickness 5 2", "thickness"),
        ("--perceptual-layers block9_conv1", "VGG16 has no layer 'block9_conv1'"),
        (
            "--perceptual-layers block1_pool block5_pool --image-size 16",
            "VGG16 layer block5_pool needs images of at least 32x32 pixels, not 16x16: use larger images or a sh",
        ),
        (
            "--dataset samples --preset pathak --losses paper --perceptual-layers block5_pool --image-size 32 "
            "--widths 4 4 4",
            "block5_pool needs images of at least 32x32 pixels, not 16x16",  # what is predicted, the middle half
        ),
        ("--crop-scale 0.5 2", "crop_scale=(0.5, 2.0) must be (low, high)"),
        ("--learning-rate 0", "--learning-rate is 0.0, but it must be a number above 0"),
        ("--hosts 2", "--coordinator and --host missing: several hosts need --coordinator HOST:PORT"),
    ],
)
def test_mistakes_get_one_sentence_and_exit_code_2(tmp_path, capsys, flags, message):
    data = tmp_path / "data"
    data.mkdir()
    out = tmp_path / "out"
    assert main([*flags.format(data).split(), "--out", str(out)]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    assert message in error
    assert not (out / "config.json").exists()


def test_sources_are_opened_before_anything_is_written(tmp_path):
    with pytest.raises(InputError):
        experiment.run(Config().replace(dataset="folder", data_dir=tmp_path / "none", out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_folder_in_which_checkpoints_could_not_be_read_again_is_refused_first(tmp_path, capsys):
    out = tmp_path / "my [old] photos" / "run"
    assert main(tiny(out, *ALONE)) == 2
    assert "no checkpoints can be saved below" in capsys.readouterr().err
    assert not out.parent.exists()


def test_a_bad_mask_file_is_told_before_training(tmp_path, capsys):
    Image.fromarray(np.eye(32, dtype=np.uint8) * 255).save(tmp_path / "a.png")
    for name in ("b.png", "c.png"):
        (tmp_path / name).write_text("no image")
    assert main(tiny(tmp_path / "out", *ALONE, "--masks", "folder", "--mask-dir", str(tmp_path))) == 2
    assert "2 of the 3 mask files" in capsys.readouterr().err
    assert not (tmp_path / "out" / "config.json").exists()


def test_masks_that_leave_nothing_are_told_before_training(tmp_path, capsys):
    assert main(tiny(tmp_path / "out", *ALONE, "--line-thickness", "100", "100")) == 2
    assert "20 masks of 16x16 px left no valid pixel: give thinner lines" in capsys.readouterr().err
    assert not (tmp_path / "out" / "config.json").exists()


def test_masks_below_the_data_folder_are_not_trained_on(tmp_path):
    for shade, name in enumerate(("a", "b", "c", "masks/a", "masks/b"), 251):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.eye(32, dtype=np.uint8) * np.uint8(shade)).save(tmp_path / f"{name}.png")
    config = Config().replace(dataset="folder", data_dir=tmp_path, masks="folder", mask_dir=tmp_path / "masks")
    with pytest.warns(UserWarning, match=r"not photographs \(1: masks\)"):
        sources = experiment.open_sources(config)
    assert sorted(source.label(0) for source in sources.values()) == ["a.png", "b.png", "c.png"]


def test_validation_images_without_a_hole_are_refused(monkeypatch):
    batch = {name: np.ones((2, 16, 16, 1), np.float32) for name in ("image", "noisy", "mask")}
    monkeypatch.setattr(validation, "evaluation_batches", lambda *_, limit: [batch] * (limit // 2))
    config = Config().replace(validation_images=4)
    with pytest.raises(InputError, match="--validation-images 4 gives 4 images without a hole in any: give more, or"):
        validation.Validation(config, None)


@pytest.mark.parametrize(
    ("program", "flags"),
    [
        ("performance.__main__", ["--suites", "op"]),
        ("export.__main__", ["{}", "{}/out.safetensors"]),
        ("paper_figures.__main__", ["--out", "{}/figures", "--figures", "3", "--generator", "paper"]),
    ],
)
def test_a_device_that_is_not_there_is_one_sentence(program, flags, tmp_path, monkeypatch, capsys):
    def devices():
        raise AssertionError

    monkeypatch.setattr(jax, "devices", devices)
    assert importlib.import_module(f"experiments.{program}").main([flag.format(tmp_path) for flag in flags]) == 2
    assert "JAX_PLATFORMS is cpu, which JAX cannot start here" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
