"""Weights in one file: there and back, the ones that come along, damaged files."""

import json

import jax
import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import load_file, save_file

from pconv_jax.checkpoints.bundled import bundled_weights
from pconv_jax.checkpoints.trained import TrainedGenerator
from pconv_jax.checkpoints.weights_file import load_generator_weights, save_generator_weights
from pconv_jax.common.errors import InputError
from pconv_jax.models import FillCorrectingConfig, FillCorrectingGenerator, PaperConfig, PaperGenerator
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
        assert weights.about["thickest_line"] >= 24
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(weights.params))
        assert path.stat().st_size <= 10_000_000
    assert "faithful" in bundled_weights()


def test_an_unknown_name_lists_those_there_are(tmp_path):
    with pytest.raises(InputError, match=r"unknown weights '.*nowhere': choose from .*faithful"):
        load_generator_weights(tmp_path / "nowhere")


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
