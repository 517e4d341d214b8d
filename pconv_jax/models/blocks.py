"""Convolutions with batch norm, partial or plain, that encoders and decoders are made of.

Features `[N, H, W, C]`, masks `[N, H, W, 1]` with 1 = valid, 0 = hole.
"""

from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from pconv_jax.layers import PartialConv

Convolution = Literal["partial", "plain"]
NormTraining = Literal["trained", "fixed_statistics", "frozen"]
"""What training does to a batch norm: all of it is trained; its running statistics stay and are used; or all of it
stays."""


class PlainConv(nnx.Module):
    """An ordinary convolution in the place of a partial one: zeros around the image, all of its output valid."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        kernel_size: int,
        *,
        stride: int = 1,
        use_bias: bool = True,
        dtype: DTypeLike,
        rngs: nnx.Rngs,
    ):
        self.conv = nnx.Conv(
            in_features,
            out_features,
            (kernel_size,) * 2,
            strides=stride,
            padding=kernel_size // 2,
            use_bias=use_bias,
            dtype=dtype,
            kernel_init=jax.nn.initializers.he_normal(),  # as PartialConv
            rngs=rngs,
        )

    def __call__(self, x: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Features, and a mask of ones."""
        y = self.conv(x)
        return y, jnp.ones((*y.shape[:-1], 1), mask.dtype)


def convolution(
    in_features: int,
    out_features: int,
    kernel_size: int,
    *,
    kind: Convolution,
    stride: int = 1,
    mask_groups: tuple[int, ...] | None = None,
    use_bias: bool = True,
    dtype: DTypeLike,
    rngs: nnx.Rngs,
) -> PartialConv | PlainConv:
    """A partial convolution, or a plain one, which has one mask for all channels."""
    if kind == "plain":
        return PlainConv(
            in_features, out_features, kernel_size, stride=stride, use_bias=use_bias, dtype=dtype, rngs=rngs
        )
    return PartialConv(
        in_features,
        out_features,
        kernel_size,
        stride=stride,
        padding=kernel_size // 2,
        mask_groups=mask_groups,
        use_bias=use_bias,
        dtype=dtype,
        rngs=rngs,
    )


class ConvNorm(nnx.Module):
    """Convolution, batch norm, and max(x, slope * x): ReLU for slope 0, LeakyReLU else; norm and slope may be None."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        kernel_size: int,
        *,
        kind: Convolution = "partial",
        momentum: float,
        slope: float | None,
        stride: int = 1,
        mask_groups: tuple[int, ...] | None = None,
        norm: NormTraining | None = "trained",
        dtype: DTypeLike,
        axis_name: str | None,
        rngs: nnx.Rngs,
    ):
        self.conv = convolution(
            in_features,
            out_features,
            kernel_size,
            kind=kind,
            stride=stride,
            mask_groups=mask_groups,
            use_bias=norm is None,
            dtype=dtype,
            rngs=rngs,
        )
        self.norm = (
            None
            if norm is None
            else nnx.BatchNorm(out_features, momentum=momentum, dtype=dtype, axis_name=axis_name, rngs=rngs)
        )
        self.norm_training = norm
        self.slope = slope

    def __call__(self, x: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Features and the updated mask."""
        x, mask = self.conv(x, mask)
        if self.norm is not None:
            x = self._normalise(self.norm, x)
        if self.slope is not None:
            x = nnx.leaky_relu(x, self.slope) if self.slope else nnx.relu(x)
        return x, mask

    def _normalise(self, norm: nnx.BatchNorm, x: jax.Array) -> jax.Array:
        if self.norm_training == "trained":
            return norm(x)
        if self.norm_training == "frozen":
            graph, state = nnx.split(norm)
            norm = nnx.merge(graph, jax.lax.stop_gradient(state))
        return norm(x, use_running_average=True)


def upsample(x: jax.Array) -> jax.Array:
    """Nearest-neighbour upsampling by two: `[N, H, W, C]` to `[N, 2H, 2W, C]`."""
    return jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)
