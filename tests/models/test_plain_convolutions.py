"""The paper's generator with plain convolutions."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from networks import parts, picture, run
from paper_configs import PLAIN

from pconv_jax.models import PAPER_PRESETS, PaperConfig, PaperGenerator
from pconv_jax.models.initialize import initialize


def described_plain(model, image, mask):
    """The plain generator in eval mode, step by step; sizes must fit its grid."""
    model = nnx.merge(*model)

    def conv(unit, x, *, stride=1):
        y = jax.lax.conv_general_dilated(
            x, unit.kernel[...], (stride,) * 2, [(1, 1)] * 2, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return y if unit.bias is None else y + unit.bias[...].reshape(1, 1, 1, -1)

    def step(unit, x, *, slope, stride=1):
        norm, x = unit.norm, conv(unit.conv.conv, x, stride=stride)
        mean, var, scale, shift = (
            value[...].reshape(1, 1, 1, -1) for value in (norm.mean, norm.var, norm.scale, norm.bias)
        )
        x = (x - mean) / jnp.sqrt(var + 1e-5) * scale + shift
        return jnp.where(x > 0, x, slope * x)

    x, skips = jnp.concatenate([image * mask, mask], -1), []
    for first, second in model.encoder:
        skips.append(step(first, x, slope=0))
        x = step(second, skips[-1], stride=2, slope=0)
    for first, second in model.decoder:
        x = jnp.concatenate([x.repeat(2, axis=1).repeat(2, axis=2), skips.pop()], -1)
        x = step(second, step(first, x, slope=0.2), slope=0.2)
    return conv(model.to_image.conv, x)


def test_the_plain_generator_is_the_one_described(plain):
    model, (image, mask) = parts(plain, train=False), picture()
    output, left = run(model, image, mask)[0]
    np.testing.assert_allclose(output, jax.jit(described_plain)(model, image, mask), rtol=1e-4, atol=1e-5)
    assert left.shape == mask.shape and left.all()


def test_the_plain_generator_has_the_shapes_of_the_partial_one_but_for_the_fourth_channel():
    def shapes(config):
        model = nnx.eval_shape(lambda: PaperGenerator(config, rngs=nnx.Rngs(0)))
        return [leaf.shape for leaf in jax.tree.leaves(nnx.to_pure_dict(nnx.state(model)))]

    plain = dataclasses.replace(PAPER_PRESETS["paper"], convolution="plain")
    changed = [pair for pair in zip(shapes(PAPER_PRESETS["paper"]), shapes(plain), strict=True) if pair[0] != pair[1]]
    assert changed == [((3, 3, 3, 32), (3, 3, 4, 32))]


def test_plain_and_partial_kernels_start_alike():
    def kernel_of(convolution):
        config = PaperConfig((64, 64), convolution=convolution)
        return initialize(lambda: config.build(rngs=nnx.Rngs(0))).encoder[1][0].conv

    partial, plain = kernel_of("partial"), kernel_of("plain")
    np.testing.assert_allclose(plain.conv.kernel[...].std(), partial.kernel[...].std(), rtol=0.05)


def test_a_plain_generator_takes_any_size_and_knows_its_padding_for_hole(plain):
    model, (image, mask) = parts(plain, train=False), picture(size=(13, 14))
    output, left = run(model, image, mask)[0]
    padding = ((0, 0), (0, 3), (0, 2), (0, 0))
    expected, _ = run(model, np.pad(image, padding, constant_values=np.nan), np.pad(mask, padding))[0]
    np.testing.assert_allclose(output, expected[:, :13, :14], rtol=1e-5, atol=1e-6)
    assert left.shape == (2, 13, 14, 1) and left.all()


def test_no_line_is_too_wide_for_plain_convolutions():
    assert PLAIN.widest_line() is None


def test_under_jit_whatever_is_not_0_is_valid(plain):
    image, mask = picture()
    expected, found = (run(parts(plain, train=False), image, each)[0][0] for each in (mask, 255 * mask))
    np.testing.assert_array_equal(found, expected)
