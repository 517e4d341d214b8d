"""Files of detectors: there and back at each precision, damaged ones, those of other networks."""

import dataclasses
import json

import jax
import numpy as np
import pytest
from detectors import pale_detector, random_detector
from safetensors.numpy import load_file, save_file

from pconv_jax.checkpoints import detector_file
from pconv_jax.checkpoints.bundled import bundled_detectors
from pconv_jax.checkpoints.detector_file import load_detector, load_detector_run, save_detector
from pconv_jax.checkpoints.orbax import Checkpoints
from pconv_jax.checkpoints.weights_file import load_generator_weights
from pconv_jax.common.errors import InputError
from pconv_jax.models.detector import DetectorConfig

CONFIG = DetectorConfig(widths=(4, 6), blocks=(0, 1))
KERNEL, BIAS = "params/head/conv/kernel", "params/head/conv/bias"


@pytest.fixture(scope="module")
def detector():
    return random_detector(CONFIG)


@pytest.fixture
def saved(tmp_path, detector):
    """A file, its tensors and its notes."""
    path = tmp_path / "some.safetensors"
    save_detector(path, detector)
    notes = {"detector": json.dumps({"widths": [4, 6], "blocks": [0, 1]}), "about": "{}"}
    return path, load_file(path), notes


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 0), ("float16", 5e-4), ("int8", 5e-3)])
def test_there_and_back(tmp_path, detector, precision, tolerance):
    path = tmp_path / "deep" / "d.safetensors"
    save_detector(path, detector, precision=precision)
    found = load_detector(path)
    assert found.config == CONFIG and found.about == {}
    for before, after in zip(*map(jax.tree.leaves, (detector.params, found.params)), strict=True):
        assert after.dtype == np.float32
        np.testing.assert_allclose(after, before, rtol=tolerance, atol=tolerance * np.abs(before).max())
    kinds = {name: tensor.dtype for name, tensor in load_file(path).items()}
    assert kinds[KERNEL] == np.dtype(precision)
    assert kinds[BIAS] == (np.float32 if precision == "float32" else np.float16)
    assert [each.name for each in path.parent.iterdir()] == ["d.safetensors"]


def test_notes_stay_and_what_is_found_too(tmp_path):
    path, image = tmp_path / "d.safetensors", np.random.default_rng(0).random((1, 4, 6, 3), np.float32)
    detector = pale_detector(gain=40)
    save_detector(str(path), detector)
    found = load_detector(str(path))
    assert found.about == {"step": 7}
    np.testing.assert_array_equal(found(image), detector(image))
    logit = 40 * (image.mean(axis=-1) - 0.9)
    np.testing.assert_allclose(found(image)[..., 0], 1 / (1 + np.exp(-logit)), atol=1e-5)
    np.testing.assert_allclose(found(image)[..., 1], 0.75, atol=1e-5)


def test_another_precision(tmp_path, detector):
    with pytest.raises(InputError, match="precision='int4' must be one of float32, float16, int8"):
        save_detector(tmp_path / "d.safetensors", detector, precision="int4")
    assert not list(tmp_path.iterdir())


def refused(path, *, match):
    with pytest.raises(InputError, match=match) as caught:
        load_detector(path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500 + len(str(path))


def test_names_that_are_no_detector(tmp_path):
    refused("no such", match="unknown detector 'no such', and no .* exists: choose from .*or give a .safetensors file$")
    refused(tmp_path, match="unknown detector")
    refused("", match="empty|unknown detector")


def test_a_name_where_nothing_is_bundled(monkeypatch):
    monkeypatch.setattr(detector_file, "bundled_detectors", dict)
    refused("film", match=r"^unknown detector 'film', and no .* of that name exists: give a .safetensors file$")


def test_bundled_detectors_can_be_read():
    for name, path in bundled_detectors().items():
        assert load_detector(name).config == load_detector(path).config
        assert path.stat().st_size < 4e6


def test_a_generator_is_no_detector_and_a_detector_no_generator(saved):
    with pytest.raises(InputError, match="holds a damage detector, not a generator: give it to `pconv-jax detect --d"):
        load_generator_weights(saved[0])
    path, tensors, notes = saved
    save_file(tensors, path, metadata={"generator": notes["detector"], "about": "{}"})
    refused(path, match=r"does not hold a damage detector \(None\): give one that this project saved")


def test_half_a_file(saved):
    saved[0].write_bytes(saved[0].read_bytes()[:-40])
    refused(saved[0], match="cannot be read")
    saved[0].write_bytes(b"")
    refused(saved[0], match="cannot be read")


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", [KERNEL, BIAS])
def test_values_that_are_no_numbers(saved, name, value):
    path, tensors, notes = saved
    tensors[name].flat[1] = value
    save_file(tensors, path, metadata=notes)
    refused(path, match=rf"1 of the \d+ values of {name} are invalid, such as {value}")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_run_with_values_that_are_no_numbers(tmp_path, detector, value):
    params = jax.tree.map(np.array, detector.params)
    params["head"]["conv"]["bias"][...] = np.full_like(params["head"]["conv"]["bias"][...], value)
    with Checkpoints(tmp_path, metadata={"detector": dataclasses.asdict(CONFIG), "config": {}}) as checkpoints:
        checkpoints.save(1, {"detector": {"params": params}})
    with pytest.raises(InputError, match=rf"as \d+ of the \d+ values of {BIAS} are invalid, such as {value}"):
        load_detector_run(tmp_path)


def test_tensors_of_another_network(saved):
    path, tensors, notes = saved
    save_file(tensors | {"params/more": np.zeros(2, np.float32)}, path, metadata=notes)
    refused(path, match=r"does not fit the network that it names \(params/more\): save it again")
    save_file({name: each for name, each in tensors.items() if name != BIAS}, path, metadata=notes)
    refused(path, match=rf"does not fit the network that it names \({BIAS}\)")


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.bool_])
def test_numbers_of_another_type(saved, dtype):
    path, tensors, notes = saved
    tensors[KERNEL] = np.ones(tensors[KERNEL].shape, dtype)
    save_file(tensors, path, metadata=notes)
    refused(path, match=rf"holds {KERNEL} as {np.dtype(dtype)}, but it must be floating point")


def test_a_scale_that_is_missing_or_has_another_shape(tmp_path, detector, saved):
    path, _, notes = saved
    save_detector(path, detector, precision="int8")
    tensors = load_file(path)
    scale = tensors.pop(f"scale/{KERNEL}")
    save_file(tensors, path, metadata=notes)
    refused(path, match=f"holds {KERNEL} as int8, but it must be floating point")
    save_file(tensors | {f"scale/{KERNEL}": scale[..., :3]}, path, metadata=notes)
    refused(path, match="does not have one scale for each channel")


@pytest.mark.parametrize(
    ("config", "match"),
    [
        (None, r"does not hold a damage detector \(None\): give one that this project saved"),
        ([], "does not hold a damage detector"),
        ({"widths": [4, 6]}, "does not hold a damage detector"),
        ({"widths": [4, 6], "blocks": [0, 1], "more": 1}, "does not hold a damage detector"),
        ({"widths": [4, 6.5], "blocks": [0, 1]}, "does not hold a damage detector"),
        ({"widths": [4, True], "blocks": [0, 1]}, "does not hold a damage detector"),
        ({"widths": [4, [6]], "blocks": [0, 1]}, "does not hold a damage detector"),
        ({"widths": 4, "blocks": [0, 1]}, "widths="),
        ({"widths": [4, 6], "blocks": [0]}, "blocks="),
        ({"widths": [4, 10**9], "blocks": [0, 1]}, "widths="),
        ({"widths": [4, 8], "blocks": [0, 1]}, "does not fit the network"),
    ],
)
def test_notes_that_name_no_detector(saved, config, match):
    path, tensors, notes = saved
    save_file(tensors, path, metadata=notes | {"detector": json.dumps(config)})
    refused(path, match=match)


@pytest.mark.parametrize("about", ["[1]", '"a"', '{"thickest_line": -1}'])
def test_facts_that_are_none(saved, about):
    path, tensors, notes = saved
    save_file(tensors, path, metadata=notes | {"about": about})
    refused(path, match="says")


def test_notes_that_are_no_json(saved):
    path, tensors, notes = saved
    save_file(tensors, path, metadata=notes | {"detector": "{"})
    refused(path, match="cannot be read")
    save_file(tensors, path, metadata=notes | {"detector": "[" * 100_000})
    refused(path, match="nested too deeply|cannot be read")
