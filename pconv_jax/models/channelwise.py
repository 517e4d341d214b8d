"""The channel-wise fully connected layer of Pathak et al.: every channel has a dense layer of its own."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from pconv_jax.common.errors import InputError

_INIT = jax.nn.initializers.normal(0.005)


class ChannelwiseDense(nnx.Module):
    """Each place of a channel sees every place of that channel, and nothing of the other channels.

    It equals a dense layer over all H * W * C entries whose matrix is block-diagonal, with (H * W)^2 * C weights in
    place of (H * W * C)^2: 331,776 for 6x6x256, where the full one has 84.9 million. There is no bias. A convolution of
    1x1 is not this layer: it mixes channels and no places.

    References:
        Pathak et al., Context Encoders: Feature Learning by Inpainting, CVPR 2016, section 3.1.
    """

    def __init__(self, height: int, width: int, channels: int, *, dtype: DTypeLike | None = None, rngs: nnx.Rngs):
        """Creates the kernel `[C, H * W, H * W]`, N(0, 0.005).

        Args:
            height: H of the features.
            width: W.
            channels: C.
            dtype: compute dtype; by default that of the input.
            rngs: source of the random kernel.
        """
        places = height * width
        self.kernel = nnx.Param(_INIT(rngs.params(), (channels, places, places), jnp.float32))
        self.shape = (height, width, channels)
        self.dtype = dtype

    def __call__(self, x: jax.Array) -> jax.Array:
        """Features `[N, H, W, C]` of the same shape; place i of channel c goes to place j by `kernel[c, i, j]`.

        Raises:
            InputError: features of another size, for which there is no matrix.
        """
        if x.ndim != 4 or x.shape[1:] != self.shape:
            raise InputError(
                f"this channel-wise layer takes features {('N', *self.shape)}, not {x.shape}: its matrices belong to "
                "one size, so crop or resize the image"
            )
        dtype = self.dtype or x.dtype
        flat = x.astype(dtype).reshape(x.shape[0], -1, x.shape[-1])
        return jnp.einsum("nic,cij->njc", flat, self.kernel[...].astype(dtype)).reshape(x.shape)


class ChannelwiseBlock(nnx.Module):
    """`ChannelwiseDense`, an activation, and a convolution of stride 1 that passes on what channels learnt to others.

    References:
        Pathak et al., Context Encoders: Feature Learning by Inpainting, CVPR 2016, section 3.1.
    """

    def __init__(
        self,
        height: int,
        width: int,
        channels: int,
        *,
        out_features: int | None = None,
        kernel_size: int = 1,
        activation: Callable[[jax.Array], jax.Array] = nnx.relu,
        dtype: DTypeLike | None = None,
        rngs: nnx.Rngs,
    ):
        """Creates the parameters; kernels N(0, 0.005).

        Args:
            height: H of the features.
            width: W.
            channels: C.
            out_features: channels that the convolution gives; by default C.
            kernel_size: side of its kernel; the paper names its stride only.
            activation: between the two.
            dtype: compute dtype; by default that of the input.
            rngs: source of the random kernels.
        """
        self.dense = ChannelwiseDense(height, width, channels, dtype=dtype, rngs=rngs)
        self.mix = nnx.Conv(
            channels, out_features or channels, (kernel_size,) * 2, dtype=dtype, kernel_init=_INIT, rngs=rngs
        )
        self.activation = activation

    def __call__(self, x: jax.Array) -> jax.Array:
        """Features `[N, H, W, O]` of features `[N, H, W, C]`."""
        return self.mix(self.activation(self.dense(x)))
