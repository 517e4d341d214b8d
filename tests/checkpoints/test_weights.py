"""Weights in one file: there and back, the bundled ones, damaged files."""

import json

import jax
import numpy as np
import pytest
from flax import nnx
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from pconv_jax.checkpoints.bundled import bundled_weights
from pconv_jax.checkpoints.tensors import by_name
from pconv_jax.checkpoints.trained import TrainedGenerator
from pconv_jax.checkpoints.weights_file import load_generator, load_generator_weights, save_generator_weights
from pconv_jax.common.errors import InputError
from pconv_jax.models import (
    FillCorrectingConfig,
    FillCorrectingGenerator,
    PaperConfig,
    PaperGenerator,
    PathakFeatures,
    PathakFeaturesConfig,
)
from pconv_jax.models.initialize import initialize

NETWORKS = [
    (PaperGenerator, PaperConfig(widths=(4,))),
    (FillCorrectingGenerator, FillCorrectingConfig(widths=(4, 6), blocks=(1, 1))),
]


def parts(network, config, seed=0):
    return nnx.split(initialize(lambda: network(config, rngs=nnx.Rngs(seed))), nnx.Param, nnx.BatchStat)[1:]


@pytest.fixture
def saved(tmp_path):
    network, config = NETWORKS[1]
    path = tmp_path / "some.safetensors"
    save_generator_weights(path, TrainedGenerator(config, *parts(network, config), about={"thickest_line": 7}))
    return path


@pytest.mark.parametrize(("network", "config"), NETWORKS)
def test_there_and_back(tmp_path, network, config):
    params, stats = parts(network, config)
    save_generator_weights(
        tmp_path / "deep" / "w.safetensors",
        TrainedGenerator(config, params, stats, about={"thickest_line": 24, "a": [1, "b"]}),
    )
    found = load_generator_weights(tmp_path / "deep" / "w.safetensors")
    assert found.config == config
    assert found.about == {"thickest_line": 24, "a": [1, "b"]}
    for before, after in ((params, found.params), (stats, found.stats)):
        assert jax.tree.structure(before) == jax.tree.structure(after)
        assert jax.tree.map(np.array_equal, before, after) == jax.tree.map(lambda _: True, before)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["w.safetensors"]


def test_kernels_as_whole_numbers_of_a_scale_for_each_output_channel(tmp_path):
    config = PaperConfig(widths=(4,))
    params, stats = parts(PaperGenerator, config)
    kernel = params["to_image"]["kernel"]
    values = np.zeros(kernel.shape, np.float32)
    values[0, 0, 0] = [127.0, 1.0, 0.0]
    values[0, 0, 1] = [-2.4, 0.5, 0.0]
    kernel[...] = values
    path = tmp_path / "w.safetensors"
    save_generator_weights(path, TrainedGenerator(config, params, stats), precision="int8")
    stored = load_file(path)
    assert stored["params/to_image/kernel"].dtype == np.int8
    np.testing.assert_array_equal(stored["params/to_image/kernel"][0, 0, :2], [[127, 127, 0], [-2, 64, 0]])
    found = load_generator_weights(path)
    np.testing.assert_allclose(
        found.params["to_image"]["kernel"][0, 0, :2], [[127, 1, 0], [-2, 64 / 127, 0]], rtol=1e-6, atol=0
    )
    assert jax.tree.map(np.array_equal, stats, found.stats) == jax.tree.map(lambda _: True, stats)


def test_matrices_of_channels_have_scales_of_their_own(tmp_path):
    """Kernel c, i, j of a channel-wise layer: what one channel holds says nothing about another."""
    config = PathakFeaturesConfig((4, 3), (4, 6, 4, 6, 8), 99)
    generator = TrainedGenerator(config, *parts(PathakFeatures, config))
    (name,) = (key for key, leaf in by_name(generator.params).items() if leaf.ndim == 3)
    kernel = by_name(generator.params)[name]
    sizes = np.float32(10) ** -(np.arange(len(kernel))[:, None, None] % 4)
    values = sizes * np.random.default_rng(0).uniform(0.1, 1, kernel.shape).astype(np.float32)
    generator.params = jax.tree.map(lambda leaf: values if leaf.shape == kernel.shape else leaf, generator.params)
    path = tmp_path / "w.safetensors"
    save_generator_weights(path, generator, precision="int8")
    found = by_name(load_generator_weights(path).params)[name]
    assert (np.abs(found - values) <= 0.51 / 127 * sizes).all()
    # One scale for all channels of a place, as in files of before.
    tensors, stored = load_file(path), f"params/{name}"
    scale = np.abs(values).max(axis=(0, 1), keepdims=True) / np.float32(127)
    tensors |= {stored: np.rint(values / scale).astype(np.int8), f"scale/{stored}": scale}
    with safe_open(path, "numpy") as file:
        notes = file.metadata()
    save_file(tensors, path, metadata=notes)
    found = by_name(load_generator_weights(path).params)[name]
    np.testing.assert_allclose(found, tensors[stored] * scale, rtol=1e-6)


@pytest.mark.parametrize(("precision", "size", "error"), [("float16", 0.55, 2**-11), ("int8", 0.4, 0.5 / 127)])
def test_smaller_files_are_close(tmp_path, precision, size, error):
    config = FillCorrectingConfig(widths=(16, 16), blocks=(1, 1))
    generator = TrainedGenerator(config, *parts(FillCorrectingGenerator, config))
    files = {name: tmp_path / f"{name}.safetensors" for name in ("float32", precision)}
    for name, path in files.items():
        save_generator_weights(path, generator, precision=name)
    assert files[precision].stat().st_size < size * files["float32"].stat().st_size
    found = load_generator_weights(files[precision])
    for before, after in zip(jax.tree.leaves(generator.params), jax.tree.leaves(found.params), strict=True):
        assert after.dtype == np.float32
        np.testing.assert_allclose(after, before, rtol=0, atol=1.01 * error * max(np.abs(before).max(), 1e-9))


def test_another_precision_is_refused(tmp_path):
    config = PaperConfig(widths=(4,))
    with pytest.raises(InputError, match="precision='int4' must be one of float32, float16, int8"):
        save_generator_weights(
            tmp_path / "w.safetensors",
            TrainedGenerator(config, *parts(PaperGenerator, config)),
            precision="int4",  # type: ignore[arg-type]
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [np.nan, np.inf, 70_000])
@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_what_could_not_be_loaded_is_not_saved(tmp_path, value, precision):
    config, path = PaperConfig(widths=(4,)), tmp_path / "w.safetensors"
    params, stats = parts(PaperGenerator, config)
    kernel = params["to_image"]["kernel"]
    kernel[...] = kernel[...].at[0, 0, 1, 2].set(value)
    generator = TrainedGenerator(config, params, stats)
    if np.isfinite(value) and precision != "float16":
        save_generator_weights(path, generator, precision=precision)
        np.testing.assert_allclose(
            load_generator_weights(path).params["to_image"]["kernel"][0, 0, 1, 2], value, rtol=1e-6
        )
        return
    told = rf"^the network cannot be saved as {precision}, as \d+ of the \d+ values of params/to_image/kernel are"
    with pytest.raises(InputError, match=told):
        save_generator_weights(path, generator, precision=precision)
    assert not list(tmp_path.iterdir())


def test_arrays_of_another_network_are_not_saved(tmp_path):
    arrays = parts(PaperGenerator, PaperConfig(widths=(3,)))
    with pytest.raises(InputError, match=r"^the arrays to save are not those of the network in the config \(params/"):
        save_generator_weights(tmp_path / "w.safetensors", TrainedGenerator(PaperConfig(widths=(4,)), *arrays))
    assert not list(tmp_path.iterdir())


def test_facts_that_are_no_json_are_not_saved(tmp_path):
    config = PaperConfig(widths=(4,))
    generator = TrainedGenerator(config, *parts(PaperGenerator, config), about={"score": np.float32(1)})
    with pytest.raises(InputError, match=r"^about=\{'score': np.float32\(1.0\)\} cannot be saved as JSON \(.*float32"):
        save_generator_weights(tmp_path / "w.safetensors", generator)
    assert not list(tmp_path.iterdir())


def test_files_are_as_readable_as_others(saved):
    other = saved.with_name("other")
    other.write_bytes(b"")
    assert saved.stat().st_mode == other.stat().st_mode


def test_tensors_are_named_by_their_place_in_the_network(saved):
    names = set(load_file(saved))
    assert {"params/stem/conv/kernel", "params/stem/conv/bias", "params/decoder/0/0/second/conv/kernel"} <= names


def test_bundled_weights_load_and_are_small():
    for name, path in bundled_weights().items():
        weights = load_generator_weights(name)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(weights.params))
        assert path.stat().st_size <= 10_000_000
    assert load_generator_weights("faithful").thickest_line == 24


def test_an_unknown_name_lists_those_there_are(tmp_path):
    known = r"nowhere', and no .* exists: choose from .*faithful.*, or give a \.safetensors file"
    with pytest.raises(InputError, match=rf"{known}$"):
        load_generator_weights(tmp_path / "nowhere")
    with pytest.raises(InputError, match=rf"{known} or the folder of a run$"):
        load_generator(tmp_path / "nowhere")


def test_a_truncated_file_is_refused(saved):
    content = saved.read_bytes()
    for size in (0, 4, 100, len(content) - 1):
        saved.write_bytes(content[:size])
        with pytest.raises(InputError, match=rf"^{saved} cannot be read \(.*\): give weights"):
            load_generator_weights(saved)


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"a": np.zeros(3, np.float32)}, path)
    with pytest.raises(InputError, match="does not say how its generator is built"):
        load_generator_weights(path)


@pytest.mark.parametrize("change", ["missing", "more", "shape"])
def test_tensors_that_do_not_fit_the_network_are_named(saved, change):
    tensors = load_file(saved)
    name = "params/stem/conv/bias"
    if change == "missing":
        del tensors[name]
    elif change == "more":
        tensors[name := "params/extra"] = np.zeros(3, np.float32)
    else:
        tensors[name] = np.zeros(3, np.float32)
    config = {"network": "pyramid", "widths": [4, 6], "blocks": [1, 1]}
    save_file(tensors, saved, metadata={"generator": json.dumps(config)})
    with pytest.raises(InputError, match=rf"does not fit the network that it names \({name}\)"):
        load_generator_weights(saved)


@pytest.mark.parametrize("dtype", ["bfloat16", "float64"])
def test_parameters_of_another_type_are_saved_as_float32(tmp_path, dtype):
    network, config = NETWORKS[1]
    params, stats = parts(network, config)
    other = jax.tree.map(lambda leaf: np.asarray(leaf).astype(dtype), params)
    save_generator_weights(tmp_path / "w.safetensors", TrainedGenerator(config, other, stats))
    assert {value.dtype for value in load_file(tmp_path / "w.safetensors").values()} == {np.dtype(np.float32)}
    found = load_generator_weights(tmp_path / "w.safetensors").params
    for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(ours, theirs.astype(np.float32))
