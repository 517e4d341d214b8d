"""The network of Liu et al.: counted by hand, against its description, any size, holes, the second phase, reach."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from networks import bits, build, count, parts, picture, run, with_other_holes

from pconv_jax.common.errors import InputError
from pconv_jax.layers import PartialConv
from pconv_jax.models.liu import LIU_PRESETS, LiuConfig
from pconv_jax.ops import partial_conv

SMALL = LiuConfig((4, 8, 16))

# The encoder of 8 stages, and the decoder from the deepest stage upwards: window, channels in and out.
ENCODER = [(7, 3, 64), (5, 64, 128), (5, 128, 256), (3, 256, 512), *[(3, 512, 512)] * 4]
DECODER = [*[(3, 512 + 512, 512)] * 4, (3, 512 + 256, 256), (3, 256 + 128, 128), (3, 128 + 64, 64), (3, 64 + 3, 3)]


@pytest.fixture(scope="module")
def small():
    return build(SMALL)


# Counted by hand.


def test_eight_stages_have_as_many_parameters_as_counted_by_hand():
    kernels = sum(side**2 * inputs * outputs for side, inputs, outputs in ENCODER + DECODER)
    assert kernels == 32_848_849  # as the public implementations count
    # Scale and shift of a norm after all but the first and the last convolution, which have a bias each.
    norms = 2 * (128 + 256 + 5 * 512) + 2 * (4 * 512 + 256 + 128 + 64)
    assert (norms, kernels + norms + 64 + 3) == (10_880, 32_859_796)
    assert count(LiuConfig.of_stages(8)) == 32_859_796


def test_seven_stages_have_one_of_each_less():
    assert count(LiuConfig.of_stages(7)) == 32_859_796 - 9 * 512 * 512 - 9 * 1024 * 512 - 2 * 2 * 512 == 25_779_860
    assert 25_779_860 - 25_770_961 == 10_880 - 2 * 2 * 512 + 64 + 3  # what is no kernel


def test_small_networks_have_as_many_parameters_as_counted_by_hand():
    # 3 -> 4 -> 8 -> 16 and back: 16 + 8 -> 8, 8 + 4 -> 4, 4 + 3 -> 3.
    kernels = 49 * 3 * 4 + 25 * 4 * 8 + 25 * 8 * 16 + 9 * 24 * 8 + 9 * 12 * 4 + 9 * 7 * 3
    assert count(SMALL) == kernels + 2 * (8 + 16) + 2 * (8 + 4) + 4 + 3
    assert count(LiuConfig((2,))) == 49 * 3 * 2 + 2 + 9 * 5 * 3 + 3


def test_the_convolutions_of_eight_stages():
    model = nnx.eval_shape(lambda: LiuConfig.of_stages(8).build(rngs=nnx.Rngs(0)))
    convs = [c for _, c in nnx.iter_modules(model) if isinstance(c, PartialConv)]
    shapes = {(*c.kernel.shape, c.stride, c.padding, c.mask_groups, c.bias is not None) for c in convs}
    assert shapes == {
        (7, 7, 3, 64, 2, 3, None, True),
        (5, 5, 64, 128, 2, 2, None, False),
        (5, 5, 128, 256, 2, 2, None, False),
        (3, 3, 256, 512, 2, 1, None, False),
        (3, 3, 512, 512, 2, 1, None, False),
        (3, 3, 1024, 512, 1, 1, (512, 512), False),
        (3, 3, 768, 256, 1, 1, (512, 256), False),
        (3, 3, 384, 128, 1, 1, (256, 128), False),
        (3, 3, 192, 64, 1, 1, (128, 64), False),
        (3, 3, 67, 3, 1, 1, (64, 3), True),
    }


def test_networks_of_so_many_stages():
    assert LiuConfig.of_stages(2) == LiuConfig((64, 128))
    assert LiuConfig.of_stages(6, width=4, encoder_norm="frozen") == LiuConfig((4, 8, 16, 32, 32, 32), "frozen")
    assert {name: config.multiple for name, config in LIU_PRESETS.items()} == {
        "512": 256,
        "256": 128,
        "128": 64,
        "64": 32,
    }
    assert LIU_PRESETS["256"] == LiuConfig() == LiuConfig((64, 128, 256, *[512] * 4), "trained", 0.9, 0.2)
    assert LIU_PRESETS["64"].widths == (32, 64, 128, 256, 256)
    norms = [norm for _, norm in nnx.iter_modules(build(LiuConfig((2, 3), batch_norm_momentum=0.75)))]
    assert {norm.momentum for norm in norms if isinstance(norm, nnx.BatchNorm)} == {0.75}


# Against the description.


@jax.jit
def described(model, image, mask):
    """Three stages in eval mode, step by step; sizes must fit the grid."""
    model = nnx.merge(*model)

    def conv(stage, x, mask, pad, *, stride=1, groups=None):
        bias = None if stage.conv.bias is None else stage.conv.bias[...]
        return partial_conv(x, mask, stage.conv.kernel[...], bias, stride=stride, padding=pad, mask_groups=groups)

    def norm(stage, x):
        mean, var, scale, shift = (
            value[...].reshape(1, 1, 1, -1)
            for value in (stage.norm.mean, stage.norm.var, stage.norm.scale, stage.norm.bias)
        )
        return (x - mean) / jnp.sqrt(var + 1e-5) * scale + shift

    def join(deep, deep_mask, skip, skip_mask):
        def double(x):
            return x.repeat(2, axis=1).repeat(2, axis=2)

        return jnp.concatenate([double(deep), skip], -1), jnp.concatenate([double(deep_mask), skip_mask], -1)

    e1, e2, e3 = model.encoder
    d3, d2, d1 = model.decoder
    x1, m1 = conv(e1, image, mask, 3, stride=2)
    x1 = jnp.maximum(x1, 0)
    x2, m2 = conv(e2, x1, m1, 2, stride=2)
    x2 = jnp.maximum(norm(e2, x2), 0)
    x3, m3 = conv(e3, x2, m2, 2, stride=2)
    x3 = jnp.maximum(norm(e3, x3), 0)
    x, m = conv(d3, *join(x3, m3, x2, m2), 1, groups=(16, 8))
    x = norm(d3, x)
    x, m = conv(d2, *join(jnp.where(x > 0, x, 0.2 * x), m, x1, m1), 1, groups=(8, 4))
    x = norm(d2, x)
    return conv(d1, *join(jnp.where(x > 0, x, 0.2 * x), m, image, mask), 1, groups=(4, 3))


def test_the_network_is_the_one_described(small):
    model, (image, mask) = parts(small, train=False), picture()
    output, left = run(model, image, mask)[0]
    expected, expected_left = described(model, image, mask)
    assert output.dtype == np.float32 and output.shape == image.shape and left.shape == mask.shape
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(left, expected_left)


def test_an_image_of_any_size_is_one_with_holes_around_it(small):
    model, (image, mask) = parts(small, train=False), picture()
    cut = (slice(None), slice(0, 11), slice(0, 13))
    around = np.zeros_like(mask)
    around[cut] = mask[cut]
    output, left = run(model, image[cut], mask[cut])[0]
    whole, whole_left = run(model, image, around)[0]
    assert output.shape == (2, 11, 13, 3)
    np.testing.assert_allclose(output, whole[cut], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(left, whole_left[cut])


def test_bfloat16_is_for_features_only():
    model = nnx.eval_shape(lambda: SMALL.build(dtype=jnp.bfloat16, rngs=nnx.Rngs(0)))
    program = jax.make_jaxpr(run)(parts(model, train=True), *picture())
    assert {aval.dtype for aval in program.out_avals} == {np.dtype("float32")}
    assert "bf16[2,8,8,4] = conv_general_dilated" in str(program)


# Holes.


@jax.jit
def learn(model, image, mask):
    """Gradient of a loss with respect to the parameters, and the statistics after the pass."""
    graph, params, stats = nnx.split(nnx.merge(*model), nnx.Param, nnx.BatchStat)

    def loss(params):
        model = nnx.merge(graph, params, stats, copy=True)
        output, _ = model(image, mask)
        return jnp.mean(jnp.square(output - 0.5)), nnx.state(model, nnx.BatchStat)

    return jax.grad(loss, has_aux=True)(params)


@pytest.mark.parametrize("train", [True, False])
def test_what_lies_in_holes_changes_no_bit_of_output_gradient_or_statistics(small, train):
    model, (image, mask) = parts(small, train=train), picture()
    other = with_other_holes(image, mask)
    assert bits(run(model, image, mask)) == bits(run(model, other, mask))
    assert bits(learn(model, image, mask)) == bits(learn(model, other, mask))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(learn(model, other, mask)))


# The second phase.


def encoder_norms(state):
    return {index: stage["norm"] for index, stage in state["encoder"].items() if "norm" in stage}


def with_encoder_norm(model, kind):
    """The same parameters and statistics in a network of another `encoder_norm`."""
    config = dataclasses.replace(model.config, encoder_norm=kind)
    graph = nnx.graphdef(nnx.eval_shape(lambda: config.build(rngs=nnx.Rngs(0))))
    return nnx.merge(graph, nnx.state(model))


def trained(model, steps=3):
    """Parameters and statistics after a few steps of Adam in training mode."""
    graph, params, stats = nnx.split(nnx.merge(*model), nnx.Param, nnx.BatchStat)
    adam = optax.adam(1e-2)
    optimizer = adam.init(params)
    for seed in range(steps):
        grads, stats = learn(nnx.split(nnx.merge(graph, params, stats)), *picture(seed=seed))
        updates, optimizer = adam.update(grads, optimizer, params)
        params = optax.apply_updates(params, updates)
    return params, stats


@pytest.mark.parametrize("kind", ["trained", "fixed_statistics", "frozen"])
def test_what_the_second_phase_leaves_as_it_is(small, kind):
    before, before_stats = nnx.state(small, nnx.Param), nnx.state(small, nnx.BatchStat)
    after, after_stats = trained(parts(with_encoder_norm(small, kind), train=True))
    assert (bits(encoder_norms(before_stats)) == bits(encoder_norms(after_stats))) == (kind != "trained")
    assert (bits(encoder_norms(before)) == bits(encoder_norms(after))) == (kind == "frozen")
    # Everything else is trained on.
    for stage, other in zip(before["encoder"].values(), after["encoder"].values(), strict=True):
        assert bits(stage["conv"]) != bits(other["conv"])
    for index in (0, 1):
        assert bits(before_stats["decoder"][index]) != bits(after_stats["decoder"][index])
        assert bits(before["decoder"][index]["norm"]) != bits(after["decoder"][index]["norm"])


def test_a_frozen_encoder_normalises_with_the_statistics_of_the_first_phase(small):
    image, mask = picture()
    outputs = []
    for kind in ("trained", "fixed_statistics", "frozen"):
        model = with_encoder_norm(small, kind)
        outputs.append(run(parts(model, train=False), image, mask)[0][0])
    np.testing.assert_allclose(outputs[1], outputs[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(outputs[2], outputs[0], rtol=1e-5, atol=1e-6)


# Reach.


@pytest.mark.parametrize(("stages", "widest"), [(1, 8), (2, 18)])
def test_the_widest_line_is_that_of_the_network_s_own_masks(stages, widest):
    config = LiuConfig((1,) * stages)
    assert config.widest_line() == widest
    multiple, model = config.multiple, parts(build(config), train=False)
    side = -(-(widest + 40) // multiple + 2) * multiple
    rows, starts = np.arange(side), 16 + np.arange(multiple)[:, None]

    def all_closed(width):
        line = (rows >= starts) & (rows < starts + width)
        mask = np.broadcast_to(~line[:, :, None, None], (multiple, side, multiple, 1)).astype(np.float32)
        return run(model, np.zeros((*mask.shape[:-1], 3), np.float32), mask)[0][1].all()

    assert all_closed(widest) and not all_closed(widest + 1)


def test_more_stages_close_wider_lines():
    assert [LiuConfig.of_stages(stages).widest_line() for stages in (3, 6, 7, 8)] == [38, 206, 398, 782]


# Mistakes.


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"widths": ()}, "widths=() must hold at least one stage, each with at least one channel"),
        ({"widths": (4, 0)}, "widths=(4, 0) must hold at least one stage, each with at least one channel"),
        ({"encoder_norm": "off"}, "encoder_norm='off' must be one of trained, fixed_statistics, frozen"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(change, message):
    with pytest.raises(InputError) as error:
        LiuConfig(**change)
    assert str(error.value) == message


def test_images_and_masks_that_do_not_fit_are_refused(small):
    image, mask = picture()
    with pytest.raises(InputError, match=r"images \[N, H, W, 3\]"):
        small(image[..., :1], mask)
    with pytest.raises(InputError, match="needs a mask"):
        small(image, mask[:, :8])
    with pytest.raises(InputError, match="holds 2"):
        small(image, mask * 2)
