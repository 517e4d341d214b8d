"""A generator that was loaded before is read again without its network, and is the same."""

import json

import jax
import numpy as np
import pytest

from pconv_jax import Inpainter, InputError
from pconv_jax.checkpoints.remembered import RememberedGenerator, load_remembered
from pconv_jax.checkpoints.trained import TrainedGenerator
from pconv_jax.checkpoints.weights_file import load_generator_weights, save_generator_weights
from pconv_jax.common.programs import KeptPrograms


@pytest.fixture
def store(tmp_path):
    return KeptPrograms(tmp_path / "kept")


def test_the_second_time_it_is_remembered_with_the_same_numbers(store, weights):
    first, second = load_remembered(weights, store), load_remembered(weights, store)
    assert isinstance(first, TrainedGenerator) and isinstance(second, RememberedGenerator)
    for a, b in zip(first.leaves, second.leaves, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (second.graph, second.structure) == (first.graph, first.structure)
    for field in ("widths", "image_size", "window_multiple", "exact_windows"):
        assert getattr(second.config, field) == getattr(first.config, field)
    assert str(second.config) == str(first.config)
    assert second.thickest_line == first.thickest_line == 24


def test_it_inpaints_as_it_did(store, weights):
    pixels = np.random.default_rng(0).integers(0, 256, (70, 60, 3), np.uint8)
    hole = np.zeros((70, 60), bool)
    hole[20:24, 5:50] = True
    results = [Inpainter(load_remembered(weights, store))(pixels, hole=hole) for _ in range(2)]
    np.testing.assert_array_equal(*results)
    np.testing.assert_array_equal(results[0], Inpainter.from_pretrained(weights)(pixels, hole=hole))


def test_other_numbers_under_the_same_name_are_not_taken_for_those_of_before(store, weights, tmp_path):
    generator = load_generator_weights(weights)
    path = tmp_path / "a.safetensors"
    for factor in (1, 2):
        params = jax.tree.map(lambda leaf, factor=factor: leaf * factor, generator.params)
        save_generator_weights(path, TrainedGenerator(generator.config, params, generator.stats))
        found = load_remembered(path, store)
        assert isinstance(found, TrainedGenerator)
        np.testing.assert_array_equal(found.leaves[1], generator.leaves[1] * factor)


@pytest.mark.parametrize("note", [{}, [], {"names": 3}])
def test_a_note_that_somebody_changed_is_not_used(store, weights, note):
    first = load_remembered(weights, store)
    (file,) = store._folder.glob("*/*.json")
    file.write_text(json.dumps(note))
    again = load_remembered(weights, store)
    assert isinstance(again, TrainedGenerator)
    np.testing.assert_array_equal(again.leaves[0], first.leaves[0])
    assert isinstance(load_remembered(weights, store), RememberedGenerator)  # noted anew


def test_without_a_place_for_notes_it_is_loaded_and_unknown_weights_are_refused(store, weights):
    assert isinstance(load_remembered(weights, None), TrainedGenerator)
    assert isinstance(load_remembered(weights, None), TrainedGenerator)
    with pytest.raises(InputError, match="unknown weights 'x', and no file or folder of that name exists: choose from"):
        load_remembered("x", store)
