"""Residual blocks added to a trained network."""

import jax
import networks
import numpy as np
import pytest
from flax import nnx

from pconv_jax.models import FillCorrectingConfig, LiuConfig
from pconv_jax.models.deepening import deepened, extends
from pconv_jax.models.detector import DetectorConfig

FEW = {"widths": (4, 6, 8), "blocks": (0, 1, 1)}
MORE = {"widths": (4, 6, 8), "blocks": (1, 1, 3)}


def parameters(config, *, seed):
    rng = np.random.default_rng(seed)
    params = nnx.state(nnx.eval_shape(lambda: config.build(rngs=nnx.Rngs(0))), nnx.Param)
    return jax.tree.map(lambda leaf: jax.numpy.asarray(rng.normal(0, 0.2, leaf.shape), leaf.dtype), params)


def output(config, params, *inputs):
    network = nnx.merge(nnx.graphdef(nnx.eval_shape(lambda: config.build(rngs=nnx.Rngs(0)))), params)
    result, _ = networks.run(networks.parts(network, train=False), *inputs)
    return np.asarray(jax.tree.leaves(result)[0])  # of a generator the image, without the mask


@pytest.mark.parametrize("kind", [DetectorConfig, FillCorrectingConfig])
def test_a_deepened_network_computes_the_same_and_every_parameter_can_learn(kind):
    few, more = kind(**FEW), kind(**MORE)
    image = np.random.default_rng(0).random((1, 16, 24, 3)).astype(np.float32)
    inputs = (image,) if kind is DetectorConfig else (image, (image[..., :1] < 0.8).astype(np.float32))
    before, start = parameters(few, seed=1), parameters(more, seed=2)
    after = deepened(before, start)
    assert jax.tree.structure(after) == jax.tree.structure(start)
    np.testing.assert_allclose(output(more, after, *inputs), output(few, before, *inputs), rtol=1e-5, atol=1e-6)
    assert abs(output(more, start, *inputs) - output(few, before, *inputs)).max() > 0.01

    # The first convolution of a further block has its random start: with zeros in both, neither would ever learn.
    flat = {path: np.asarray(value[...]) for path, value in nnx.to_flat_state(after)}
    further = [path for path in flat if path not in dict(nnx.to_flat_state(before))]
    assert {path[:3] for path in further} == {
        *(("encoder", 0, 0), ("decoder", 0, 0)),
        *(("encoder", 2, 1), ("encoder", 2, 2)),
    }
    assert all(flat[path].any() != ("second" in path) for path in further)


def test_which_networks_extend_others():
    few, more = DetectorConfig(**FEW), DetectorConfig(**MORE)
    assert extends(more, few) and extends(few, few) and not extends(few, more)
    assert not extends(DetectorConfig((4, 6, 9), (1, 1, 3)), few)
    assert not extends(DetectorConfig((4, 6, 8), (1, 0, 3)), few)
    assert not extends(DetectorConfig((4, 6), (1, 1)), few)
    assert not extends(FillCorrectingConfig(**MORE), few)
    assert not extends(LiuConfig((4, 6)), few) and not extends(more, LiuConfig((4, 6)))
