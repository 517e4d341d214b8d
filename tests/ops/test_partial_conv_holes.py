"""Partial convolution: what lies in holes changes no bit, and numbers of 16 bits."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from convolutions import CASES, assert_close, bits, conv, example, with_gradients

from pconv_jax.ops import partial_conv

# Holes.

HOLE_CASES = [
    *[("2d uneven groups, VALID, dilation", dtype) for dtype in ("float32", "bfloat16", "float16")],
    *[("2d one mask, even window", dtype) for dtype in ("float32", "bfloat16", "float16")],
    *[(case, "float32") for case in ("1d VALID", "2d a mask each, padding each", "3d one mask, SAME stride")],
]


@pytest.mark.parametrize(("case", "dtype"), HOLE_CASES)
def test_what_lies_in_a_hole_changes_no_bit(case, dtype):
    shape, masks, window, outputs, kwargs = CASES[case]
    x, mask, kernel, bias = example(shape, masks, window, outputs)
    sizes = kwargs["mask_groups"] or [shape[-1] // masks] * masks
    hole = np.repeat(mask, sizes, axis=-1) == 0
    y = jax.eval_shape(functools.partial(partial_conv, **kwargs), x, mask, kernel, bias)[0]
    cotangent = np.random.default_rng(9).normal(size=y.shape)

    def results(content):
        arrays = (jnp.asarray(a, dtype) for a in (np.where(hole, content, x), kernel, bias, cotangent))
        x_, kernel_, bias_, cotangent_ = arrays
        return with_gradients(x_, mask, kernel_, bias_, cotangent_, **kwargs)

    expected = results(0.0)
    assert all(np.isfinite(np.asarray(a, np.float32)).all() for a in expected)
    assert not np.asarray(expected.grad_x)[hole].any()
    for content in (-0.0, 1.0, float(jnp.finfo(dtype).max), np.inf, -np.inf, np.nan):
        assert bits(results(content)) == bits(expected), content


def test_what_comes_back_to_an_empty_window_goes_nowhere():
    # As from sqrt(y), whose slope is infinite at the 0 of an empty window.
    x, mask, kernel, bias = example((9, 3), 1, (3,), 4)
    y, updated = conv(x, mask, kernel, bias)
    cotangent = np.random.default_rng(9).normal(size=y.shape)
    clean, broken = (
        with_gradients(x, mask, kernel, bias, np.where(updated, cotangent, value)) for value in (0.0, np.nan)
    )
    assert bits(broken) == bits(clean)


# Numbers of 16 bits.


@pytest.mark.parametrize(("dtype", "precision"), [(jnp.bfloat16, 2**-8), (jnp.float16, 2**-11)])
@pytest.mark.parametrize(("shape", "masks", "groups"), [((8, 8, 16), 16, None), ((6, 6, 1024), 2, (1023, 1))])
def test_16_bits_with_empty_windows_stay_close_to_float32(dtype, precision, shape, masks, groups):
    x, mask, kernel, bias = example(shape, masks, (3, 3), 4)
    mask[0, :, :, -1] = 0
    kernel = kernel / np.sqrt(kernel[..., 0].size)  # y of order 1
    x, kernel, bias = (jnp.asarray(a, dtype) for a in (x, kernel, bias))
    cotangent = jnp.asarray(np.random.default_rng(9).normal(size=(*mask.shape[:-1], 4)), dtype)
    found = with_gradients(x, mask, kernel, bias, cotangent, mask_groups=groups)
    assert {a.dtype for a in found if a is not found.updated} == {jnp.dtype(dtype)}
    assert found.updated.dtype == jnp.float32
    assert 0 < found.updated.mean() < 1
    wide = [np.asarray(a, np.float32) for a in (x, mask, kernel, bias, cotangent)]
    assert_close(found, with_gradients(*wide, mask_groups=groups), 4 * precision)


@pytest.mark.parametrize("dtype", [jnp.float8_e4m3fn, jnp.float16, jnp.bfloat16, jnp.float32])
def test_strict_promotion_of_dtypes_changes_nothing(dtype):
    """`jax_numpy_dtype_promotion`, a usual setting of code in mixed precision."""
    x, kernel = jnp.full((1, 6, 6, 2), 0.5, dtype), jnp.ones((3, 3, 2, 4), dtype)
    for kind in (dtype, bool, jnp.uint8):
        mask = jnp.ones((1, 6, 6, 1)).at[:, 2].set(0).astype(kind)
        with jax.numpy_dtype_promotion("strict"):
            y, updated = partial_conv(x, mask, kernel, jnp.ones((4,)), padding=1)
        assert y.dtype == dtype and updated.dtype == kind
        # 18 entries of 0.5, rescaled, and 1
        np.testing.assert_array_equal(y.astype(jnp.float32), 10)


@pytest.mark.parametrize("valid", [1, 8192], ids=["one valid entry", "all valid"])
def test_a_window_with_more_entries_than_the_largest_fp16_number(valid):
    channels = 8192  # n = 73728
    x, kernel = np.ones((1, 3, 3, channels), np.float16), np.full((3, 3, channels, 1), 1e-3, np.float16)
    mask = np.zeros((1, 3, 3, channels), np.uint8)
    mask[0, 1, 1, :valid] = 1
    y, _ = conv(x, mask, kernel, padding="VALID")
    np.testing.assert_allclose(y.item(), 73.728, rtol=2e-3)
