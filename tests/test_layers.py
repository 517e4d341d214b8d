"""The PartialConv layer: its parameters, and that it hands everything on to the function."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from pconv_jax.common.errors import InputError
from pconv_jax.layers import PartialConv
from pconv_jax.ops import partial_conv


def given(*shape, masks=1, seed=0):
    """Features of this shape, and masks with a hole in which the features are NaN."""
    rng = np.random.default_rng(seed)
    mask = (rng.random((*shape[:-1], masks)) < 0.5).astype(np.float32)
    mask[0, :3] = 0
    x = rng.normal(size=shape).astype(np.float32)
    x[0, :3] = np.nan
    return jnp.asarray(x), jnp.asarray(mask)


def build(*args, **kwargs):
    """A layer with a bias that is not the zero it starts with, and a random kernel that costs no compilation."""
    layer = nnx.eval_shape(lambda: PartialConv(*args, **kwargs, rngs=nnx.Rngs(0)))
    rng = np.random.default_rng(1)
    for value in (layer.kernel, layer.bias):
        if value is not None:
            value.set_value(jnp.asarray(rng.normal(0, 0.5, value.shape), value.dtype))
    return layer


function = jax.jit(partial_conv, static_argnames=("stride", "padding", "dilation", "feature_groups", "mask_groups"))


@jax.jit
def apply(graph_and_state, x, mask):
    return nnx.merge(*graph_and_state)(x, mask)


def test_parameters():
    layer, again, other = (PartialConv(64, 32, 3, feature_groups=4, rngs=nnx.Rngs(seed)) for seed in (0, 0, 1))
    state = nnx.to_pure_dict(nnx.state(layer, nnx.Param))
    assert set(state) == {"kernel", "bias"}
    assert state["kernel"].shape == (3, 3, 16, 32)
    assert state["kernel"].dtype == state["bias"].dtype == jnp.float32
    assert not state["bias"].any()
    np.testing.assert_allclose(state["kernel"].std(), np.sqrt(2 / (9 * 16)), rtol=0.05)  # He et al. 2015
    assert abs(state["kernel"].mean()) < 0.01
    np.testing.assert_array_equal(state["kernel"], again.kernel[...])
    assert (state["kernel"] != other.kernel[...]).any()


@pytest.mark.parametrize(
    ("shape", "masks", "kernel_size", "settings"),
    [
        ((2, 7, 8, 4), 1, 3, {}),
        ((2, 9, 4), 2, (3,), {"stride": 2, "padding": 1}),
        ((1, 4, 5, 4, 4), 1, (2, 3, 1), {"padding": "VALID", "dilation": (2, 1, 1)}),
        ((2, 8, 8, 4), 2, (3, 5), {"mask_groups": (3, 1), "stride": (1, 2), "padding": ((0, 1), (2, 2))}),
        ((2, 8, 8, 4), 4, 3, {"feature_groups": 2, "dilation": 2}),
    ],
)
def test_is_the_function_of_its_parameters(shape, masks, kernel_size, settings):
    x, mask = given(*shape, masks=masks)
    layer = build(4, 6, kernel_size, **settings)
    expected = function(x, mask, layer.kernel[...], layer.bias[...], **settings)
    y, updated = apply(nnx.split(layer), x, mask)
    np.testing.assert_allclose(y, expected[0], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(updated, expected[1])
    assert np.isfinite(y).all()


def test_without_bias():
    x, mask = given(2, 7, 8, 4)
    layer = build(4, 6, use_bias=False)
    assert set(nnx.to_pure_dict(nnx.state(layer))) == {"kernel"}
    y, _ = apply(nnx.split(layer), x, mask)
    np.testing.assert_allclose(y, function(x, mask, layer.kernel[...])[0], rtol=1e-5, atol=1e-5)


def test_computes_in_bf16_with_parameters_and_counts_in_float32():
    x, mask = given(2, 7, 8, 4)
    layer = build(4, 6, dtype=jnp.bfloat16)
    y, updated = apply(nnx.split(layer), x, mask)
    assert (y.dtype, updated.dtype) == (jnp.bfloat16, jnp.float32)
    assert layer.kernel[...].dtype == layer.bias[...].dtype == jnp.float32
    wide, wide_mask = function(x, mask, layer.kernel[...], layer.bias[...])
    np.testing.assert_allclose(y.astype(jnp.float32), wide, atol=2**-6 * np.abs(wide).max())
    np.testing.assert_array_equal(updated, wide_mask)

    graph, state = nnx.split(layer)
    gradient = jax.jit(jax.grad(lambda state: (nnx.merge(graph, state)(x, mask)[0] ** 2).sum()))(state)
    for leaf in jax.tree.leaves(gradient):
        assert leaf.dtype == jnp.float32
        assert np.isfinite(leaf).all() and leaf.any()


def test_the_compute_dtype_is_that_of_the_input_unless_it_is_named():
    x, mask = given(2, 7, 8, 4)
    half = build(4, 6, param_dtype=jnp.float16)
    assert half.kernel[...].dtype == half.bias[...].dtype == jnp.float16
    for layer, dtype, expected in [
        (build(4, 6), jnp.bfloat16, jnp.bfloat16),
        (build(4, 6, dtype=jnp.float32), jnp.bfloat16, jnp.float32),
        (half, jnp.float32, jnp.float32),
    ]:
        y, _ = jax.eval_shape(apply, nnx.split(layer), x.astype(dtype), mask)
        assert y.dtype == expected


def test_arrays_of_numpy_and_lists_are_taken_without_a_warning():
    layer = PartialConv(2, 3, 3, padding=1, rngs=nnx.Rngs(0))
    image, mask = np.ones((1, 4, 4, 2)), np.ones((1, 4, 4, 1))
    expected = layer(jnp.asarray(image, jnp.float32), jnp.asarray(mask))[0]
    for given in (image, image.tolist()):
        np.testing.assert_array_equal(layer(given, jnp.asarray(mask))[0], expected)
    with pytest.raises(InputError, match="x must be floating point"):
        layer(image.astype(int), jnp.asarray(mask))


def test_survives_split_and_merge():
    x, mask = given(2, 7, 8, 5, masks=2)
    layer = build(5, 6, mask_groups=[4, 1], stride=2)
    graph, state = nnx.split(layer)
    doubled = nnx.merge(graph, jax.tree.map(lambda leaf: 2 * leaf, state))
    (y, updated), (twice, _) = apply(nnx.split(layer), x, mask), apply(nnx.split(doubled), x, mask)
    np.testing.assert_allclose(twice, 2 * y, rtol=1e-5)
    assert y.shape == (2, 4, 4, 6)
    assert updated.shape == (2, 4, 4, 1)


def test_lists_of_settings_are_hashed_with_the_graph():
    x, mask = given(2, 7, 8, 4)
    lists = build(4, 6, stride=[2, 1], padding=[[1, 1], (0, 2)], dilation=[1, 2])
    tuples = build(4, 6, stride=(2, 1), padding=((1, 1), (0, 2)), dilation=(1, 2))
    assert hash(nnx.split(lists)[0]) == hash(nnx.split(tuples)[0])
    np.testing.assert_array_equal(apply(nnx.split(lists), x, mask)[0], apply(nnx.split(tuples), x, mask)[0])


def test_a_mistake_is_named():
    x, mask = given(2, 7, 8, 4)
    with pytest.raises(InputError, match=r"\(3, 3, 5, 6\)"):
        build(5, 6)(x, mask)
    with pytest.raises(InputError, match=r"mask_groups=\(2, 1\)"):
        build(4, 6, mask_groups=[2, 1])(x, jnp.ones((2, 7, 8, 2)))
    with pytest.raises(InputError, match="mask_groups=3"):
        build(4, 6, mask_groups=3)(x, mask)
    with pytest.raises(InputError, match=r"0\.5"):
        build(4, 6)(x, mask / 2)


@pytest.mark.parametrize(
    ("args", "settings", "named"),
    [
        ((4, 6, 0), {}, "kernel_size=0 must be"),
        ((4, 6, 3.5), {}, "kernel_size=3.5 must be"),
        ((4, 6, (3, 0)), {}, r"kernel_size=\(3, 0\) must be"),
        ((4, 6, ()), {}, r"kernel_size=\(\) must be"),
        ((4, 6), {"feature_groups": 0}, "multiples of feature_groups=0"),
        ((3, 6), {"feature_groups": 2}, "in_features=3 .* multiples of feature_groups=2"),
        ((4, 5), {"feature_groups": 2}, "out_features=5 must be whole numbers .* multiples of feature_groups=2"),
    ],
)
def test_a_kernel_that_cannot_be_is_named(args, settings, named):
    with pytest.raises(InputError, match=named):
        build(*args, **settings)


def test_numbers_of_numpy_are_whole_numbers():
    assert build(np.int64(4), np.int64(6), np.int64(3)).kernel.shape == (3, 3, 4, 6)
