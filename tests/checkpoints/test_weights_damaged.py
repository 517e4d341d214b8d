"""Weights and checkpoints whose numbers or notes no training could have written are refused in one sentence."""

import json
import struct
import time

import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import load_file, save_file

from pconv_jax.checkpoints.orbax import Checkpoints
from pconv_jax.checkpoints.trained import TrainedGenerator, load_run
from pconv_jax.checkpoints.weights_file import load_generator_weights, save_generator_weights
from pconv_jax.common.errors import InputError
from pconv_jax.inpainting.inpainter import Inpainter
from pconv_jax.models import PaperConfig, config_to_json
from pconv_jax.models.initialize import initialize

CONFIG = PaperConfig(widths=(4,))
KERNEL, BIAS = "params/to_image/kernel", "params/to_image/bias"


@pytest.fixture(scope="module")
def generator():
    params, stats = nnx.split(initialize(lambda: CONFIG.build(rngs=nnx.Rngs(0))), nnx.Param, nnx.BatchStat)[1:]
    return TrainedGenerator(CONFIG, params, stats, about={"thickest_line": 7})


@pytest.fixture
def saved(tmp_path, generator):
    """A file of weights, its tensors and its notes."""
    path = tmp_path / "some.safetensors"
    save_generator_weights(path, generator)
    notes = {"generator": json.dumps(config_to_json(CONFIG)), "about": json.dumps(generator.about)}
    return path, load_file(path), notes


def refused(path, *, match):
    start = time.perf_counter()
    with pytest.raises(InputError, match=match) as caught:
        load_generator_weights(path)
    assert time.perf_counter() - start < 5
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500 + len(str(path))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", [KERNEL, BIAS, "stats/encoder/0/0/norm/mean"])
def test_values_that_are_no_numbers(saved, name, value):
    path, tensors, notes = saved
    assert name in tensors
    tensors[name].flat[1] = value
    save_file(tensors, path, metadata=notes)
    refused(path, match=rf"1 of the \d+ values of {name} are invalid, such as {value}")


def test_a_negative_variance(saved):
    path, tensors, notes = saved
    name = "stats/encoder/0/0/norm/var"
    tensors[name][2] = -0.5
    save_file(tensors, path, metadata=notes)
    refused(path, match=rf"1 of the 4 values of {name} are invalid, such as -0.5")


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64, np.bool_])
def test_numbers_of_another_type(saved, dtype):
    path, tensors, notes = saved
    tensors[KERNEL] = np.ones(tensors[KERNEL].shape, dtype)
    save_file(tensors, path, metadata=notes)
    refused(path, match=rf"holds {KERNEL} as {np.dtype(dtype)}, but it must be floating point")


def test_doubles_that_float32_cannot_hold(saved):
    path, tensors, notes = saved
    tensors[BIAS] = np.array([0, 1e300, 0], np.float64)
    save_file(tensors, path, metadata=notes)
    refused(path, match=f"1 of the 3 values of {BIAS} are invalid, such as inf")


@pytest.mark.parametrize(
    ("scale", "match"),
    [
        (np.ones((3, 3, 4, 3), np.float32), "does not have one scale for each channel"),
        (np.ones((9, 1, 1, 1), np.float32), "does not have one scale for each channel"),
        (np.ones((1, 1, 1, 3), np.int32), "does not have one scale for each channel"),
        (np.full((1, 1, 1, 3), np.nan, np.float32), "values of .* are invalid, such as nan"),
        (np.full((1, 1, 1, 3), 3e38, np.float32), "values of .* are invalid, such as inf"),
    ],
)
def test_scales_of_whole_numbers(saved, scale, match):
    path, tensors, notes = saved
    assert tensors[KERNEL].shape == (3, 3, 4, 3)
    tensors |= {KERNEL: np.full((3, 3, 4, 3), 100, np.int8), f"scale/{KERNEL}": scale}
    save_file(tensors, path, metadata=notes)
    refused(path, match=match)


def test_a_scale_beside_floating_point(saved):
    path, tensors, notes = saved
    save_file(tensors | {f"scale/{KERNEL}": np.ones((1, 1, 1, 3), np.float32)}, path, metadata=notes)
    refused(path, match=f"holds {KERNEL} as float32, but it must be int8, as it has a scale")


NESTED = "[" * 100_000 + "]" * 100_000
NOTES = [
    ("generator", "5", "does not say how its generator is built"),
    ("generator", "null", "does not say how its generator is built"),
    ("generator", '"paper"', "does not say how its generator is built"),
    ("generator", NESTED, "nested too deeply"),
    ("generator", "[" * 500 + "]" * 500, "does not say how its generator is built"),
    ("generator", "{", "cannot be read"),
    ("generator", '{"network": ["paper"], "widths": [4]}', r"network=\['paper'\]"),
    ("generator", '{"network": {"a": 1}, "widths": [4]}', "network={'a': 1}"),
    ("generator", '{"widths": ["4"]}', r"widths=\('4',\)"),
    ("generator", '{"widths": [[4]]}', r"widths=\(\[4\],\)"),
    ("generator", '{"widths": [true]}', r"widths=\(True,\)"),
    ("generator", '{"widths": [4.0]}', r"widths=\(4.0,\)"),
    ("generator", '{"widths": [4], "head": 3}', "head=3"),
    ("generator", '{"widths": [4], "centre": 1}', "centre=1"),
    ("generator", '{"widths": [4], "negative_slope": NaN}', "negative_slope=nan must be finite"),
    ("generator", f'{{"widths": [4], "negative_slope": 1{"0" * 400}}}', "negative_slope=10+.*0 must be at most"),
    ("generator", f'{{"widths": [4], "kernel_size": 1{"0" * 5000}}}', "cannot be read"),
    ("generator", '{"widths": [4], "kernel_size": 100001}', "kernel_size=100001 must be at most 31"),
    ("generator", '{"widths": [400000]}', r"widths=\(400000,\) must be at most 16384"),
    ("generator", json.dumps({"widths": [1] * 300_000}), "widths=.* has 300000 entries, and 10 are the most"),
    ("generator", json.dumps({"widths": [4], "x" * 100_000: "y" * 100_000}), r"x+\.\.\.x+='y+\.\.\.y+'"),
    (
        "generator",
        '{"network": "pyramid", "widths": [4], "blocks": [300000]}',
        r"blocks=\(300000,\) must be at most 8",
    ),
    ("generator", '{"network": "context_encoder", "widths": [4, 4], "bottleneck": 9000000}', "bottleneck=9000000 must"),
    (
        "generator",
        '{"network": "pathak_features", "widths": [4], "network_size": 9000000}',
        "network_size=9000000 must",
    ),
    ("generator", json.dumps({"network": "liu", "widths": [4] * 40}), "has 40 entries, and 10 are the most"),
    ("about", "[1, 2]", r"says \[1, 2\] about its training, where names and values are expected"),
    ("about", '"ab"', "says 'ab' about its training"),
    ("about", NESTED, "nested too deeply"),
    (
        "about",
        '{"averaged_settings": 3}',
        "holds settings of a training that are not names and values: export it once more",
    ),
    ("about", '{"averaged_settings": [3]}', "holds settings of a training"),
    ("about", '{"settings": "dtd"}', "holds settings of a training"),
    ("about", '{"thickest_line": "7"}', "says thickest_line='7', where a whole number of px is expected"),
    ("about", '{"thickest_line": true}', "says thickest_line=True"),
    ("about", '{"thickest_line": [7]}', r"says thickest_line=\[7\]"),
    ("about", '{"thickest_line": -1}', "says thickest_line=-1"),
    ("about", f'{{"thickest_line": 1{"0" * 400}}}', r"says thickest_line=10+\.\.\.0+, where a whole number of px"),
]


@pytest.mark.parametrize(("note", "value", "match"), NOTES, ids=range(len(NOTES)))
def test_notes_of_another_kind(saved, note, value, match):
    path, tensors, notes = saved
    save_file(tensors, path, metadata=notes | {note: value})
    refused(path, match=match)


def test_a_header_that_is_one_long_text(saved):
    path = saved[0]
    header = json.dumps("a" * 5000).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    refused(path, match=r"cannot be read \(Error while deserializing header: .*a+\): ")


def test_wide_networks_are_not_allocated(saved):
    path, tensors, notes = saved
    save_file(tensors, path, metadata=notes | {"generator": '{"widths": [16384, 16384]}'})
    refused(path, match="does not fit the network that it names")


@pytest.fixture
def run(tmp_path, generator):
    """Writes a run whose notes and parameters can be changed."""

    def write(*, params=None, stats=None, metrics=None, **notes):
        notes = {"generator": config_to_json(CONFIG)} | notes
        parts = {"params": params or generator.params, "stats": stats or generator.stats}
        with Checkpoints(tmp_path / "run" / "checkpoints", metadata=notes) as checkpoints:
            checkpoints.save(3, {"generator": parts}, metrics=metrics)
        return tmp_path / "run"

    return write


def test_a_checkpoint_with_values_that_are_no_numbers(run, generator):
    params = nnx.clone(generator.params)
    params["to_image"]["bias"][...] = np.array([0, np.nan, 0], np.float32)
    with pytest.raises(InputError, match=f"1 of the 3 values of {BIAS} are invalid, such as nan"):
        load_run(run(params=params))


def test_a_checkpoint_whose_thickness_is_no_number(run):
    with pytest.raises(InputError, match="says thickest_line='wide', where a whole number of px is expected"):
        load_run(run(config={"line_thickness": [1, "wide"]}))


def test_a_checkpoint_whose_metric_is_no_number(run):
    folder = run(metrics={"validation_l1": 0.5})
    (file,) = (path for path in folder.rglob("*") if path.is_file() and b"validation_l1" in path.read_bytes())
    file.write_text(file.read_text().replace("0.5", '"small"'))
    with pytest.raises(InputError, match=r"metrics of the checkpoint of step 3 .* are damaged \(.*not what was saved"):
        load_run(folder)
    (notes,) = (folder / "checkpoints" / "3").glob("_CHECKPOINT_METADATA")
    values = json.loads(notes.read_text())
    del values["custom_metadata"]["checksums"]  # as in checkpoints of earlier versions
    notes.write_text(json.dumps(values))
    with pytest.raises(InputError, match="validation_l1='small', which is not a number"):
        load_run(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_network_that_gives_no_numbers_does_not_blacken_a_photograph(generator, value):
    params = nnx.clone(generator.params)
    params["to_image"]["bias"][...] = np.array([0, value, 0], np.float32)
    broken, image = TrainedGenerator(CONFIG, params, generator.stats), np.full((32, 32, 3), 0.5, np.float32)
    hole = np.zeros((32, 32), bool)
    hole[10:12] = True
    for inpaint in (broken, Inpainter(broken)):
        with pytest.raises(InputError, match="NaN or infinity for 64 of the 192 values in the hole"):
            inpaint(image, hole=hole)
