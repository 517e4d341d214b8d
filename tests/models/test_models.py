"""The networks: wiring, any size, holes, reach, batch statistics, gradients, mistakes."""

import collections
import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from pconv_jax.common.errors import InputError
from pconv_jax.layers import PartialConv
from pconv_jax.models import (
    PAPER_PRESETS,
    Discriminator,
    DiscriminatorConfig,
    PaperConfig,
    PaperGenerator,
)
from pconv_jax.models.initialize import initialize
from pconv_jax.ops import partial_conv

SMALL = PaperConfig(widths=(4, 6), norm_each_conv=True)
PLAIN = PaperConfig(widths=(4, 6), convolution="plain")
LETTER = PaperConfig(widths=(4, 6), norm_each_conv=False)
PAPER = dataclasses.replace(PAPER_PRESETS["paper"], widths=(4, 6))
SMALL_JUDGE = DiscriminatorConfig(image_size=16, widths=(4, 6))


def picture(batch=2, height=16, width=16, seed=0):
    """Random images, and masks with scattered holes and, in the first, one of 6 x 6 pixels."""
    rng = np.random.default_rng(seed)
    mask = (rng.random((batch, height, width, 1)) < 0.8).astype(np.float32)
    mask[0, 4:10, 5:11] = 0
    return rng.random((batch, height, width, 3)).astype(np.float32), mask


def build(network, config, **kwargs):
    """A network in which no parameter and no batch statistic has the value that it starts with."""
    graph, state = nnx.split(nnx.eval_shape(lambda: network(config, rngs=nnx.Rngs(0), **kwargs)))
    rng = np.random.default_rng(1)

    def number(path, leaf):
        name = path[-2].key
        if name == "kernel":
            return rng.normal(0, np.sqrt(2 / np.prod(leaf.shape[:-1])), leaf.shape)
        return rng.uniform(*{"var": (0.5, 1.5), "scale": (0.5, 1.5)}.get(name, (-0.5, 0.5)), leaf.shape)

    state = jax.tree_util.tree_map_with_path(lambda *leaf: jnp.asarray(number(*leaf), jnp.float32), state)
    return nnx.merge(graph, state)


def parts(model, *, train):
    """The model as a pytree, the form in which it crosses jit."""
    model.train() if train else model.eval()
    return nnx.split(model)


@pytest.fixture(scope="module")
def small():
    return build(PaperGenerator, SMALL)


@pytest.fixture(scope="module")
def plain():
    return build(PaperGenerator, PLAIN)


@pytest.fixture(scope="module")
def paper():
    return build(PaperGenerator, PAPER)


@jax.jit
def run(model, *inputs):
    """What the network returns, and its state after that."""
    model = nnx.merge(*model)
    return model(*inputs), nnx.state(model)


def bits(tree):
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]


# Wiring, against the description.


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


@pytest.mark.parametrize("config", [SMALL, LETTER, PAPER], ids=["norm each", "one norm a stage", "paper"])
def test_the_generator_is_the_one_described(config, small):
    model = parts(small if config is SMALL else build(PaperGenerator, config), train=False)
    image, mask = picture()
    output, left = run(model, image, mask)[0]
    expected, expected_left = jax.jit(described)(model, image, mask)
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(left, expected_left)


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


# Sizes and holes.


def test_what_pads_an_image_is_hole(small):
    model, (image, mask) = parts(small, train=False), picture(2, 13, 14)
    output, left = run(model, image, mask)[0]
    assert output.shape == image.shape
    padding = ((0, 0), (0, 3), (0, 2), (0, 0))
    padded = np.pad(image, padding, constant_values=np.nan), np.pad(mask, padding)
    expected, expected_left = run(model, *padded)[0]
    np.testing.assert_allclose(output, expected[:, :13, :14], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(left, expected_left[:, :13, :14])
    assert np.isfinite(output).all()


def test_a_plain_generator_takes_any_size_and_knows_its_padding_for_hole(plain):
    model, (image, mask) = parts(plain, train=False), picture(2, 13, 14)
    output, left = run(model, image, mask)[0]
    padding = ((0, 0), (0, 3), (0, 2), (0, 0))
    expected, _ = run(model, np.pad(image, padding, constant_values=np.nan), np.pad(mask, padding))[0]
    np.testing.assert_allclose(output, expected[:, :13, :14], rtol=1e-5, atol=1e-6)
    assert left.shape == (2, 13, 14, 1) and left.all()


def test_an_image_of_one_pixel(small):
    model, image = parts(small, train=False), np.full((2, 1, 1, 3), 0.5, np.float32)
    output, left = run(model, image, np.array([1, 0], np.float32).reshape(2, 1, 1, 1))[0]
    assert left.ravel().tolist() == [1, 0]
    assert output[0].any() and not output[1].any()


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("network", ["partial", "plain", "paper"])
def test_what_lies_in_holes_changes_no_bit(small, plain, paper, network, train):
    model, (image, mask) = parts({"partial": small, "plain": plain, "paper": paper}[network], train=train), picture()
    expected = run(model, np.where(mask, image, 0), mask)
    for content in (1.0, np.nan, np.inf):
        assert bits(run(model, np.where(mask, image, np.float32(content)), mask)) == bits(expected)
    assert bits(run(model, np.where(mask, image, 0) + 0.1 * mask, mask)) != bits(expected)  # valid pixels do


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16], ids=["float32", "bfloat16"])
def test_a_sigmoid_keeps_the_output_inside_0_and_1_also_where_nothing_was_seen(dtype):
    model = parts(build(PaperGenerator, PAPER, dtype=dtype), train=True)
    image, mask = picture(2, 13, 14)
    mask[0] = 0  # no valid pixel at all
    output, left = run(model, image, mask)[0]
    assert output.shape == image.shape and output.dtype == jnp.float32
    assert (output > 0).all() and (output < 1).all()
    assert not left[0].any() and left[1].all()


@pytest.mark.parametrize("convolution", ["partial", "plain"])
def test_the_mask_that_is_left_has_the_dtype_of_the_mask(small, plain, convolution):
    model = parts({"partial": small, "plain": plain}[convolution], train=False)
    image, mask = picture()
    for dtype in ("bool", "uint8", "float32"):
        left = jax.eval_shape(run, model, image, mask.astype(dtype))[0][1]
        assert left.dtype == dtype


@pytest.mark.parametrize("convolution", ["partial", "plain"])
def test_bf16_stays_close_and_keeps_parameters_and_masks_in_float32(small, plain, convolution):
    whole = {"partial": small, "plain": plain}[convolution]
    half = build(PaperGenerator, whole.config, dtype=jnp.bfloat16)  # the same numbers
    image, mask = picture()
    (output, left), state = run(parts(half, train=True), image, mask)
    (expected, expected_left), _ = run(parts(whole, train=True), image, mask)
    assert output.dtype == left.dtype == jnp.float32
    assert {leaf.dtype for leaf in jax.tree.leaves(nnx.to_pure_dict(state))} == {jnp.dtype("float32")}
    np.testing.assert_array_equal(left, expected_left)
    assert 0 < np.abs(output - expected).max() < 0.05 * np.abs(expected).max()


# Reach.


def closes_in_one_dimension(width, *, stages, half):
    """The same on intervals: across a line, an image is one row of pixels. `half` a window lies on each side."""

    def see(valid, stride=1):
        padded = np.pad(valid, half)
        return np.array([padded[i : i + 2 * half + 1].any() for i in range(0, len(valid), stride)])

    def closes(offset, grid=2**stages):
        valid = np.ones((width // grid + 4) * grid, bool)
        valid[grid + offset : grid + offset + width] = False
        skips = []
        for _ in range(stages):
            skips.append(see(valid))
            valid = see(skips[-1], 2)
        for skip in reversed(skips):
            valid = see(see(valid.repeat(2) | skip))
        return see(valid).all()

    return all(closes(offset) for offset in range(2**stages))


def test_widest_line_of_one_stage_worked_by_hand():
    # Window 3. A hole of w rows is w - 2 after the first convolution. Of the second, with stride 2, the windows that
    # lie inside v rows are at most floor((v - 1) / 2); doubled they are twice as many rows, and the skip has no valid
    # pixel there. The three convolutions that follow take 2 rows each: 2 floor((w - 3) / 2) <= 6, so w <= 10.
    assert PaperConfig(widths=(5,)).widest_line() == 10
    # Window 5, likewise: 2 floor((w - 4 - 3) / 2) <= 12, so w <= 20.
    assert PaperConfig(widths=(5,), kernel_size=5).widest_line() == 20


@pytest.mark.parametrize(("stages", "kernel_size", "widest"), [(2, 3, 24), (4, 3, 108), (2, 5, 52)])
def test_widest_line_is_that_of_intervals(stages, kernel_size, widest):
    assert PaperConfig(widths=(8, 7, 6, 5)[:stages], kernel_size=kernel_size).widest_line() == widest
    of_intervals = functools.partial(closes_in_one_dimension, stages=stages, half=kernel_size // 2)
    assert of_intervals(widest)
    assert not of_intervals(widest + 1)


def test_the_last_plain_convolution_of_the_paper_closes_nothing():
    # One stage, worked as above: two convolutions follow, so 2 floor((w - 3) / 2) <= 4 and w <= 8.
    assert PaperConfig(widths=(5,), head="sigmoid").widest_line() == 8


def test_no_line_is_too_wide_for_plain_convolutions():
    assert PLAIN.widest_line() is None


def test_widest_line_is_what_a_network_with_features_closes(small):
    widest, size = SMALL.widest_line(), 64
    rows, columns = np.mgrid[:size, :size]

    def output(width):
        """Lines at every offset to the grid: along rows and columns, diagonal both ways, and in between."""
        masks = []
        for down, across, shift in [(1, 0, 0), (0, 1, 0), (1, 1, 10), (1, -1, 10), (2, 1, 0)]:
            distance = (down * rows + across * columns) / np.hypot(down, across)
            start = distance[size // 2, size // 2] - 14 + shift  # shifted where it would run into corners
            masks += [(distance < start + i) | (distance >= start + i + width) for i in range(SMALL.multiple)]
        masks = np.stack(masks)[..., None]
        images = np.full((*masks.shape[:-1], 3), 0.5, np.float32)
        return [np.asarray(a) for a in run(parts(small, train=False), images, masks)[0]]

    filled, left = output(widest)
    assert left.all()
    assert filled.any(axis=-1).all()
    filled, left = output(widest + 1)
    assert not left[: SMALL.multiple].all()  # some offset along the rows
    np.testing.assert_array_equal(filled.any(axis=-1, keepdims=True), left)  # what is left is black


# Training.


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
    inputs = picture(4, 8, 8)
    expected = run(parts(build(PaperGenerator, config), train=True), *inputs)
    model = parts(build(PaperGenerator, config, axis_name="data"), train=True)
    halves = [a.reshape(2, 2, *a.shape[1:]) for a in inputs]
    (output, _), state = jax.jit(jax.vmap(functools.partial(run, model), axis_name="data"))(*halves)
    np.testing.assert_allclose(output.reshape(4, 8, 8, 3), expected[0][0], rtol=1e-3, atol=1e-4)
    for found, whole in zip(jax.tree.leaves(state), jax.tree.leaves(expected[1]), strict=True):
        np.testing.assert_array_equal(found[0], found[1])
        np.testing.assert_allclose(found[0], whole, rtol=1e-4, atol=1e-5)


@jax.jit
def gradients(model, *inputs):
    graph, parameters, rest = nnx.split(nnx.merge(*model), nnx.Param, ...)

    def loss(parameters):
        output = jax.tree.leaves(nnx.merge(graph, parameters, rest, copy=True)(*inputs))[0]
        weights = np.random.default_rng(2).normal(size=output.shape)
        return (output * jnp.asarray(weights, jnp.float32)).sum()

    return nnx.to_pure_dict(jax.grad(loss)(parameters))


def assert_all_reached(found):
    sizes = {
        jax.tree_util.keystr(path): np.abs(leaf).max() for path, leaf in jax.tree_util.tree_leaves_with_path(found)
    }
    largest = max(sizes.values())
    assert np.isfinite(largest)
    # What a batch norm cancels has a gradient of rounding errors, which counts as none.
    assert not {name: size for name, size in sizes.items() if size < 1e-4 * largest}


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
    model = build(PaperGenerator, config)
    assert_all_reached(gradients(parts(model, train=True), *picture()))


# The discriminator.


@pytest.fixture(scope="module")
def judge():
    return build(Discriminator, SMALL_JUDGE)


def test_the_discriminator_is_the_one_described(judge):
    image, _ = picture()
    x = 2 * image - 1
    for i, conv in enumerate(judge.convs):
        assert conv.kernel.shape[:2] == (4, 4)
        x = jax.lax.conv_general_dilated(
            x, conv.kernel[...], (2, 2), [(1, 1)] * 2, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        x = np.asarray(x)
        if i == 0:
            x = x + np.asarray(conv.bias[...])
        else:
            norm = judge.norms[i - 1]
            mean, var, scale, shift = (np.asarray(v[...]) for v in (norm.mean, norm.var, norm.scale, norm.bias))
            x = (x - mean) / np.sqrt(var + 1e-5) * scale + shift
            assert conv.bias is None
        x = np.where(x > 0, x, 0.2 * x)
    assert x.shape == (2, 4, 4, 6)
    expected = (x * np.asarray(judge.to_logit.kernel[...])[..., 0]).sum((1, 2, 3)) + np.asarray(
        judge.to_logit.bias[...]
    )
    logits, _ = run(parts(judge, train=False), image)
    assert (logits.shape, logits.dtype) == ((2,), jnp.float32)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


def test_the_discriminator_in_training(judge):
    image, _ = picture()
    logits, after = run(parts(judge, train=True), image)
    moved, before = nnx.filter_state(after, nnx.BatchStat), nnx.state(judge, nnx.BatchStat)
    assert all((a != b).any() for a, b in zip(jax.tree.leaves(moved), jax.tree.leaves(before), strict=True))
    assert_all_reached(gradients(parts(judge, train=True), image))
    half = build(Discriminator, SMALL_JUDGE, dtype=jnp.bfloat16)  # the same numbers
    close, _ = run(parts(half, train=True), image)
    assert close.dtype == jnp.float32
    assert 0 < np.abs(close - logits).max() < 0.1 * np.abs(logits).max()


@pytest.mark.parametrize("config", [DiscriminatorConfig(), DiscriminatorConfig(128, (64, 128, 256, 512, 512))])
def test_discriminators_of_full_size_build(config):
    size = config.image_size
    model = nnx.eval_shape(lambda: Discriminator(config, rngs=nnx.Rngs(0)))
    assert model.to_logit.kernel.shape == (4, 4, config.widths[-1], 1)
    logits, _ = jax.eval_shape(run, nnx.split(model), jnp.zeros((3, size, size, 3)))
    assert logits.shape == (3,)


# Mistakes.


@pytest.mark.parametrize(
    ("config", "kwargs", "named"),
    [
        (PaperConfig, {"widths": ()}, r"widths=\(\)"),
        (PaperConfig, {"widths": (8, 0)}, r"widths=\(8, 0\)"),
        (PaperConfig, {"kernel_size": 4}, "kernel_size=4"),
        (PaperConfig, {"kernel_size": 1}, "kernel_size=1"),
        (PaperConfig, {"kernel_size": -3}, "kernel_size=-3"),
        (PaperConfig, {"convolution": "gated"}, "convolution='gated' must be one of partial, plain"),
        (PaperConfig, {"head": "tanh"}, "head='tanh' must be one of partial, sigmoid"),
        (DiscriminatorConfig, {"widths": ()}, r"widths=\(\)"),
        (DiscriminatorConfig, {"widths": (8, 0)}, r"widths=\(8, 0\)"),
        (DiscriminatorConfig, {"image_size": 72}, "image_size=72.*multiple of 16"),
        (DiscriminatorConfig, {"image_size": 0}, "image_size=0"),
    ],
)
def test_a_network_that_cannot_be_is_named(config, kwargs, named):
    with pytest.raises(InputError, match=named):
        config(**kwargs)


@pytest.mark.parametrize(
    ("image", "mask", "named"),
    [
        ((2, 16, 16, 1), (2, 16, 16, 1), ["(2, 16, 16, 1)"]),
        ((16, 16, 3), (16, 16, 1), ["(16, 16, 3)"]),
        ((2, 16, 16, 3), (2, 16, 16, 3), ["(2, 16, 16, 3)", "(2, 16, 16, 1)"]),
        ((2, 16, 16, 3), (1, 16, 16, 1), ["(2, 16, 16, 3)", "(1, 16, 16, 1)"]),
        ((2, 16, 16, 3), (2, 16, 16), ["(2, 16, 16, 3)", "(2, 16, 16)"]),
    ],
)
def test_inputs_of_another_shape_are_named(small, image, mask, named):
    with pytest.raises(InputError) as caught:
        small(np.zeros(image, np.float32), np.ones(mask, np.float32))
    assert all(name in str(caught.value) for name in named)


def test_a_mask_of_other_values_is_named(small, plain):
    image, mask = picture()
    for model in (small, plain):
        with pytest.raises(InputError, match="255"):
            model(image, 255 * mask)


@pytest.mark.parametrize("shape", [(2, 32, 32, 3), (2, 16, 32, 3), (2, 16, 16, 1), (16, 16, 3)])
def test_the_discriminator_names_its_size(judge, shape):
    with pytest.raises(InputError, match=r"\[N, 16, 16, 3\]"):
        judge(jnp.zeros(shape))
