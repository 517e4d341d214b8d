"""Partial convolution as defined: the reference layer, loops in NumPy, plain convolutions, a frozen kernel of ones."""

import functools
import math
import pathlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from convolutions import CASES, Result, assert_close, conv, example, with_gradients
from jax import lax

from pconv_jax.ops import partial_conv

GOLDEN = np.load(pathlib.Path(__file__).parents[1] / "golden" / "partial_conv_reference.npz")
NHWC = ("NHWC", "HWIO", "NHWC")


def test_there_are_ten_reference_cases():
    assert {name.split("/")[0] for name in GOLDEN.files} == {f"case{i:02d}" for i in range(10)}


@pytest.mark.parametrize("case", [f"case{i:02d}" for i in range(10)])
def test_is_the_reference_layer(case):
    arrays = {name.split("/")[1]: GOLDEN[name] for name in GOLDEN.files if name.startswith(case)}
    settings = {name: int(arrays[name]) for name in ("stride", "padding", "dilation")}
    given = [arrays.get(name) for name in ("x", "mask", "kernel", "bias", "cotangent")]
    expected = Result(*(arrays.get(name) for name in ("out", "updated_mask", "grad_x", "grad_kernel", "grad_bias")))
    assert_close(with_gradients(*given, **settings), expected, 1e-5)


def low_padding(padding, size, window, stride, dilation):
    """Zeros before the first entry, and the number of windows, of one spatial dimension."""
    span = (window - 1) * dilation + 1
    if padding == "SAME":
        count = math.ceil(size / stride)
        return max((count - 1) * stride + span - size, 0) // 2, count
    low, high = (0, 0) if padding == "VALID" else padding
    return low, (low + size + high - span) // stride + 1


def by_loops(x, mask, kernel, bias, cotangent, *, stride, padding, dilation, feature_groups, mask_groups):
    """The definition, one window and one entry after the other, in float64; gradients by the chain rule."""
    x, kernel, cotangent = (np.asarray(a, np.float64) for a in (x, kernel, cotangent))
    (batch, *shape, channels), (*window, group_width, outputs) = x.shape, kernel.shape
    dims = len(shape)
    stride, dilation = (np.broadcast_to(value, dims) for value in (stride, dilation))
    each = padding if isinstance(padding, tuple) else (padding,) * dims
    each = [(p, p) if isinstance(p, int) else p for p in each]
    low, counts = zip(*map(low_padding, each, shape, window, stride, dilation), strict=True)
    sizes = mask_groups or [channels // mask.shape[-1]] * mask.shape[-1]
    mask = np.concatenate([mask[..., [i]].astype(bool) for i, size in enumerate(sizes) for _ in range(size)], axis=-1)

    y, seen = np.zeros((batch, *counts, outputs)), np.zeros((batch, *counts, feature_groups))
    grad_x, grad_kernel, grad_bias = np.zeros_like(x), np.zeros_like(kernel), np.zeros(outputs)
    for at in np.ndindex(batch, *counts):
        for out in range(outputs):
            group = out // (outputs // feature_groups)
            valid = []  # (entry of x, entry of the kernel)
            for tap in np.ndindex(*window, group_width):
                where = [a * s - p + t * d for a, s, p, t, d in zip(at[1:], stride, low, tap, dilation)]  # noqa: B905
                where = (at[0], *where, group * group_width + tap[-1])
                inside = all(0 <= w < size for w, size in zip(where[1:-1], shape, strict=True))
                if inside and mask[where]:
                    valid.append((where, (*tap, out)))
            if not valid:
                continue
            ratio = kernel[..., 0].size / len(valid)
            seen[(*at, group)] = 1
            y[(*at, out)] = ratio * sum(x[a] * kernel[b] for a, b in valid)
            grad_bias[out] += cotangent[(*at, out)]
            for a, b in valid:
                grad_x[a] += ratio * cotangent[(*at, out)] * kernel[b]
                grad_kernel[b] += ratio * cotangent[(*at, out)] * x[a]
            if bias is not None:
                y[(*at, out)] += bias[out]
    if len(sizes) == 1 or feature_groups == 1:
        seen = seen[..., :1]
    return Result(y, seen, grad_x, grad_kernel, None if bias is None else grad_bias)


@pytest.mark.parametrize("case", CASES)
def test_is_the_definition_in_loops(case):
    shape, masks, window, outputs, kwargs = CASES[case]
    bias = list(CASES).index(case) % 3 > 0  # two of three
    given = example(shape, masks, window, outputs, feature_groups=kwargs["feature_groups"], bias=bias)
    y = jax.eval_shape(functools.partial(partial_conv, **kwargs), *given)[0]
    cotangent = np.random.default_rng(9).normal(size=y.shape).astype(np.float32)
    expected = by_loops(*given, cotangent, **kwargs)
    assert 0 < expected.updated.mean() < 1  # the case has empty windows and others
    assert_close(with_gradients(*given, cotangent, **kwargs), expected, 1e-5)


def test_is_the_definition_to_the_precision_of_float64():
    shape, masks, window, outputs, kwargs = CASES["2d uneven groups, VALID, dilation"]
    x, mask, kernel, bias = (np.asarray(a, np.float64) for a in example(shape, masks, window, outputs))
    with jax.enable_x64(True):
        y = jax.eval_shape(functools.partial(partial_conv, **kwargs), x, mask, kernel, bias)[0]
        cotangent = np.random.default_rng(9).normal(size=y.shape)
        found = with_gradients(x, mask, kernel, bias, cotangent, **kwargs)
    assert {a.dtype for a in found} == {np.dtype("float64")}
    assert_close(found, by_loops(x, mask, kernel, bias, cotangent, **kwargs), 1e-12)


@functools.partial(jax.jit, static_argnums=(2, 3, 4))
def plain_conv(x, kernel, stride, padding, dilation):
    return lax.conv_general_dilated(
        x, kernel, (stride,) * 2, [(padding,) * 2] * 2, rhs_dilation=(dilation,) * 2, dimension_numbers=NHWC
    )


@pytest.mark.parametrize(("stride", "dilation", "masks"), [(1, 1, 1), (2, 1, 3), (1, 2, 3)])
def test_an_all_ones_mask_is_the_plain_convolution_where_the_window_lies_inside(stride, dilation, masks):
    x, _, kernel, _ = example((13, 12, 3), 1, (3, 3), 4)
    mask = np.ones((2, 13, 12, masks), np.float32)
    plain = plain_conv(x, kernel, stride, 2, dilation)
    y, updated = conv(x, mask, kernel, stride=stride, padding=2, dilation=dilation)
    # Two padded pixels: windows with stride 1 lie inside from index 2 on, with stride 2 from index 1 on.
    inside = np.s_[:, 2 // stride : -(2 // stride), 2 // stride : -(2 // stride)]
    np.testing.assert_allclose(y[inside], plain[inside], rtol=1e-6, atol=1e-6)
    assert np.abs(y - plain).max() > 0.1  # at the border, where the missing entries are made up for
    assert updated.min() == 1


@functools.partial(jax.jit, static_argnums=(3, 4))
def with_a_kernel_of_ones(x, mask, kernel, padding, settings):
    """The paper's mask path as written: the mask of each channel is convolved with a frozen kernel of ones."""
    convolve = functools.partial(
        lax.conv_general_dilated,
        window_strides=(settings.stride,) * 2,
        padding=padding,
        rhs_dilation=(settings.dilation,) * 2,
        dimension_numbers=NHWC,
        feature_group_count=settings.feature_groups,
        precision=lax.Precision.HIGHEST,
    )
    valid = jnp.repeat(mask, np.array(settings.sizes), axis=-1, total_repeat_length=x.shape[-1])
    ones = lax.stop_gradient(jnp.ones_like(kernel))
    count = convolve(valid, ones)
    ratio = jnp.where(count > 0, ones[..., 0].size / jnp.maximum(count, 1), 0)
    return convolve(x * valid, kernel) * ratio, count > 0


class Window(NamedTuple):
    """Settings of a convolution with a kernel of ones; `sizes` are the channels of each mask."""

    sizes: tuple[int, ...]
    stride: int = 1
    dilation: int = 1
    feature_groups: int = 1


@pytest.mark.parametrize(
    ("padding", "window"),
    [
        ("SAME", Window((6,), stride=2)),
        ("VALID", Window((1, 3, 2), dilation=2)),
        (((1, 1), (1, 1)), Window((1,) * 6)),
        ("SAME", Window((6,), feature_groups=2)),
        (((2, 0), (1, 3)), Window((2, 4), stride=3)),
        ("SAME", Window((3, 3), dilation=3)),
        ("SAME", Window((2, 2, 2), stride=2, feature_groups=3)),
        ("VALID", Window((1,) * 6, feature_groups=6)),
    ],
)
def test_the_window_sum_is_the_convolution_with_a_frozen_kernel_of_ones(padding, window):
    sizes, stride, dilation, feature_groups = window
    x, mask, kernel, _ = example((8, 9, 6), len(sizes), (3, 3), 12, feature_groups=feature_groups, bias=False)
    mask[0] = 0
    expected, seen = with_a_kernel_of_ones(x, mask, kernel, padding, window)
    y, updated = conv(
        x,
        mask,
        kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        feature_groups=feature_groups,
        mask_groups=sizes,
    )
    assert 0 < updated.mean() < 1
    np.testing.assert_array_equal(np.repeat(updated, 12 // updated.shape[-1], axis=-1), seen)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
