"""Runs whose training step makes its own examples: resumed to the bit, refused where the device cannot, recorded."""

import json

import numpy as np
import pytest
from saved_runs import assert_same_run
from tiny_run import ALONE, tiny

from experiments.run import main
from experiments.train import batches
from experiments.train.config import Config
from experiments.train.experiment import open_sources
from experiments.train.presets import PRESETS
from experiments.train.run_folder import read_config, training_examples
from experiments.train.trainer import Trainer
from pconv_jax.common.errors import InputError

pytestmark = pytest.mark.usefixtures("without_curves")

FLAGS = ("--augment-on-device", "--crop-scale", "0.05", "0.1", *ALONE)


def test_a_run_that_was_stopped_resumes_to_the_bit(tmp_path, monkeypatch):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert main(tiny(whole, *FLAGS)) == 0
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", _stopping(Trainer.step, after=5))
        with pytest.raises(KeyError):
            main(tiny(stopped, *FLAGS))
    assert main(tiny(stopped, *FLAGS, "--resume")) == 0
    assert_same_run(whole, stopped)
    settings = json.loads((whole / "config.json").read_text())
    assert settings["augment_on_device"] is True
    config = read_config(whole)
    found = training_examples(config, open_sources(config)["train"], count=5)
    assert {name: array.shape for name, array in found.items()} == {
        "image": (5, 16, 16, 3),
        "noisy": (5, 16, 16, 3),
        "mask": (5, 16, 16, 1),
    }
    assert 0 < np.mean(found["mask"] == 0) < 0.8


def _stopping(step, *, after):
    def until(self, batch):
        if self.steps == after:
            raise KeyError
        return step(self, batch)

    return until


def test_runs_of_before_had_their_examples_made_by_the_host():
    values = {name: value for name, value in Config().to_json().items() if name != "augment_on_device"}
    assert Config.from_json(values).data.augment_on_device is False
    with pytest.raises(InputError, match="--augment-on-device was False and is now True"):
        Config().replace(augment_on_device=True).check_same_run(values)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--workers 2", "--workers 2 prepare nothing where --augment-on-device does it: leave out one"),
        ("--masks folder --mask-dir .", "the masks of . are read and rotated by the host: leave out --augment-on-dev"),
        ("--line-thickness 1 2000", "lines of 2000 px cannot be drawn on the device at 16x16 px, where 1024 px is"),
    ],
)
def test_what_the_device_cannot_do_is_one_sentence(tmp_path, capsys, flags, message):
    assert main(tiny(tmp_path / "run", "--augment-on-device", *flags.split())) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_images_larger_than_half_the_memory_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(batches, "available_memory", lambda: 10_000_000)
    monkeypatch.setattr("experiments.train.experiment.check_memory", lambda *_: None)
    assert main(tiny(tmp_path / "run", *FLAGS)) == 2
    assert "of 9 training images take more than the" in capsys.readouterr().err


def test_every_preset_can_be_made_on_the_device():
    for preset in PRESETS.values():
        preset.replace(augment_on_device=True)._check_device()
