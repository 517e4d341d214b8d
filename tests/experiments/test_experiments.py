"""The command: refusals, and whole small runs - interrupted, killed, resumed, and gone wrong."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file
from tiny_run import STEPS, tiny

from experiments.export import main as export_main
from experiments.run import main
from experiments.train import experiment, loop, trainer
from experiments.train.config import Config
from experiments.train.logs import MetricsLog, read_metrics
from pconv_jax.checkpoints.orbax import open_checkpoints
from pconv_jax.checkpoints.trained import load_run
from pconv_jax.checkpoints.weights_file import load_generator_weights
from pconv_jax.common.errors import InputError


def variables(folder: Path) -> list[np.ndarray]:
    """The generator of the last step."""
    with open_checkpoints(folder) as checkpoints:
        step = checkpoints.latest
    model = load_run(folder, step=step)
    return [np.asarray(leaf) for leaf in jax.tree.leaves((model.params, model.stats))]


def assert_same_run(a: Path, b: Path) -> None:
    """The same losses in the same order, and the same parameters, to the bit."""
    assert read_metrics(a / "metrics.jsonl") == read_metrics(b / "metrics.jsonl")
    for x, y in zip(variables(a), variables(b), strict=True):
        np.testing.assert_array_equal(x, y)


def test_a_run_leaves_losses_pictures_checkpoints_and_a_report(finished):
    rows = read_metrics(finished / "metrics.jsonl")
    assert [row["step"] for row in rows if "pixel" in row] == list(range(1, STEPS + 1))
    assert [row["step"] for row in rows if "validation_l1" in row] == [3, 6, STEPS]
    assert {"generator_loss", "pixel", "adversarial", "perceptual", "discriminator_loss"} <= set(rows[0])
    assert sorted(path.name for path in (finished / "samples").iterdir()) == ["step_0000004.png", "step_0000007.png"]
    for name in ("test_results.png", "loss_curve.png", "validation_curve.png"):
        with Image.open(finished / name) as picture:
            assert min(picture.size) > 100
    assert list((finished / "events").glob("events.out.tfevents.*"))
    report = json.loads((finished / "report.json").read_text())
    assert report["images_scored"] == 6
    methods = report["scores"]["buckets"]["all"]["methods"]
    assert set(methods) == {"unrepaired", "mean", "ns", "generator"}
    hole = methods["generator"]
    assert {"hole_l1", "hole_psnr", "hole_ssim", "hole_jaccard", "whole_jaccard_product"} <= set(hole)
    assert report["vgg_weights"].startswith("random")
    assert report["training"]["step"] == STEPS
    assert report["config"]["seed"] == 0


def test_restore_gives_a_ready_model(finished):
    model = load_run(finished)
    image = np.random.default_rng(0).random((21, 18, 3), np.float32)
    mask = np.ones((21, 18, 1))
    mask[9:11] = 0
    result = model(image, mask)
    np.testing.assert_array_equal(result[:9], image[:9])
    assert np.isfinite(result).all()


def test_a_finished_run_resumes_to_a_new_report_without_training(finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "run")
    (folder / "report.json").unlink()
    assert main(tiny(folder, "--resume")) == 0
    assert (folder / "metrics.jsonl").read_text() == (finished / "metrics.jsonl").read_text()
    before, after = (json.loads((place / "report.json").read_text()) for place in (finished, folder))
    assert after["scores"] == before["scores"]
    assert after["training"] == {
        "step": STEPS,
        "signal": 0,
        "seconds": None,
        "images_per_second": None,
        "data_wait": None,
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_first_and_resuming_changes_nothing(finished, tmp_path, monkeypatch, capsys, number):
    write = MetricsLog.write

    def interrupting(self, step, metrics):
        write(self, step, metrics)
        if step == 4:
            signal.raise_signal(number)

    with monkeypatch.context() as patch:
        patch.setattr(MetricsLog, "write", interrupting)
        assert main(tiny(tmp_path / "run")) == 128 + number
    assert f"stopped by {number.name} and saved at step" in capsys.readouterr().err
    with open_checkpoints(tmp_path / "run") as checkpoints:
        assert checkpoints.latest == read_metrics(tmp_path / "run" / "metrics.jsonl")[-1]["step"]
    assert main(tiny(tmp_path / "run", "--resume")) == 0
    assert_same_run(finished, tmp_path / "run")


def test_killed_in_mid_run_and_resumed_equals_the_whole_run(finished, tmp_path):
    folder = tmp_path / "run"
    environment = {**os.environ, "JAX_NUM_CPU_DEVICES": str(jax.device_count()), "JAX_PLATFORMS": "cpu"}
    environment["JAX_COMPILATION_CACHE_DIR"] = jax.config.jax_compilation_cache_dir
    command = [sys.executable, "-c", _SLOW_RUN, *tiny(folder)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 240
    while len(read_metrics(folder / "metrics.jsonl")) < 6:  # five steps and a validation
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline, "the run to be killed did not get going"
        time.sleep(0.02)
    process.kill()
    process.wait()
    process.stderr.close()
    with open_checkpoints(folder) as checkpoints:
        assert checkpoints.latest == 3
    assert main(tiny(folder, "--resume")) == 0
    assert_same_run(finished, folder)


# Half a second a step: time to be killed in.
_SLOW_RUN = """
import sys, time
import experiments.train.logs as logs
write = logs.MetricsLog.write
logs.MetricsLog.write = lambda *args: (write(*args), time.sleep(0.5))
from experiments.run import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_loss_that_is_not_finite_stops_the_run_and_leaves_the_last_good_checkpoint(tmp_path, capsys, monkeypatch):
    folder, calls, step = tmp_path / "run", [], trainer.Replicas.__call__

    def poisoned_at_the_fifth(self, state, batch, constants):
        calls.append(1)
        image = batch["image"] + (np.nan if len(calls) == 5 else 0.0)
        return step(self, state, {**batch, "image": image.astype(np.float32)}, constants)

    monkeypatch.setattr(trainer.Replicas, "__call__", poisoned_at_the_fifth)
    assert main(tiny(folder)) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("stopped: at step 5 ")
    assert "pixel is nan" in error
    assert f"the last good checkpoint is step 3 in {folder / 'checkpoints'}" in error
    assert all(np.isfinite(leaf).all() for leaf in variables(folder))
    assert [row["step"] for row in read_metrics(folder / "metrics.jsonl") if "pixel" in row] == [1, 2, 3, 4]


def test_weights_that_are_not_finite_are_not_saved(tmp_path, capsys):
    # The loss of the first step is fine; what the absurd learning rate makes of the weights is not.
    folder = tmp_path / "run"
    absurd = ("--learning-rate", "1e25", "--schedule", "constant", "--checkpoint-every", "1")
    assert main(tiny(folder, *ALONE, *absurd, "--widths", "4")) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("stopped: after step 1 the generator's output is not finite; no checkpoint was saved")


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


PYRAMID = ("--generator", "pyramid", "--blocks", "1", "1", "--pixel-loss", "psnr", "--line-shape", "strokes")
OPTIONS = ("--monochrome", "0.5", "--warmup", "2", "--clip", "1")
ALONE = ("--adversarial-weight", "0", "--perceptual-weight", "0", "--learning-rate", "1e-3")


def test_the_generator_for_photographs_trains_is_saved_as_weights_and_trained_on(tmp_path, capsys):
    first, file, second = tmp_path / "first", tmp_path / "w.safetensors", tmp_path / "second"
    # A learning rate next to nothing, so that the runs compile one program and the second shows where it started.
    slow = (*PYRAMID, *OPTIONS, *ALONE, "--learning-rate", "1e-9")
    assert main(tiny(first, *slow)) == 0
    assert export_main([str(first), str(file), "--latest"]) == 0  # hardly changed, any of its steps may be the best
    assert f"as {file} (0.0 MB)" in capsys.readouterr().out
    weights = load_generator_weights(file)
    assert weights.about["thickest_line"] == 4
    assert weights.about["settings"]["pixel_loss"] == "psnr"
    assert weights.about["validation_l1"] > 0
    for before, after in zip(variables(first), jax.tree.leaves((weights.params, weights.stats)), strict=True):
        np.testing.assert_array_equal(before, after)
    assert export_main([str(first), "/dev/null/w.safetensors"]) == 2
    assert "/dev/null/w.safetensors cannot be written (File exists): choose another" in capsys.readouterr().err
    # Another seed draws other weights; what is trained on starts from the file's, to the bit nearly.
    again = (*slow, "--seed", "1")
    assert main(tiny(second, *again, "--initial-weights", str(file))) == 0
    for before, after in zip(variables(first), variables(second), strict=True):
        np.testing.assert_allclose(before, after, atol=1e-6)
    moved = file.rename(tmp_path / "moved.safetensors")
    assert main(tiny(second, *again, "--initial-weights", str(file), "--resume")) == 0  # from its checkpoint
    capsys.readouterr()
    assert main(tiny(second, *again, "--initial-weights", str(moved), "--resume")) == 2
    assert f"--initial-weights was {file} and is now {moved}" in capsys.readouterr().err
    assert main(tiny(tmp_path / "third", *again, "--initial-weights", str(file))) == 2
    assert f"unknown weights '{file}': choose from faithful" in capsys.readouterr().err
    file = moved
    assert main(tiny(tmp_path / "third", *ALONE, "--initial-weights", str(file))) == 2
    assert "--initial-weights" in capsys.readouterr().err


def test_weights_do_not_tell_where_on_a_disk_they_were_trained(finished, tmp_path):
    run = shutil.copytree(finished, tmp_path / "run")
    settings = json.loads((run / "config.json").read_text())
    masks = {"masks": "folder", "mask_dir": "/secret/masks", "data_dir": "/secret/photos", "out": "/secret/runs/first"}
    weights = {"vgg_weights": "/secret/vgg16.npz", "initial_weights": "/secret/before.safetensors"}
    (run / "config.json").write_text(json.dumps({**settings, **masks, **weights}))
    assert export_main([str(run), str(tmp_path / "w.safetensors")]) == 0
    content = (tmp_path / "w.safetensors").read_bytes()
    assert b"secret" not in content and str(tmp_path).encode() not in content
    about = load_generator_weights(tmp_path / "w.safetensors").about
    assert about["settings"]["vgg_weights"] == "vgg16.npz"
    assert about["settings"]["initial_weights"] == "before.safetensors"
    assert about["thickest_line"] is None  # its masks were no lines


def test_the_best_checkpoint_is_exported_and_not_the_latest(finished, tmp_path):
    run = shutil.copytree(finished, tmp_path / "run")
    with open_checkpoints(run) as checkpoints:
        best = checkpoints.best
        assert best is not None
    rows = {row["step"]: row["validation_l1"] for row in read_metrics(run / "metrics.jsonl") if "validation_l1" in row}
    assert best == min(rows, key=rows.__getitem__)
    assert export_main([str(run), str(tmp_path / "w.safetensors")]) == 0
    about = load_generator_weights(tmp_path / "w.safetensors").about
    assert (about["step"], about["validation_l1"]) == (best, rows[best])


def test_the_latest_checkpoint_is_exported_if_asked_for(finished, tmp_path, monkeypatch):
    run = shutil.copytree(finished, tmp_path / "run")
    with open_checkpoints(run) as checkpoints:
        latest = checkpoints.latest
        assert latest is not None
        earlier = max(int(name) for name in os.listdir(run / "checkpoints") if name.isdigit() and int(name) != latest)
        monkeypatch.setattr(type(checkpoints), "best_or_latest", earlier)
    for flags, step in (([], earlier), (["--latest"], latest)):
        assert export_main([str(run), str(tmp_path / "w.safetensors"), *flags]) == 0
        assert load_generator_weights(tmp_path / "w.safetensors").about["step"] == step


@pytest.mark.parametrize(("precision", "dtype"), [("float16", np.float16), ("int8", np.int8)])
def test_a_weights_file_is_saved_again_at_another_precision(weights, tmp_path, precision, dtype):
    out = tmp_path / "small.safetensors"
    assert export_main([str(weights), str(out), "--precision", precision]) == 0
    assert load_file(out)["params/stem/conv/kernel"].dtype == dtype
    assert load_generator_weights(out).about == load_generator_weights(weights).about == {"thickest_line": 24}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["nowhere", "w.safetensors"], "nowhere holds no config.json"), (["nowhere", "w"], "w must end in .safetensors")],
)
def test_weights_that_cannot_be_saved(tmp_path, capsys, monkeypatch, arguments, named):
    monkeypatch.chdir(tmp_path)
    assert export_main(arguments) == 2
    assert capsys.readouterr().err.startswith(f"error: {named}")
    assert list(tmp_path.iterdir()) == []


def test_damaged_settings_of_a_run_to_resume_are_told(tmp_path, capsys):
    (tmp_path / "config.json").write_text('{"steps": ')
    assert main(tiny(tmp_path, *ALONE, "--resume")) == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'config.json'} cannot be read (")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--dataset folder --data-dir {}/nowhere", "nowhere is not a folder"),
        ("--dataset folder --data-dir {}", "holds no images"),
        ("--dataset folder", "--dataset folder needs --data-dir"),
        ("--preset faithful", "--dataset folder needs --data-dir"),
        ("--batch-size 0", "--batch-size is 0, but it must be at least 1"),
        ("--noise 2", "noise=2.0 must be a standard deviation of at least 0 and below 1"),
        ("--image-size 40", "image_size=40 must be a multiple of 16"),
        ("--pixel-weight -1", "the weight of the pixel loss is -1"),
        ("--widths 0", "widths="),
        ("--vgg-weights {}/vgg.h5", "vgg.h5"),
        ("--line-thickness 5 2", "thickness"),
        ("--perceptual-layers block9_conv1", "VGG16 has no layer 'block9_conv1'"),
        ("--crop-scale 0.5 2", "crop_scale=(0.5, 2.0) must be (low, high)"),
        ("--learning-rate 0", "a learning rate must be positive"),
        ("--batch-size 6", "cannot be split between 4 devices"),
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


def test_an_output_folder_is_never_overwritten(finished, tmp_path, capsys):
    assert main(tiny(finished)) == 2
    assert "add --resume" in capsys.readouterr().err
    assert main(tiny(finished, "--resume", "--seed", "5", "--noise", "0.5")) == 2
    error = capsys.readouterr().err
    assert "--seed was 0 and is now 5" in error
    assert "--noise was 0.02 and is now 0.5" in error
    (tmp_path / "thesis.txt").write_text("mine")
    assert main(tiny(tmp_path)) == 2
    assert "is not empty and holds no run" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_what_a_killed_run_had_not_finished_to_write_does_not_take_its_folder(tmp_path):
    config = Config().replace(out=tmp_path, resume=True)
    (tmp_path / ".0123456789abcdef.tmp").write_text("{")
    experiment._check_folder(config)
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="is not empty and holds no run"):
        experiment._check_folder(config)


def test_metrics_file_is_cut_back_to_the_step_resumed_from(tmp_path):
    rows = [{"step": step, "pixel": 1.0 / step} for step in range(1, 6)]
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"step": 6, "pix')
    assert read_metrics(path) == rows
    with MetricsLog(tmp_path, resume_step=3) as log:
        log.write(4, {"pixel": 9.0})
    assert read_metrics(path) == [*rows[:3], {"step": 4, "pixel": 9.0}]


def test_sources_are_opened_before_anything_is_written(tmp_path):
    with pytest.raises(InputError):
        experiment.run(Config().replace(dataset="folder", data_dir=tmp_path / "none", out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_the_report_says_how_fast_training_was_and_how_long_it_waited(finished):
    outcome = loop.Outcome(**json.loads((finished / "report.json").read_text())["training"])
    assert outcome.signal == 0
    assert outcome.seconds > 0
    # Of seven steps the first compiles and is not counted.
    assert outcome.images_per_second == pytest.approx((STEPS - 1) * 8 / outcome.seconds)
    assert 0 < outcome.data_wait < 1
