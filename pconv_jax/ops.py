"""The partial convolution as one pure function over `jax.lax`.

Layout: channels last, `[N, *spatial, C]` (one, two or three spatial dimensions); kernels `[*window, C / groups, O]`.
Masks: **1 = valid, 0 = hole**, everywhere.
"""

import math
from collections.abc import Sequence
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pconv_jax.common.errors import InputError
from pconv_jax.common.whole_numbers import is_whole, whole_numbers

Padding = str | int | Sequence[tuple[int, int]]
T = TypeVar("T")


def partial_conv(
    x: jax.Array,
    mask: jax.Array,
    kernel: jax.Array,
    bias: jax.Array | None = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: Padding = "SAME",
    dilation: int | Sequence[int] = 1,
    feature_groups: int = 1,
    mask_groups: Sequence[int] | None = None,
) -> tuple[jax.Array, jax.Array]:
    """Convolves the valid entries only, rescales by how many there are, and updates the mask.

    For a window with n entries (window size times channels; zero padding counts as hole), s of them valid:

        y  = conv(where(mask, x, 0), kernel) * n / s + bias    where s > 0, else 0
        M' = 1                                                 where s > 0, else 0

    s is the paper's mask path, a convolution of the mask with a frozen kernel of ones:

        s  = lax.conv_general_dilated(mask, jnp.ones_like(kernel), ...)    no gradient flows to the mask or the ones

    with stride, padding, dilation and groups of the features. A kernel of ones only adds up its window, and a sum over
    a window is one along each dimension in turn. It is computed as such (`lax.reduce_window`), in float32 whatever the
    dtype of x: the same whole numbers, far sooner on a CPU. A test compares it with the convolution as written here.

    The values in a hole (NaN and infinity too) change no bit of the result or of its gradients, and no gradient flows
    to the mask.

    Args:
        x: features `[N, *spatial, C]`, floating point, one to three spatial dimensions.
        mask: `[N, *spatial, G]`, values 0 or 1, bool, integer or floating point. G is 1 (one mask for all channels), C
            (a mask for each), or the number of contiguous channel groups with a mask each. Values are checked outside
            of jit only, where they are known.
        kernel: `[*window, C / feature_groups, O]`, of the dtype of x.
        bias: `[O]` or None.
        stride: window stride, for all spatial dimensions or for each.
        padding: "SAME", "VALID", one number for every side, or a pair (low, high) for each spatial dimension.
        dilation: kernel dilation, for all spatial dimensions or for each.
        feature_groups: number of groups that C and O are divided into, as in `lax.conv_general_dilated`.
        mask_groups: channels of each of the G mask groups, in order, with sum C, for a skip concatenation of parts
            with different widths. By default the G groups are of equal size.

    Returns:
        y `[N, *spatial', O]` of the dtype of x, and the updated mask `[N, *spatial', 1]` of the dtype of the mask. With
        several masks *and* several feature groups, the updated mask has one channel for each feature group instead.

    Raises:
        InputError: shapes, dtypes or groups that do not fit together, or a mask with a value other than 0 and 1.

    References:
        Liu et al., Image Inpainting for Irregular Holes Using Partial Convolutions, ECCV 2018, equations 1 and 2.
    """
    x, mask, kernel = jnp.asarray(x), jnp.asarray(mask), jnp.asarray(kernel)
    bias = None if bias is None else jnp.asarray(bias)
    dims = x.ndim - 2
    _check(x, mask, kernel, bias, feature_groups)
    feature_groups = int(feature_groups)
    strides, dilations = _each(stride, dims, "stride"), _each(dilation, dims, "dilation")
    window, outputs = kernel.shape[:-2], kernel.shape[-1]
    pads = _checked_padding(padding, dims)
    wide = x.dtype if x.dtype.itemsize >= 4 else jnp.dtype(jnp.float32)  # `promote_types` may be strict
    spatial = "DHW"[-dims:]

    valid = mask if mask.dtype == bool else mask != 0  # a comparison: no gradient flows to the mask
    groups = _mask_group_sizes(x, mask, mask_groups)
    per_channel = valid if len(groups) in (1, x.shape[-1]) else _by_channel(valid, groups)
    features = lax.conv_general_dilated(
        jnp.where(per_channel, x, jnp.zeros((), x.dtype)),
        kernel,
        strides,
        pads,
        rhs_dilation=dilations,
        dimension_numbers=(f"N{spatial}C", f"{spatial}IO", f"N{spatial}C"),
        feature_group_count=feature_groups,
    ).astype(wide)
    count = _count_valid(valid, groups, feature_groups, window, strides, pads, dilations)
    seen = count > 0
    # s is a whole number, so the maximum touches empty windows only: no epsilon, which is 0 in float16 (0 * inf = NaN).
    ratio = math.prod(window) * kernel.shape[-2] / jnp.maximum(count, 1.0).astype(wide)
    y = features * _per_output(ratio, outputs)
    if bias is not None:
        y = y + bias.astype(wide).reshape((1,) * (dims + 1) + bias.shape)
    # The selection comes last: an empty window hides the bias and stops any gradient that comes back to it.
    y = jnp.where(_per_output(seen, outputs), y, 0.0)
    return y.astype(x.dtype), seen.astype(mask.dtype)


def check_mask_values(mask: jax.Array | np.ndarray) -> None:
    """Refuses a mask with a value other than 0 and 1; a mask that is being traced has no values yet and passes.

    Args:
        mask: array of any shape, 1 = valid, 0 = hole.

    Raises:
        InputError: naming the first offending value.
    """
    if isinstance(mask, jax.core.Tracer):
        return
    values = np.asarray(mask)
    wrong = values[(values != 0) & (values != 1)]
    if wrong.size:
        raise InputError(
            f"a mask holds 1 (valid) and 0 (hole) only, but this one of shape {values.shape} holds {wrong[0]}: "
            "binarise it first; a file with white holes becomes a mask by `file < 128`"
        )


def _check(x: jax.Array, mask: jax.Array, kernel: jax.Array, bias: jax.Array | None, feature_groups: int) -> None:
    shapes = f"x has shape {x.shape} and the mask {mask.shape}"
    if x.ndim not in (3, 4, 5):
        raise InputError(f"x must be [N, *spatial, C] with 1 to 3 spatial dimensions, but {shapes}")
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise InputError(f"x must be floating point, but its dtype is {x.dtype}: convert it, {shapes}")
    _check_mask(x, mask, shapes)
    channels = x.shape[-1]
    if not (
        kernel.ndim == x.ndim
        and min(kernel.shape[:-2]) > 0
        and is_whole(feature_groups, least=1)
        and kernel.shape[-2] * int(feature_groups) == channels
        and kernel.shape[-1] % int(feature_groups) == 0
    ):
        raise InputError(
            f"a kernel must be [*window, {channels} / feature_groups, O] with a window of at least 1 and O divisible "
            f"by feature_groups, but it is {kernel.shape} with feature_groups={feature_groups} for x of shape {x.shape}"
        )
    outputs = kernel.shape[-1]
    if kernel.dtype != x.dtype:
        raise InputError(f"x is {x.dtype} but the kernel is {kernel.dtype}: cast one to the dtype of the other")
    if bias is not None and bias.shape != (outputs,):
        raise InputError(f"a bias must have shape ({outputs},) for a kernel of {kernel.shape}, not {bias.shape}")


def _check_mask(x: jax.Array, mask: jax.Array, shapes: str) -> None:
    if mask.ndim != x.ndim or mask.shape[:-1] != x.shape[:-1]:
        raise InputError(f"a mask must match x in all but the last dimension, but {shapes}")
    if mask.dtype != bool and not jnp.issubdtype(mask.dtype, jnp.number):
        raise InputError(f"a mask must be bool, integer or floating point, but its dtype is {mask.dtype}; {shapes}")
    if jnp.issubdtype(mask.dtype, jnp.complexfloating):
        raise InputError(f"a mask must be real, but its dtype is {mask.dtype}; {shapes}")
    check_mask_values(mask)


def _mask_group_sizes(x: jax.Array, mask: jax.Array, sizes: Sequence[int] | None) -> tuple[int, ...]:
    channels, masks = x.shape[-1], mask.shape[-1]
    if sizes is None:
        if masks == 0 or channels % masks:
            raise InputError(
                f"the {masks} channels of a mask of shape {mask.shape} do not divide the {channels} channels of x "
                f"{x.shape} equally: name the size of each group with mask_groups"
            )
        return (channels // masks,) * masks
    if not whole_numbers(sizes, length=masks, least=1) or sum(map(int, sizes)) != channels:
        raise InputError(
            f"mask_groups={sizes} must name {masks} positive sizes, one a channel of the mask {mask.shape}, "
            f"with sum {channels}, the channels of x {x.shape}"
        )
    return tuple(map(int, sizes))


def _each(value: int | Sequence[int], dims: int, name: str) -> tuple[int, ...]:
    values = (value,) * dims if isinstance(value, int | np.integer) else value
    if not whole_numbers(values, length=dims, least=1):
        raise InputError(
            f"{name}={value!r} must be a whole number of at least 1, or {dims} of them for {dims} spatial dimensions"
        )
    return tuple(int(each) for each in values)


def _checked_padding(padding: Padding, dims: int) -> str | list[tuple[int, int]]:
    if isinstance(padding, str):
        if padding.upper() not in ("SAME", "VALID"):
            raise InputError(f'padding={padding!r} must be "SAME", "VALID", a number or pairs of numbers')
        return padding.upper()  # not in numbers, which nobody knows where sizes are symbols of `jax.export`
    pairs: object = [(padding, padding)] * dims if isinstance(padding, int | np.integer) else padding
    if not (
        isinstance(pairs, Sequence)
        and len(pairs) == dims
        and all(whole_numbers(pair, length=2, least=0) for pair in pairs)
    ):
        raise InputError(
            f'padding={padding!r} must be "SAME", "VALID", one number of zeros, or a pair of them for each of the '
            f"{dims} spatial dimensions"
        )
    return [(int(low), int(high)) for low, high in pairs]


def _by_channel(mask: jax.Array, sizes: tuple[int, ...]) -> jax.Array:
    """Mask of each channel `[..., C]` from those of the groups: selections fuse, a gather does not."""
    group = np.repeat(np.arange(len(sizes)), sizes).reshape((1,) * (mask.ndim - 1) + (-1,))
    wide = mask[..., :1]
    for index in range(1, len(sizes)):
        wide = jnp.where(group >= index, mask[..., index : index + 1], wide)
    return wide


def _count_valid(
    valid: jax.Array,
    groups: tuple[int, ...],
    feature_groups: int,
    window: Sequence[int],
    strides: Sequence[int],
    pads: str | Sequence[tuple[int, int]],
    dilations: Sequence[int],
) -> jax.Array:
    """Number of valid entries of each window, float32 `[N, *spatial', 1 or feature_groups]`.

    The convolution of the mask with a frozen kernel of ones, as a `reduce_window` along each dimension in turn. Only
    the distinct masks are summed, each weighted by the number of channels it stands for.
    """
    channels = sum(groups)
    owner = np.repeat(np.arange(len(groups)), groups).reshape(feature_groups, channels // feature_groups)
    weights = np.stack([np.bincount(part, minlength=len(groups)) for part in owner], axis=-1).astype(np.float32)
    if len(groups) == 1:
        weights = weights[:, :1]  # one mask for all: every feature group counts the same
    counted = jnp.dot(valid.astype(jnp.float32), weights, precision=lax.Precision.HIGHEST)
    for axis, (size, stride, dilation) in enumerate(zip(window, strides, dilations, strict=True), 1):

        def only(value: T, other: T, axis: int = axis) -> list[T]:
            return [value if each == axis else other for each in range(valid.ndim)]

        counted = lax.reduce_window(
            counted,
            0.0,
            lax.add,
            only(size, 1),
            only(stride, 1),
            pads if isinstance(pads, str) else only(pads[axis - 1], (0, 0)),
            window_dilation=only(dilation, 1),
        )
    return counted


def _per_output(values: jax.Array, outputs: int) -> jax.Array:
    """Repeats the value of each feature group over its output channels; a single value broadcasts."""
    return values if values.shape[-1] == 1 else jnp.repeat(values, outputs // values.shape[-1], axis=-1)
