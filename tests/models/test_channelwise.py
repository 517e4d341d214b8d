"""The channel-wise fully connected layer: a block-diagonal dense layer, its numbers, mistakes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from pconv_jax.common.errors import InputError
from pconv_jax.models.channelwise import ChannelwiseBlock, ChannelwiseDense


@jax.jit
def run(layer, x):
    return nnx.merge(*layer)(x)


def features(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_equals_a_dense_layer_with_a_block_diagonal_matrix():
    height, width, channels = 3, 2, 4
    layer, x = ChannelwiseDense(height, width, channels, rngs=nnx.Rngs(0)), features(5, height, width, channels)
    matrix = np.zeros((height, width, channels, height, width, channels))
    for channel in range(channels):
        matrix[:, :, channel, :, :, channel] = layer.kernel[...][channel].reshape(height, width, height, width)
    entries = height * width * channels
    expected = x.astype(np.float64).reshape(5, entries) @ matrix.reshape(entries, entries)
    np.testing.assert_allclose(run(nnx.split(layer), x), expected.reshape(x.shape), rtol=1e-5, atol=1e-7)


def test_has_as_many_weights_as_the_paper_says():
    layer = nnx.eval_shape(lambda: ChannelwiseDense(6, 6, 256, rngs=nnx.Rngs(0)))
    leaves = jax.tree.leaves(nnx.state(layer))
    assert [leaf.shape for leaf in leaves] == [(256, 36, 36)]
    assert leaves[0].size == (6 * 6) ** 2 * 256 == 331_776
    assert (6 * 6 * 256) ** 2 == 84_934_656  # of a full layer


def test_starts_with_a_standard_deviation_of_0_005():
    kernel = ChannelwiseDense(6, 6, 8, rngs=nnx.Rngs(0)).kernel[...]
    np.testing.assert_allclose((kernel.mean(), kernel.std()), (0, 0.005), atol=2e-4)


def test_a_channel_sees_itself_only_and_all_of_it():
    layer, x = ChannelwiseDense(3, 3, 4, rngs=nnx.Rngs(0)), features(1, 3, 3, 4)
    changed = x.copy()
    changed[0, 1, 2, 3] += 1
    moved = np.asarray(run(nnx.split(layer), changed)) != np.asarray(run(nnx.split(layer), x))
    assert not moved[..., :3].any() and moved[..., 3].all()


def test_the_block_mixes_channels_after_the_activation():
    block, x = ChannelwiseBlock(3, 3, 4, out_features=5, rngs=nnx.Rngs(0)), features(2, 3, 3, 4)
    dense = np.maximum(run(nnx.split(block.dense), x), 0)
    expected = np.einsum("nhwc,cd->nhwd", dense, block.mix.kernel[...][0, 0]) + np.asarray(block.mix.bias[...])
    assert expected.shape == (2, 3, 3, 5)
    np.testing.assert_allclose(run(nnx.split(block), x), expected, rtol=1e-5, atol=1e-7)


def test_the_block_takes_another_window_and_another_activation():
    block, x = ChannelwiseBlock(3, 3, 4, kernel_size=3, activation=jnp.tanh, rngs=nnx.Rngs(0)), features(2, 3, 3, 4)
    kernel, bias = np.asarray(block.mix.kernel[...]), np.asarray(block.mix.bias[...])
    assert kernel.shape == (3, 3, 4, 4)
    np.testing.assert_allclose(kernel.std(), 0.005, rtol=0.2)
    dense = np.pad(np.tanh(run(nnx.split(block.dense), x)), ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(dense, (3, 3), (1, 2))
    expected = np.einsum("nhwcrs,rscd->nhwd", windows, kernel) + bias
    np.testing.assert_allclose(run(nnx.split(block), x), expected, rtol=1e-5, atol=1e-7)


def test_computes_in_the_dtype_asked_for():
    layer = ChannelwiseDense(2, 2, 3, dtype=jnp.bfloat16, rngs=nnx.Rngs(0))
    assert layer(features(1, 2, 2, 3)).dtype == jnp.bfloat16 and layer.kernel[...].dtype == jnp.float32


def test_another_size_is_refused():
    layer = ChannelwiseDense(3, 2, 4, rngs=nnx.Rngs(0))
    with pytest.raises(InputError, match=r"\('N', 3, 2, 4\), not \(1, 2, 3, 4\): its matrices belong to one size"):
        layer(features(1, 2, 3, 4))
