"""The report of a run: scored by the same engine as an evaluation, the network's raw output beside its composite."""

import json
import shutil

import cv2
import numpy as np
import pytest

from experiments.train.batches import evaluation_batches
from experiments.train.config import Config
from experiments.train.experiment import open_sources
from experiments.train.interface import Outcome
from experiments.train.report import _of_training, write_report
from pconv_jax.checkpoints.trained import load_run
from pconv_jax.common.errors import InputError
from pconv_jax.evaluation import metrics
from pconv_jax.evaluation.methods import NamedMethod


def rounded(image):
    """The nearest 8-bit image, as floats."""
    return np.rint(image * np.float32(255)).astype(np.float32) / np.float32(255)


def test_the_report_scores_what_the_best_checkpoint_makes_of_the_test_images(finished):
    report = json.loads((finished / "report.json").read_text())
    assert report["opencv"] == cv2.__version__
    assert list(report["scores"]["buckets"]) == ["all"]
    config = Config.from_json(json.loads((finished / "config.json").read_text()))
    model = load_run(finished, step=report["scored_step"])
    found = {"hole_l1": [], "whole_psnr": [], "raw_whole_l1": [], "raw_whole_jaccard_product": []}
    for batch in evaluation_batches(config, open_sources(config)["test"], limit=6):
        for truth, noisy, mask in zip(batch["image"], batch["noisy"], batch["mask"], strict=True):
            damaged = np.where(mask == 1, noisy, np.float32(0))
            raw = rounded(model.raw(damaged[None], mask[None])[0])
            composite = rounded(np.where(mask == 1, damaged, raw))
            found["hole_l1"] += list(metrics.l1(composite, truth[None], region=mask[None] == 0))
            found["whole_psnr"] += list(metrics.psnr(composite, truth[None]))
            found["raw_whole_l1"] += list(metrics.l1(raw, truth[None]))
            found["raw_whole_jaccard_product"] += list(metrics.jaccard_product(raw, truth[None]))
    means = report["scores"]["buckets"]["all"]["methods"]["generator"]
    assert {name: means[name]["mean"] for name in found} == {name: float(np.mean(each)) for name, each in found.items()}
    assert means["raw_whole_l1"]["mean"] > means["whole_l1"]["mean"]  # an untrained network changes valid pixels too


def test_weights_that_are_compared_have_scores_beside_those_of_the_run(finished, tmp_path, monkeypatch, capsys):
    run = shutil.copytree(finished, tmp_path / "run")
    config = Config.from_json(json.loads((run / "config.json").read_text())).replace(out=run, compare=("faithful",))
    asked = []

    def opened(names):
        asked.append(names)
        return [NamedMethod("faithful", lambda images, masks: np.full_like(images, 0.5))]

    monkeypatch.setattr("experiments.train.report.open_methods", opened)
    outcome = Outcome(step=7, signal=0, seconds=1.0, images_per_second=1.0, data_wait=0.0)
    methods = write_report(config, open_sources(config)["test"], outcome, {})["scores"]["buckets"]["all"]["methods"]
    assert asked == [("faithful",)]
    assert "\nnote: tiles of 4 photographs: intervals are over tiles, and say little of" in capsys.readouterr().out
    before = json.loads((finished / "report.json").read_text())["scores"]["buckets"]["all"]["methods"]
    assert {name: means for name, means in methods.items() if name != "faithful"} == before
    assert methods["faithful"]["hole_psnr"]["mean"] < methods["mean"]["hole_psnr"]["mean"]


def test_pictures_that_cannot_be_drawn_do_not_cost_the_report(finished, tmp_path, monkeypatch):
    run = shutil.copytree(finished, tmp_path / "run")
    (run / "report.json").unlink()

    def fail(*_, limit):
        raise InputError("a picture that cannot be drawn")

    monkeypatch.setattr("experiments.train.report.image_grid", fail)
    config = Config.from_json(json.loads((run / "config.json").read_text())).replace(out=run)
    with pytest.raises(InputError, match="a picture that cannot be drawn"):
        write_report(config, open_sources(config)["test"], Outcome(step=7), {})
    report = json.loads((run / "report.json").read_text())
    assert report["scores"] == json.loads((finished / "report.json").read_text())["scores"]


def test_scored_again_a_run_is_as_fast_as_it_was(finished, tmp_path):
    run = shutil.copytree(finished, tmp_path / "run")
    training = json.loads((run / "report.json").read_text())["training"]
    config = Config.from_json(json.loads((run / "config.json").read_text())).replace(out=run)
    assert training["seconds"] > 0
    write_report(config, open_sources(config)["test"], Outcome(step=training["step"]), {})
    assert json.loads((run / "report.json").read_text())["training"] == training
    nothing = {"signal": 0, "seconds": None, "images_per_second": None, "data_wait": None}
    assert _of_training(config, Outcome(step=8)) == {"step": 8, **nothing}
    assert _of_training(config.replace(out=tmp_path), Outcome(step=7)) == {"step": 7, **nothing}
