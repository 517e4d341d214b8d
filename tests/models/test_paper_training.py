"""The paper's generator in training: batch statistics and gradients."""

import functools

import jax
import numpy as np
import pytest
from flax import nnx
from networks import assert_all_reached, bits, build, gradients, parts, picture, run

from pconv_jax.models import PaperConfig
from pconv_jax.ops import partial_conv


def test_batch_statistics_move_in_train_mode_only(small):
    image, mask = picture()
    before = nnx.state(small, nnx.BatchStat)
    _, after = run(parts(small, train=False), image, mask)
    assert bits(after) == bits(nnx.state(small))
    _, after = run(parts(small, train=True), image, mask)
    assert bits(nnx.filter_state(after, nnx.Param)) == bits(nnx.state(small, nnx.Param))
    moved = nnx.filter_state(after, nnx.BatchStat)
    assert all((a != b).any() for a, b in zip(jax.tree.leaves(moved), jax.tree.leaves(before), strict=True))
    # The first norm: 99 % of the past and 1 % of the mean and variance of what the first convolution gives.
    first = small.encoder[0][0]
    x, _ = partial_conv(image, mask, first.conv.kernel[...])
    now = moved.encoder[0][0].norm
    np.testing.assert_allclose(
        now.mean[...], 0.99 * first.norm.mean[...] + 0.01 * x.mean((0, 1, 2)), rtol=1e-4, atol=1e-6
    )
    np.testing.assert_allclose(now.var[...], 0.99 * first.norm.var[...] + 0.01 * x.var((0, 1, 2)), rtol=1e-4)


def test_batch_statistics_are_averaged_over_the_named_axis():
    config = PaperConfig(widths=(3,))
    inputs = picture(batch=4, size=8)
    expected = run(parts(build(config), train=True), *inputs)
    model = parts(build(config, axis_name="data"), train=True)
    halves = [a.reshape(2, 2, *a.shape[1:]) for a in inputs]
    (output, _), state = jax.jit(jax.vmap(functools.partial(run, model), axis_name="data"))(*halves)
    np.testing.assert_allclose(output.reshape(4, 8, 8, 3), expected[0][0], rtol=1e-3, atol=1e-4)
    for found, whole in zip(jax.tree.leaves(state), jax.tree.leaves(expected[1]), strict=True):
        np.testing.assert_array_equal(found[0], found[1])
        np.testing.assert_allclose(found[0], whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "config",
    [
        PaperConfig(widths=(4,)),
        PaperConfig(widths=(4,), convolution="plain"),
        PaperConfig(widths=(4,), head="sigmoid"),
    ],
    ids=["partial", "plain", "sigmoid"],
)
def test_gradients_reach_every_parameter_of_the_generator(config):
    model = build(config)
    assert_all_reached(gradients(parts(model, train=True), *picture()))
