"""Partial convolution: worked by hand, reference layer, loops in NumPy, holes, precision, transformations, mistakes."""

import functools
import math
import pathlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.extend.core import jaxprs_in_params
from jax.sharding import Mesh, PartitionSpec

from pconv_jax.common.errors import InputError
from pconv_jax.ops import check_mask_values, partial_conv

GOLDEN = np.load(pathlib.Path(__file__).parent / "golden" / "partial_conv_reference.npz")
NHWC = ("NHWC", "HWIO", "NHWC")
SETTINGS = ("stride", "padding", "dilation", "feature_groups", "mask_groups")


# Jitted because one function compiles faster than its many operations one by one.
conv = jax.jit(partial_conv, static_argnames=SETTINGS)


# Worked by hand.

# Four positions, two channels. Kernels of ones make a convolution a sum.
X = jnp.array([[[1.0, 2.0], [3.0, 4.0], [100.0, 200.0], [5.0, 6.0]]])
ONES = jnp.ones((3, 2, 1))


def test_two_channels_under_one_mask():
    mask = jnp.array([[[1], [1], [0], [0]]])
    y, updated = conv(X, mask, ONES, jnp.array([0.5]))
    # Sums 1+2+3+4 = 10 of 4 valid entries, the same, 3+4 = 7 of 2, none of 0; a window has 3 * 2 = 6 entries.
    assert y.ravel().tolist() == [10 * 6 / 4 + 0.5, 10 * 6 / 4 + 0.5, 7 * 6 / 2 + 0.5, 0]
    assert updated.ravel().tolist() == [1, 1, 1, 0]


def test_two_channels_with_a_mask_each():
    mask = jnp.array([[[1, 0], [1, 1], [0, 0], [0, 1]]])
    y, updated = conv(X, mask, ONES)
    assert y.ravel().tolist() == [8 * 6 / 3, 8 * 6 / 3, 13 * 6 / 3, 6 * 6 / 1]
    assert updated.shape == (1, 4, 1)
    assert updated.ravel().tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("groups", "expected"),
    [((2, 1), [7 * 3 / 3, 3 * 3 / 2, 4 * 3 / 1, 0]), ((1, 2), [7 * 3 / 3, 1 * 3 / 1, 6 * 3 / 2, 0])],
)
def test_groups_of_different_size(groups, expected):
    mask = jnp.array([[[1, 1], [1, 0], [0, 1], [0, 0]]])
    kernel = jnp.array([1.0, 2.0, 4.0]).reshape(1, 3, 1)
    y, updated = conv(jnp.ones((1, 4, 3)), mask, kernel, mask_groups=groups)
    assert y.ravel().tolist() == expected
    assert updated.ravel().tolist() == [1, 1, 1, 0]


@pytest.mark.parametrize(
    ("padding", "expected"),
    [
        # Windows start at 0 and 2, as "SAME" has it for an even size.
        ("SAME", [[53 * 9 / 8, 45 * 9 / 6], [72 * 9 / 6, 38 * 9 / 3]]),
        (((0, 1), (0, 1)), [[53 * 9 / 8, 45 * 9 / 6], [72 * 9 / 6, 38 * 9 / 3]]),
        # Windows start at -1 and 1.
        (1, [[13 * 9 / 3, 30 * 9 / 6], [57 * 9 / 6, 83 * 9 / 8]]),
        ("VALID", [[53 * 9 / 8]]),
    ],
)
def test_stride_two_and_borders(padding, expected):
    x = jnp.arange(1.0, 17).reshape(1, 4, 4, 1)
    mask = jnp.ones((1, 4, 4, 1)).at[0, 0, 0].set(0).at[0, 3, 3].set(0)
    y, updated = conv(x, mask, jnp.ones((3, 3, 1, 1)), stride=2, padding=padding)
    assert y[0, ..., 0].tolist() == expected
    assert updated.min() == 1


def test_feature_groups_under_a_mask_each():
    x, mask = jnp.array([[[3.0, 5.0]]]), jnp.array([[[1, 0]]])
    kernel, bias = jnp.array([[[2.0, 7.0]]]), jnp.array([0.5, 0.25])
    y, updated = conv(x, mask, kernel, bias, feature_groups=2)
    assert y.tolist() == [[[6.5, 0]]]  # the second output sees only the second channel
    assert updated.tolist() == [[[1, 0]]]
    y, updated = conv(x, mask[..., :1], kernel, bias, feature_groups=2)
    assert y.tolist() == [[[6.5, 35.25]]]
    assert updated.tolist() == [[[1]]]


def test_three_spatial_dimensions():
    x = jnp.arange(1.0, 9).reshape(1, 2, 2, 2, 1)
    mask = jnp.ones_like(x).at[0, 1, 1, 1].set(0)
    y, updated = conv(x, mask, jnp.ones((2, 2, 2, 1, 1)), padding="VALID")
    assert y.ravel().tolist() == [28 * 8 / 7]
    assert updated.shape == (1, 1, 1, 1, 1)


def test_the_second_mask_of_a_shape_is_not_the_first():
    kernel = jnp.ones((1, 1, 1))
    for value in (1, 0, 1):
        y, updated = conv(jnp.ones((1, 1, 1)), jnp.full((1, 1, 1), value), kernel)
        assert (y.item(), updated.item()) == (value, value)


def test_an_8_bit_mask_counts_beyond_255():
    x, kernel = jnp.ones((1, 5, 64)), jnp.ones((5, 64, 1))
    y, _ = conv(x, jnp.ones((1, 5, 64), jnp.uint8).at[0, 0].set(0), kernel, padding="VALID")
    assert y.item() == 320


# Against the reference layer and against loops.


class Result(NamedTuple):
    """What one case gives: outputs, and gradients of sum(y * cotangent)."""

    y: np.ndarray
    updated: np.ndarray
    grad_x: np.ndarray
    grad_kernel: np.ndarray
    grad_bias: np.ndarray | None


@functools.partial(jax.jit, static_argnames=SETTINGS)
def with_gradients(x, mask, kernel, bias, cotangent, **settings):
    y, backward, updated = jax.vjp(
        lambda x, kernel, bias: partial_conv(x, mask, kernel, bias, **settings), x, kernel, bias, has_aux=True
    )
    return Result(y, updated, *backward(cotangent.astype(y.dtype)))


def assert_close(found, expected, tolerance):
    """Within a tolerance that is relative to the largest entry; the updated masks equal."""
    np.testing.assert_array_equal(found.updated, expected.updated)
    for name in ("y", "grad_x", "grad_kernel", "grad_bias"):
        a, b = getattr(found, name), getattr(expected, name)
        if b is None:
            assert a is None
            continue
        assert a.shape == b.shape
        np.testing.assert_allclose(np.asarray(a, np.float64), b, rtol=0, atol=tolerance * np.abs(b).max(), err_msg=name)


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


def example(shape, masks, window, outputs, *, feature_groups=1, bias=True, batch=2, seed=0):
    """x, mask, kernel and bias of order 1. The mask has a hole large enough for empty windows."""
    rng = np.random.default_rng(seed)
    *spatial, channels = shape
    x = rng.normal(size=(batch, *shape)).astype(np.float32)
    mask = (rng.random((batch, *spatial, masks)) < 0.6).astype(np.float32)
    mask[0, : max(spatial[0] - 2, 1)] = 0
    kernel = rng.normal(size=(*window, channels // feature_groups, outputs)).astype(np.float32)
    return x, mask, kernel, rng.normal(size=outputs).astype(np.float32) if bias else None


def settings(stride=1, padding="SAME", dilation=1, feature_groups=1, mask_groups=None):
    return dict(zip(SETTINGS, (stride, padding, dilation, feature_groups, mask_groups), strict=True))


# Shape of one x, number of masks, window, outputs, settings.
CASES = {
    "1d one mask": ((9, 3), 1, (3,), 4, settings()),
    "1d stride, low and high padding": ((10, 2), 1, (4,), 3, settings(stride=3, padding=((0, 2),))),
    "1d dilation, a mask each": ((11, 3), 3, (3,), 2, settings(dilation=(3,), stride=2)),
    "1d uneven groups": ((8, 5), 2, (2,), 2, settings(mask_groups=(4, 1))),
    "1d VALID": ((8, 2), 1, (3,), 2, settings(padding="VALID", stride=(2,))),
    "2d one mask, even window": ((6, 5, 2), 1, (4, 2), 3, settings(stride=2)),
    "2d equal groups, a stride each": ((7, 6, 6), 3, (3, 3), 2, settings(stride=(2, 3), padding=2)),
    "2d uneven groups, VALID, dilation": (
        (8, 7, 5),
        3,
        (3, 2),
        2,
        settings(padding="VALID", dilation=(2, 3), mask_groups=(1, 3, 1)),
    ),
    "2d a mask each, padding each": ((5, 6, 2), 2, (3, 5), 2, settings(padding=((2, 0), (1, 3)))),
    "2d feature groups, one mask": ((6, 5, 4), 1, (3, 3), 6, settings(feature_groups=2, stride=2)),
    "2d feature groups, a mask each": ((6, 5, 4), 4, (3, 3), 6, settings(feature_groups=2)),
    "2d depthwise, equal groups": ((6, 5, 4), 2, (3, 3), 4, settings(feature_groups=4, padding=1)),
    "2d masks astride feature groups": ((6, 5, 6), 2, (3, 3), 3, settings(feature_groups=3, mask_groups=(3, 3))),
    "3d one mask, SAME stride": ((4, 5, 4, 2), 1, (3, 2, 3), 2, settings(stride=(1, 2, 2))),
    "3d uneven groups, dilation": (
        (5, 4, 4, 3),
        2,
        (2, 3, 1),
        2,
        settings(dilation=(2, 1, 3), padding=((1, 1), (0, 1), (2, 0)), mask_groups=(2, 1)),
    ),
    "3d feature groups, a mask each": ((3, 4, 3, 2), 2, (2, 2, 2), 4, settings(feature_groups=2, padding=1)),
}


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
    ],
)
def test_the_window_sum_is_the_convolution_with_a_frozen_kernel_of_ones(padding, window):
    sizes, stride, dilation, feature_groups = window
    x, mask, kernel, _ = example((8, 9, 6), len(sizes), (3, 3), 4, feature_groups=feature_groups, bias=False)
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
    np.testing.assert_array_equal(np.broadcast_to(updated, seen.shape), seen)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)


# Holes.


def bits(result):
    return [None if a is None else np.asarray(a).tobytes() for a in result]


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


@pytest.mark.parametrize("valid", [1, 8192], ids=["one valid entry", "all valid"])
def test_a_window_with_more_entries_than_the_largest_fp16_number(valid):
    channels = 8192  # n = 73728
    x, kernel = np.ones((1, 3, 3, channels), np.float16), np.full((3, 3, channels, 1), 1e-3, np.float16)
    mask = np.zeros((1, 3, 3, channels), np.uint8)
    mask[0, 1, 1, :valid] = 1
    y, _ = conv(x, mask, kernel, padding="VALID")
    np.testing.assert_allclose(y.item(), 73.728, rtol=2e-3)


# Transformations.


@pytest.fixture(scope="module")
def batch():
    """Four examples, one for each of the simulated devices, and the eager result."""
    given = example((9, 8, 4), 2, (3, 3), 5, batch=4)
    return given, partial_conv(*given, stride=2)


def close(found, expected):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), found, expected)


strided = functools.partial(partial_conv, stride=2)


def test_jit_is_eager(batch):
    given, expected = batch
    close(jax.jit(strided)(*given), expected)


def test_vmap_is_eager(batch):
    (x, mask, kernel, bias), expected = batch
    over_examples = jax.jit(jax.vmap(strided, in_axes=(0, 0, None, None)))
    y, updated = over_examples(x[:, None], mask[:, None], kernel, bias)
    close((y[:, 0], updated[:, 0]), expected)
    over_kernels = jax.jit(jax.vmap(strided, in_axes=(None, None, 0, 0)))
    y, updated = over_kernels(x, mask, np.stack([kernel, -kernel]), np.stack([bias, -bias]))
    close((y[0], updated[0]), expected)
    close((-y[1], updated[1]), expected)


def energy(kernel, bias, x, mask):
    return (strided(x, mask, kernel, bias)[0] ** 2).sum()


def test_grad_is_the_same_eager_and_jitted_and_that_of_differences(batch):
    (x, mask, kernel, bias), _ = batch
    value, gradient = jax.value_and_grad(energy, argnums=(0, 1))(kernel, bias, x, mask)
    close(jax.jit(jax.grad(energy, argnums=(0, 1)))(kernel, bias, x, mask), gradient)
    # Quadratic in kernel and bias together, so that the central difference has no error of its own.
    energy_at = [energy(kernel * scale, bias * scale, x, mask) for scale in (1.25, 0.75)]
    slope = sum((g * p).sum() for g, p in zip(gradient, (kernel, bias), strict=True))
    np.testing.assert_allclose((energy_at[0] - energy_at[1]) / 0.5, slope, rtol=1e-4)
    np.testing.assert_allclose(slope, 2 * value, rtol=1e-4)


def test_shard_map_over_four_devices_is_eager(batch):
    (x, mask, kernel, bias), expected = batch
    devices = jax.devices()
    assert len(devices) == 4
    mesh = Mesh(np.array(devices), ("data",))
    split, whole = PartitionSpec("data"), PartitionSpec()

    @jax.jit
    @functools.partial(
        jax.shard_map, mesh=mesh, in_specs=(whole, whole, split, split), out_specs=((split, split), whole)
    )
    def step(kernel, bias, x, mask):
        assert x.shape[0] == 1
        mine = lax.pcast(kernel, "data", to="varying"), lax.pcast(bias, "data", to="varying")
        gradient = jax.grad(energy, argnums=(0, 1))(*mine, x, mask)
        return strided(x, mask, kernel, bias), lax.psum(gradient, "data")

    found, gradient = step(kernel, bias, x, mask)
    assert len(found[0].sharding.device_set) == 4
    close(found, expected)
    close(gradient, jax.grad(energy, argnums=(0, 1))(kernel, bias, x, mask))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "float16", "bfloat16", "float32"])
def test_the_updated_mask_has_the_dtype_of_the_mask_and_it_changes_nothing(batch, dtype):
    (x, mask, kernel, bias), (y, updated) = batch
    found, found_mask = strided(x, jnp.asarray(mask, dtype), kernel, bias)
    assert found_mask.dtype == dtype
    np.testing.assert_array_equal(found, y)
    np.testing.assert_array_equal(found_mask.astype(jnp.float32), updated)


def test_no_gradient_flows_to_the_mask(batch):
    (x, mask, kernel, bias), _ = batch

    def total(mask):
        y, updated = strided(x, mask, kernel, bias)
        return (y**2).sum() + updated.sum()

    assert not jax.grad(total)(jnp.asarray(mask)).any()
    assert jax.jvp(total, (jnp.asarray(mask),), (jnp.ones_like(mask),))[1] == 0


def operations(function, *arguments):
    """(primitive, its first argument) of every operation, those inside of others included."""

    def walk(jaxpr):
        for equation in jaxpr.eqns:
            yield equation.primitive.name, equation.invars[0].aval if equation.invars else None
            for inner in jaxprs_in_params(equation.params):
                yield from walk(inner)

    return list(walk(jax.make_jaxpr(function)(*arguments).jaxpr))


@pytest.mark.parametrize(
    ("masks", "groups", "feature_groups", "distinct"),
    [(1, None, 1, 1), (2, None, 1, 2), (3, (30, 1, 1), 1, 3), (32, None, 1, 32), (1, None, 4, 1), (2, None, 4, 2)],
)
def test_the_mask_path_is_one_separable_sum_over_the_distinct_masks(masks, groups, feature_groups, distinct):
    x, mask, kernel, bias = example((6, 6, 32), masks, (3, 3), 48, feature_groups=feature_groups)
    x, kernel, bias = (jnp.asarray(a, jnp.bfloat16) for a in (x, kernel, bias))
    kwargs = {"mask_groups": groups, "feature_groups": feature_groups}

    def forward(x, kernel, bias):
        return partial_conv(x, mask, kernel, bias, **kwargs)[0]

    def windowed(function):
        found = [o for o in operations(function, x, kernel, bias) if "conv_general" in o[0] or "window" in o[0]]
        features = [given for name, given in found if name == "conv_general_dilated"]
        return features, [given for name, given in found if name != "conv_general_dilated"]

    features, counts = windowed(forward)
    assert len(features) == 1
    assert len(counts) == 2  # along rows, then along columns
    for count in counts:
        assert count.shape[:-1] == mask.shape[:-1]
        assert count.shape[-1] <= max(distinct, feature_groups if distinct > 1 else 1)
        assert count.dtype == jnp.float32
    # Backward: one convolution for x and one for the kernel, and nothing more on the mask path.
    features, counts = windowed(jax.grad(lambda *a: forward(*a).sum(), argnums=(0, 1, 2)))
    assert len(features) == 3
    assert len(counts) == 2


# Mistakes.


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
