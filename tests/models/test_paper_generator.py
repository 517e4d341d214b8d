"""The paper's generator: wiring, structure and size of the presets."""

import collections

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from networks import build, parts, picture, run
from paper_configs import LETTER, PAPER, SMALL

from pconv_jax.layers import PartialConv
from pconv_jax.models import PAPER_PRESETS, PaperGenerator
from pconv_jax.ops import partial_conv


def described(model, image, mask):
    """The generator in eval mode, step by step; sizes must fit its grid."""
    model, config = nnx.merge(*model), nnx.merge(*model).config

    def step(unit, x, mask, *, stride=1, slope=None, groups=None):
        bias = None if unit.conv.bias is None else unit.conv.bias[...]
        pad = config.kernel_size // 2
        x, mask = partial_conv(x, mask, unit.conv.kernel[...], bias, stride=stride, padding=pad, mask_groups=groups)
        if slope is not None:
            mean, var, scale, shift = (
                value[...].reshape(1, 1, 1, -1)
                for value in (unit.norm.mean, unit.norm.var, unit.norm.scale, unit.norm.bias)
            )
            x = (x - mean) / jnp.sqrt(var + 1e-5) * scale + shift
            x = jnp.where(x > 0, x, slope * x)
        return x, mask

    def double(x):
        return x.repeat(2, axis=1).repeat(2, axis=2)

    x, valid, skips = image, mask, []
    for first, second in model.encoder:
        x, valid = step(first, x, valid, slope=0)
        skips.append((x, valid))
        x, valid = step(second, x, valid, stride=2, slope=0)
    for first, second in model.decoder:
        skip, skip_valid = skips.pop()
        groups = (x.shape[-1], skip.shape[-1])
        x, valid = jnp.concatenate([double(x), skip], -1), jnp.concatenate([double(valid), skip_valid], -1)
        x, valid = step(first, x, valid, groups=groups, slope=0.2 if config.norm_each_conv else None)
        x, valid = step(second, x, valid, slope=0.2)
    last = model.to_image
    if config.head == "sigmoid":
        x = jax.lax.conv_general_dilated(
            x, last.kernel[...], (1, 1), [(1, 1)] * 2, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return 1 / (1 + jnp.exp(-x - last.bias[...].reshape(1, 1, 1, -1))), valid
    return partial_conv(x, valid, last.kernel[...], last.bias[...])


@pytest.mark.parametrize("config", [SMALL, LETTER, PAPER], ids=["norm each", "one norm a stage", "paper"])
def test_the_generator_is_the_one_described(config, small):
    model = parts(small if config is SMALL else build(config), train=False)
    image, mask = picture()
    output, left = run(model, image, mask)[0]
    expected, expected_left = jax.jit(described)(model, image, mask)
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(left, expected_left)


def test_the_structure_of_the_paper_preset():
    model = nnx.eval_shape(lambda: PaperGenerator(PAPER_PRESETS["paper"], rngs=nnx.Rngs(0)))
    modules = [module for _, module in nnx.iter_modules(model)]
    convs = collections.Counter(
        (c.kernel.shape[-2:], c.stride, c.mask_groups, c.bias is not None)
        for c in modules
        if isinstance(c, PartialConv)
    )
    assert {c.kernel.shape[:2] for c in modules if isinstance(c, PartialConv)} == {(3, 3)}
    norms = collections.Counter(n.num_features for n in modules if isinstance(n, nnx.BatchNorm))
    assert convs == collections.Counter(
        [
            # Encoder: each stage halves the resolution with its second convolution; a norm after each, so no bias.
            *[((3, 32), 1, None, False), ((32, 32), 2, None, False)],
            *[((32, 64), 1, None, False), ((64, 64), 2, None, False)],
            *[((64, 128), 1, None, False), ((128, 128), 2, None, False)],
            *[((128, 256), 1, None, False), ((256, 256), 2, None, False)],
            # Decoder: what comes from below and the skip, each with its own mask; one norm after the two.
            *[((256 + 256, 256), 1, (256, 256), True), ((256, 256), 1, None, False)],
            *[((256 + 128, 128), 1, (256, 128), True), ((128, 128), 1, None, False)],
            *[((128 + 64, 64), 1, (128, 64), True), ((64, 64), 1, None, False)],
            *[((64 + 32, 32), 1, (64, 32), True), ((32, 32), 1, None, False)],
        ]
    )
    assert norms == {32: 3, 64: 3, 128: 3, 256: 3}
    plain = [c for c in modules if isinstance(c, nnx.Conv)]
    assert [(c.kernel.shape, c.bias is not None) for c in plain] == [((3, 3, 32, 3), True)]


def test_the_number_of_parameters_of_the_paper_preset():
    state = nnx.eval_shape(lambda: nnx.state(PaperGenerator(PAPER_PRESETS["paper"], rngs=nnx.Rngs(0)), nnx.Param))
    # Windows of 9 entries. Encoder: 3 -> 32 -> 32, 32 -> 64 -> 64, 64 -> 128 -> 128, 128 -> 256 -> 256.
    encoder = 9 * ((3 + 32) * 32 + (32 + 64) * 64 + (64 + 128) * 128 + (128 + 256) * 256)
    # Decoder: 512 -> 256 -> 256, 384 -> 128 -> 128, 192 -> 64 -> 64, 96 -> 32 -> 32.
    decoder = 9 * ((512 + 256) * 256 + (384 + 128) * 128 + (192 + 64) * 64 + (96 + 32) * 32)
    # Three norms a width, scale and shift each; a bias for the decoder's first convolutions.
    others = (3 * 2 + 1) * (32 + 64 + 128 + 256)
    assert (encoder, decoder, others) == (1_171_296, 2_543_616, 3_360)
    head = 9 * 32 * 3 + 3
    assert sum(leaf.size for leaf in jax.tree.leaves(state)) == encoder + decoder + others + head == 3_719_139


PRESET_SIZES = [*[(name, 64, 64) for name in PAPER_PRESETS], ("tiny", 37, 53), ("128", 128, 128)]


@pytest.mark.parametrize(("name", "height", "width"), PRESET_SIZES)
def test_every_preset_builds_and_takes_any_size(name, height, width):
    model = nnx.eval_shape(lambda: PaperGenerator(PAPER_PRESETS[name], rngs=nnx.Rngs(0)))
    image = jnp.zeros((2, height, width, 3))
    output, left = jax.eval_shape(run, nnx.split(model), image, image[..., :1])[0]
    assert (output.shape, output.dtype) == (image.shape, jnp.float32)
    assert left.shape == (2, height, width, 1)


def test_presets_named_by_image_size_leave_4x4_features():
    assert 64 // PAPER_PRESETS["64"].multiple == 128 // PAPER_PRESETS["128"].multiple == 4
