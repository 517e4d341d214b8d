"""`inpaint` keeps weights loaded, and reads them again when they change."""

import os

import numpy as np

import pconv_jax
from pconv_jax.checkpoints import weights_file
from pconv_jax.checkpoints.weights_file import load_generator_weights


def test_a_new_checkpoint_of_a_run_is_read(tmp_path, weights, monkeypatch):
    (tmp_path / "checkpoints").mkdir()
    generator, loaded = load_generator_weights(weights), []
    monkeypatch.setattr(weights_file, "load_generator", lambda folder: loaded.append(folder) or generator)
    image, hole = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), bool)
    for _ in range(2):
        pconv_jax.inpaint(image, hole=hole, weights=tmp_path)
    assert len(loaded) == 1
    os.utime(tmp_path / "checkpoints", ns=(0, 10**9))
    pconv_jax.inpaint(image, hole=hole, weights=tmp_path)
    assert len(loaded) == 2
