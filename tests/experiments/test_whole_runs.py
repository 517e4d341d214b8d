"""Runs from the first step to the report: what they leave, and what stops them when they diverge."""

import json

import numpy as np
import pytest
from PIL import Image
from saved_runs import variables
from tiny_run import ALONE, STEPS, tiny

from experiments.run import main
from experiments.train import loop, trainer
from experiments.train.logs import read_metrics
from pconv_jax.checkpoints.trained import load_run


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


def test_the_report_says_how_fast_training_was_and_how_long_it_waited(finished):
    outcome = loop.Outcome(**json.loads((finished / "report.json").read_text())["training"])
    assert outcome.signal == 0
    assert outcome.seconds > 0
    # Of seven steps the first compiles and is not counted.
    assert outcome.images_per_second == pytest.approx((STEPS - 1) * 8 / outcome.seconds)
    assert 0 < outcome.data_wait < 1


def test_restore_gives_a_ready_model(finished):
    model = load_run(finished)
    image = np.random.default_rng(0).random((21, 18, 3), np.float32)
    mask = np.ones((21, 18, 1))
    mask[9:11] = 0
    result = model(image, mask)
    np.testing.assert_array_equal(result[:9], image[:9])
    assert np.isfinite(result).all()


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
    assert error.endswith("; a lower --learning-rate or another --seed, with another --out, may help")
    assert all(np.isfinite(leaf).all() for leaf in variables(folder))
    assert [row["step"] for row in read_metrics(folder / "metrics.jsonl") if "pixel" in row] == [1, 2, 3, 4]


def test_weights_that_are_not_finite_are_not_saved(tmp_path, capsys):
    # The loss of the first step is fine; what the absurd learning rate makes of the weights is not.
    folder = tmp_path / "run"
    absurd = ("--learning-rate", "1e25", "--schedule", "constant", "--checkpoint-every", "1")
    assert main(tiny(folder, *ALONE, *absurd, "--widths", "4")) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("stopped: after step 1 the output of the network is not finite; no checkpoint was saved")
