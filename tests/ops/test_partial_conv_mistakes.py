"""Partial convolution: mistakes in shapes, types, groups, windows and mask values are named."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from convolutions import conv, operations

from pconv_jax.common.errors import InputError
from pconv_jax.ops import check_mask_values, partial_conv


def call(shape=(2, 8, 8, 6), mask=(2, 8, 8, 1), kernel=(3, 3, 6, 4), bias=(4,), dtypes=(), **kwargs):
    x, m, k, b = (
        None if s is None else jnp.ones(s, dtype)
        for s, dtype in zip((shape, mask, kernel, bias), dtypes or ["float32"] * 4, strict=True)
    )
    return partial_conv(x, m, k, b, **kwargs)


MISTAKES = [
    # Shapes: both are named.
    ({"mask": (2, 8, 7, 1)}, ["(2, 8, 8, 6)", "(2, 8, 7, 1)"]),
    ({"mask": (1, 8, 8, 1)}, ["(2, 8, 8, 6)", "(1, 8, 8, 1)"]),
    ({"mask": (2, 8, 8)}, ["(2, 8, 8, 6)", "(2, 8, 8)"]),
    ({"mask": (2, 1, 8, 8, 1)}, ["(2, 8, 8, 6)", "(2, 1, 8, 8, 1)"]),
    ({"mask": (2, 8, 8, 4)}, ["(2, 8, 8, 6)", "(2, 8, 8, 4)"]),
    ({"mask": (2, 8, 8, 12)}, ["(2, 8, 8, 6)", "(2, 8, 8, 12)"]),
    ({"mask": (2, 8, 8, 0)}, ["(2, 8, 8, 6)", "(2, 8, 8, 0)"]),
    ({"kernel": (3, 3, 5, 4)}, ["(2, 8, 8, 6)", "(3, 3, 5, 4)"]),
    ({"kernel": (3, 6, 4)}, ["(2, 8, 8, 6)", "(3, 6, 4)"]),
    ({"kernel": (3, 3, 3, 6, 4)}, ["(2, 8, 8, 6)", "(3, 3, 3, 6, 4)"]),
    ({"kernel": ()}, ["(2, 8, 8, 6)", "()"]),
    ({"kernel": (4,), "bias": None}, ["(2, 8, 8, 6)", "(4,)"]),
    ({"kernel": (0, 3, 6, 4)}, ["(0, 3, 6, 4)", "window of at least 1"]),
    ({"bias": (5,)}, ["(5,)", "(3, 3, 6, 4)"]),
    ({"bias": (1, 4)}, ["(1, 4)", "(3, 3, 6, 4)"]),
    ({"shape": (8, 6), "mask": (8, 1), "kernel": (6, 4)}, ["(8, 6)"]),
    ({"shape": (1, 2, 2, 2, 2, 6), "mask": (1, 2, 2, 2, 2, 1), "kernel": (1, 1, 1, 1, 6, 4)}, ["(1, 2, 2, 2, 2, 6)"]),
    # Types.
    ({"dtypes": ("int32", "float32", "int32", "int32")}, ["int32"]),
    ({"dtypes": ("float32", "complex64", "float32", "float32")}, ["complex64"]),
    ({"dtypes": ("bfloat16", "float32", "float32", "float32")}, ["bfloat16", "float32"]),
    # Groups.
    ({"mask": (2, 8, 8, 2), "mask_groups": (4, 3)}, ["(4, 3)", "6"]),
    ({"mask": (2, 8, 8, 2), "mask_groups": (4, 1, 1)}, ["(4, 1, 1)", "(2, 8, 8, 2)"]),
    ({"mask": (2, 8, 8, 2), "mask_groups": (6, 0)}, ["(6, 0)"]),
    ({"mask": (2, 8, 8, 2), "mask_groups": (7, -1)}, ["(7, -1)"]),
    ({"mask": (2, 8, 8, 2), "mask_groups": (4.5, 1.5)}, ["(4.5, 1.5)"]),
    ({"feature_groups": 2}, ["(2, 8, 8, 6)", "(3, 3, 6, 4)", "2"]),
    ({"feature_groups": 4, "kernel": (3, 3, 1, 4)}, ["(2, 8, 8, 6)", "4"]),
    ({"feature_groups": 3, "kernel": (3, 3, 2, 4)}, ["(3, 3, 2, 4)", "3"]),
    ({"feature_groups": 0}, ["0"]),
    ({"feature_groups": -1}, ["-1"]),
    ({"feature_groups": 1.0}, ["feature_groups=1.0"]),
    # Windows.
    ({"padding": "REFLECT"}, ["REFLECT"]),
    ({"padding": ((1, 1),)}, ["((1, 1),)"]),
    ({"padding": ((1, 1, 1), (1, 1, 1))}, ["((1, 1, 1), (1, 1, 1))"]),
    ({"padding": (1, 1)}, ["(1, 1)"]),
    ({"padding": -1}, ["-1"]),
    ({"padding": 1.5}, ["1.5"]),
    ({"padding": None}, ["None"]),
    ({"stride": 0}, ["0"]),
    ({"stride": (2,)}, ["(2,)"]),
    ({"stride": (2, -1)}, ["(2, -1)"]),
    ({"stride": 1.5}, ["1.5"]),
    ({"dilation": 0}, ["0"]),
    ({"dilation": (1, 1, 1)}, ["(1, 1, 1)"]),
]


@pytest.mark.parametrize(("kwargs", "named"), MISTAKES, ids=lambda value: str(value)[:70])
def test_a_mistake_is_named(kwargs, named):
    with pytest.raises(InputError) as caught:
        call(**kwargs)
    message = str(caught.value)
    assert all(name in message for name in named), message


def test_a_bias_may_be_a_list():
    x, mask, kernel = jnp.ones((1, 4, 4, 1)), jnp.ones((1, 4, 4, 1)), jnp.ones((3, 3, 1, 2))
    expected, _ = conv(x, mask, kernel, jnp.asarray([1.0, 2.0]))
    np.testing.assert_allclose(partial_conv(x, mask, kernel, [1.0, 2.0])[0], expected, rtol=1e-6)  # type: ignore[arg-type]


def test_shapes_are_checked_under_jit_too():
    x, mask, kernel = jnp.ones((2, 8, 8, 6)), jnp.ones((2, 8, 7, 1)), jnp.ones((3, 3, 6, 4))
    with pytest.raises(InputError, match=r"\(2, 8, 7, 1\)"):
        jax.jit(partial_conv)(x, mask, kernel)


@pytest.mark.parametrize(
    ("value", "dtype", "named"),
    [
        (0.5, "float32", "0.5"),
        (255, "uint8", "255"),
        (-1, "int32", "-1"),
        (np.nan, "float32", "nan"),
        (np.inf, "bfloat16", "inf"),
    ],
)
def test_mask_values_are_checked_outside_of_jit_and_cost_nothing_inside(value, dtype, named):
    x, kernel = jnp.ones((1, 4, 4, 1)), jnp.ones((3, 3, 1, 1))
    values = np.ones((1, 4, 4, 1))
    values[0, 2, 3] = value
    mask = jnp.asarray(values.astype(dtype))
    with pytest.raises(InputError, match=named):
        partial_conv(x, mask, kernel)
    with pytest.raises(InputError, match=named):
        check_mask_values(mask)
    with pytest.raises(InputError, match=named):
        check_mask_values(np.asarray(mask))
    with pytest.raises(InputError, match=named):
        jax.grad(lambda x: partial_conv(x, mask, kernel)[0].sum())(x)  # the mask is no tracer here
    conv(x, mask, kernel)  # no values at trace time, hence no check ...
    names = {name for name, _ in operations(partial_conv, x, mask, kernel)}
    assert not any("callback" in name or "debug" in name for name in names)  # ... and none at run time


def test_masks_of_0_and_1_pass():
    for dtype in ("bool", "uint8", "float32"):
        check_mask_values(jnp.array([0, 1], dtype))
    check_mask_values(np.zeros((0, 4, 4, 1)))
