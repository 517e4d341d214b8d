"""Inpainters from weights: by name, from a file, from a run, replaced."""

import jax
import numpy as np
import pytest
from inpainter_examples import CONFIG, SMALL, damaged, untrained

import pconv_jax
from pconv_jax.checkpoints.trained import TrainedGenerator
from pconv_jax.checkpoints.weights_file import load_generator, save_generator_weights
from pconv_jax.common.errors import InputError
from pconv_jax.inpainting.inpainter import Inpainter
from pconv_jax.masks import random_strokes


def test_weights_by_file_and_from_a_run(tmp_path, finished, model):
    save_generator_weights(tmp_path / "w.safetensors", untrained(thickest_line=24))
    inpainter = Inpainter.from_pretrained(tmp_path / "w.safetensors", windows=SMALL)
    assert inpainter.generator.thickest_line == 24
    image, mask = damaged(40, 40)
    np.testing.assert_array_equal(inpainter(image, mask), Inpainter(model, windows=SMALL)(image, mask))
    from_run = Inpainter.from_run(finished, windows=SMALL)
    assert from_run.generator.thickest_line == 4
    assert Inpainter.from_run(finished, step=3).generator.config == from_run.generator.config
    with pytest.warns(UserWarning, match="lines up to 4 px"):
        assert from_run(image, mask).shape == image.shape
    with pytest.raises(InputError, match=r"unknown weights 'nonsense', and no .* exists: choose from faithful"):
        Inpainter.from_pretrained("nonsense")
    with pytest.raises(InputError, match=r"give a \.safetensors file$"):  # not a run's folder: `from_run` takes that
        Inpainter.from_pretrained(finished)


def test_a_folder_does_not_take_the_place_of_the_bundled_weights(tmp_path, monkeypatch):
    (tmp_path / "faithful").mkdir()  # where --preset faithful trains, seen from runs/
    monkeypatch.chdir(tmp_path)
    assert load_generator("faithful").thickest_line == 24


def test_one_line_of_python_with_the_bundled_weights():
    from pconv_jax.data import SamplesSource

    image = np.array(SamplesSource("test")[0])
    mask = random_strokes(np.random.default_rng(0), *image.shape[:2], count=(3, 3), thickness=(2, 6))[..., 0]
    inpainted = pconv_jax.inpaint(np.where(mask[..., None] == 0, 0, image).astype(np.uint8), mask)
    assert inpainted[mask == 1].tobytes() == image[mask == 1].tobytes()
    error = np.square(inpainted[mask == 0].astype(float) - image[mask == 0]).mean()
    assert -10 * np.log10(error / 255**2) > 22


def test_weights_that_are_replaced_are_read_again(tmp_path, model, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image, mask = damaged(40, 40)
    save_generator_weights("w.safetensors", model)
    first = pconv_jax.inpaint(image, mask, weights="w.safetensors")
    other = jax.tree.map(lambda leaf: leaf * 0.5, model.params)
    save_generator_weights("w.safetensors", TrainedGenerator(CONFIG, other, model.stats))
    second = pconv_jax.inpaint(image, mask, weights="w.safetensors")
    assert (first != second).any()
    with pytest.raises(InputError, match="nowhere"):
        pconv_jax.inpaint(image, mask, weights="nowhere")
