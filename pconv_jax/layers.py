"""Flax NNX layers: thin wrappers that hold the parameters of the functions in `ops`.

Layout `[N, *spatial, C]`; masks: 1 = valid, 0 = hole.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import DTypeLike

from pconv_jax.common.errors import InputError
from pconv_jax.common.whole_numbers import whole_numbers
from pconv_jax.ops import Padding, partial_conv


class PartialConv(nnx.Module):
    """A partial convolution (`pconv_jax.ops.partial_conv`) with a kernel and, if asked for, a bias."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        kernel_size: int | Sequence[int] = 3,
        *,
        stride: int | Sequence[int] = 1,
        padding: Padding = "SAME",
        dilation: int | Sequence[int] = 1,
        feature_groups: int = 1,
        mask_groups: Sequence[int] | None = None,
        use_bias: bool = True,
        dtype: DTypeLike | None = None,
        param_dtype: DTypeLike = jnp.float32,
        rngs: nnx.Rngs,
    ):
        """Creates the parameters: He-normal kernel (as in Liu et al.), zero bias.

        Args:
            in_features: C, channels of the input.
            out_features: O, channels of the output.
            kernel_size: window size; one number means a square window of two spatial dimensions.
            stride: as in `partial_conv`.
            padding: as in `partial_conv`.
            dilation: as in `partial_conv`.
            feature_groups: as in `partial_conv`.
            mask_groups: as in `partial_conv`.
            use_bias: whether there is a bias; leave it out where a batch norm follows and would cancel it.
            dtype: compute dtype of features; by default that of the input. Masks are always counted in float32.
            param_dtype: dtype the parameters are kept in.
            rngs: source of the random kernel.

        Raises:
            InputError: a window, or numbers of channels and groups, of which no kernel can be made; the other settings
                are checked when the layer is called.
        """
        window = _window(kernel_size)
        if not whole_numbers((in_features, out_features, feature_groups), least=1) or (
            in_features % feature_groups or out_features % feature_groups
        ):
            raise InputError(
                f"in_features={in_features} and out_features={out_features} must be whole numbers of at least 1, and "
                f"multiples of feature_groups={feature_groups}"
            )
        shape = (*window, in_features // feature_groups, out_features)
        self.kernel = nnx.Param(jax.nn.initializers.he_normal()(rngs.params(), shape, param_dtype))
        self.bias = nnx.Param(jnp.zeros((out_features,), param_dtype)) if use_bias else None
        self.stride = _hashable(stride)
        self.padding = _hashable(padding)
        self.dilation = _hashable(dilation)
        self.feature_groups = feature_groups
        self.mask_groups = _hashable(mask_groups)
        self.dtype = dtype

    def __call__(self, x: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Returns features `[N, *spatial', O]` and the updated mask `[N, *spatial', 1]`; see `partial_conv`."""
        x = jnp.asarray(x)
        dtype = self.dtype or x.dtype
        return partial_conv(
            x.astype(dtype),
            mask,
            self.kernel[...].astype(dtype),
            None if self.bias is None else self.bias[...],
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            feature_groups=self.feature_groups,
            mask_groups=self.mask_groups,
        )


def _window(size: int | Sequence[int]) -> tuple[int, ...]:
    sizes = (size,) * 2 if isinstance(size, int | np.integer) else size
    if not whole_numbers(sizes, least=1) or len(sizes) not in (1, 2, 3):
        raise InputError(
            f"kernel_size={size!r} must be a whole number of at least 1, or one for each of 1 to 3 spatial dimensions"
        )
    return tuple(int(each) for each in sizes)


def _hashable(setting: Any) -> Any:
    """Lists as tuples, at any depth: the graph of a network is hashed where it is compiled for inference."""
    return tuple(_hashable(each) for each in setting) if isinstance(setting, list | tuple) else setting
