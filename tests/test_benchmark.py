"""The benchmark measures the generator's own layers, and compares what it says it compares. Timings are no tests."""

import jax
import numpy as np
import pytest
from flax import nnx

from experiments import benchmark
from pconv_jax.models import Generator, GeneratorConfig


@pytest.mark.parametrize(
    "config",
    [GeneratorConfig(widths=(4, 8, 6)), GeneratorConfig(widths=(5,), image_skip=False)],
)
def test_layers_are_those_of_the_generator(config):
    kernels = nnx.to_pure_dict(nnx.state(Generator(config, rngs=nnx.Rngs(0)), nnx.Param))
    shapes = sorted(leaf.shape for leaf in jax.tree.leaves(kernels) if leaf.ndim == 4)
    measured = list(benchmark.layers(config, 16))
    assert sorted((3, 3, sum(layer.inputs), layer.outputs) for layer in measured) == shapes
    assert [layer.size for layer in measured if "second" in layer.name][:2] == [16, 8 if len(config.widths) > 1 else 16]
    assert measured[-1].size == 16


def test_plain_and_partial_agree_on_full_masks():
    layer = benchmark.Layer("x", 8, (2, 1), 4, 2)
    rng = np.random.default_rng(0)
    x, kernel = rng.random((1, 8, 8, 3), np.float32), rng.random((3, 3, 3, 4), np.float32)
    plain = benchmark._plain(layer)(x, np.ones((1, 8, 8, 2), np.float32), kernel)
    partial = benchmark._partial(layer)(x, np.ones((1, 8, 8, 2), np.float32), kernel)
    np.testing.assert_allclose(partial[:, 1:, 1:], plain[:, 1:, 1:], rtol=1e-5)


def test_ratio_is_over_the_first_candidate():
    def wait(seconds):
        return lambda: benchmark.time.sleep(seconds)

    _, ratio = benchmark.ratios([wait(0.005), wait(0.02)], repeats=3)
    assert ratio[0] == 1
    assert ratio[1] > 1.5
