"""The context encoder of Pathak et al. as released for inpainting, and its discriminator: plain convolutions, one size.

Images `[N, S, S, 3]` in [0, 1], masks `[N, S, S, 1]` with 1 = valid, 0 = hole. Inside, images are in [-1, 1].
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterable
from typing import Literal, get_args

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from pconv_jax.common.errors import InputError
from pconv_jax.models.inputs import CHANNELS, check_inputs
from pconv_jax.ops import check_mask_values

Region = Literal["centre", "random"]
_HOLE_COLOUR = (117 / 255, 104 / 255, 123 / 255)
_SLOPE = 0.2
_SMALLEST = 4  # the last features before the bottleneck, and the first after it, are 4x4
_MOMENTUM = 0.9  # of the running batch statistics


@dataclasses.dataclass(frozen=True)
class ContextEncoderConfig:
    """Shape of a `ContextEncoder`.

    Attributes:
        region: "centre" predicts the middle half of the image each way, "random" all of it.
        image_size: S, side of the square images, px: 8 or more, a power of two; 128 in the release.
        width: channels of the first convolution.
        bottleneck: channels of the 1x1 features in the middle. Their batch norm has one value an image, so training
            needs a large batch (64 in the release).
    """

    region: Region = "centre"
    image_size: int = 128
    width: int = 64
    bottleneck: int = 4000

    def __post_init__(self) -> None:
        if self.region not in get_args(Region):
            raise InputError(f"region={self.region!r} must be one of {', '.join(get_args(Region))}")
        _check_shape(self.image_size, self.width, least=4 * _SMALLEST if self.region == "centre" else 2 * _SMALLEST)
        if self.bottleneck < 1:
            raise InputError(f"bottleneck={self.bottleneck} must be at least 1")

    @property
    def predicted_size(self) -> int:
        """Side of the region that is predicted, px."""
        return self.image_size // 2 if self.region == "centre" else self.image_size

    def predicted(self, x: jax.Array) -> jax.Array:
        """The region of an image or a mask `[N, S, S, C]` that is predicted: what losses and discriminator see."""
        edge = (self.image_size - self.predicted_size) // 2
        return x[:, edge : edge + self.predicted_size, edge : edge + self.predicted_size]

    def discriminator(self) -> "ContextDiscriminatorConfig":
        """Shape of the discriminator that belongs to this network."""
        return ContextDiscriminatorConfig(self.predicted_size, self.width)

    def build(
        self, *, dtype: DTypeLike = jnp.float32, axis_name: str | None = None, rngs: nnx.Rngs
    ) -> "ContextEncoder":
        """The network; see `ContextEncoder` for the arguments."""
        return ContextEncoder(self, dtype=dtype, axis_name=axis_name, rngs=rngs)

    def widest_line(self) -> None:
        """None: the network puts something everywhere in the region it predicts."""


@dataclasses.dataclass(frozen=True)
class ContextDiscriminatorConfig:
    """Shape of a `ContextDiscriminator`.

    Attributes:
        image_size: side of the square images it judges, px: 8 or more, a power of two; 64 for the centre, 128 for
            random regions in the release.
        width: channels of the first convolution.
    """

    image_size: int = 64
    width: int = 64

    def __post_init__(self) -> None:
        _check_shape(self.image_size, self.width, least=2 * _SMALLEST)

    def build(
        self, *, dtype: DTypeLike = jnp.float32, axis_name: str | None = None, rngs: nnx.Rngs
    ) -> "ContextDiscriminator":
        """The network; see `ContextDiscriminator` for the arguments."""
        return ContextDiscriminator(self, dtype=dtype, axis_name=axis_name, rngs=rngs)


class ContextEncoder(nnx.Module):
    """Encoder to one vector an image, decoder to the missing region; no skips.

    Encoder: 4x4 convolutions of stride 2 with batch norm (not after the first) and LeakyReLU down to 4x4, then one
    without padding to 1x1. Decoder: the same in reverse with transposed convolutions and ReLU, at the end tanh. It has
    no channel-wise layer: that belongs to the network for feature learning (`models.channelwise`).

    References:
        Pathak et al., Context Encoders: Feature Learning by Inpainting, CVPR 2016, figure 9; train.lua and
        train_random.lua of the authors' release.
    """

    def __init__(
        self,
        config: ContextEncoderConfig,
        *,
        dtype: DTypeLike = jnp.float32,
        axis_name: str | None = None,
        rngs: nnx.Rngs,
    ):
        """Creates the parameters: kernels N(0, 0.02), scales of the batch norms N(1, 0.02), no biases of convolutions.

        Args:
            config: shape of the network.
            dtype: compute dtype; parameters stay float32.
            axis_name: mapped axis over which training averages the batch statistics; None for one device.
            rngs: source of the random parameters.
        """
        down, up = _widths(config.image_size, config.width), _widths(config.predicted_size, config.width)[::-1]
        self.encoder = _convs((CHANNELS, *down), halve=True, dtype=dtype, rngs=rngs)
        self.encoder_norms = _norms(down[1:], dtype=dtype, axis_name=axis_name, rngs=rngs)
        self.to_bottleneck = _conv(down[-1], config.bottleneck, stride=1, dtype=dtype, rngs=rngs)
        self.bottleneck_norm = _norm(config.bottleneck, dtype=dtype, axis_name=axis_name, rngs=rngs)
        self.from_bottleneck = _conv(config.bottleneck, up[0], stride=1, transposed=True, dtype=dtype, rngs=rngs)
        self.decoder_norms = _norms(up, dtype=dtype, axis_name=axis_name, rngs=rngs)
        self.decoder = _convs((*up, CHANNELS), halve=False, dtype=dtype, rngs=rngs)
        self.config = config
        self.dtype = dtype

    def predict(self, image: jax.Array, mask: jax.Array) -> jax.Array:
        """The predicted region alone, `[N, P, P, 3]`, float32 in [0, 1]; arguments and errors as for a call."""
        check_inputs(image, mask)
        size = self.config.image_size
        if image.shape[1:3] != (size, size):
            raise InputError(
                f"this context encoder takes images of {size}x{size} px only, not {image.shape[1]}x{image.shape[2]}: "
                "crop or resize them, as pconv_jax.models.fixed_size does"
            )
        check_mask_values(mask)
        colour = jnp.asarray(_HOLE_COLOUR, image.dtype).reshape(1, 1, 1, CHANNELS)
        x = (2 * jnp.where(mask != 0, image, colour) - 1).astype(self.dtype)
        x = nnx.leaky_relu(self.encoder[0](x), _SLOPE)
        for conv, norm in zip(self.encoder[1:], self.encoder_norms, strict=True):
            x = nnx.leaky_relu(norm(conv(x)), _SLOPE)
        x = nnx.leaky_relu(self.bottleneck_norm(self.to_bottleneck(x)), _SLOPE)
        x = self.from_bottleneck(x)
        for norm, conv in zip(self.decoder_norms, self.decoder, strict=True):
            x = conv(nnx.relu(norm(x)))
        return (nnx.tanh(x.astype(jnp.float32)) + 1) / 2

    def __call__(self, image: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Fills the holes of the region that is predicted.

        Args:
            image: `[N, S, S, 3]` in [0, 1]; what lies in holes does not matter.
            mask: `[N, S, S, 1]`, 1 = valid, 0 = hole.

        Returns:
            The raw output `[N, S, S, 3]`, float32 in [0, 1], and the mask that is left `[N, S, S, 1]`. Outside of the
            centre, where that is what is predicted, the output is the image, and holes stay holes with output 0.

        Raises:
            InputError: an image of another size than S, or a mask that does not fit it or holds other values.
        """
        prediction = self.predict(image, mask)
        edge = (self.config.image_size - self.config.predicted_size) // 2
        inner = slice(edge, edge + self.config.predicted_size)
        output = jnp.where(mask != 0, image.astype(jnp.float32), 0.0).at[:, inner, inner].set(prediction)
        return output, mask.at[:, inner, inner].set(1)


class ContextDiscriminator(nnx.Module):
    """Judges the predicted region: 4x4 convolutions of stride 2 down to 4x4, and one without padding to a logit.

    References:
        Pathak et al., Context Encoders: Feature Learning by Inpainting, CVPR 2016, figure 9 (after DCGAN).
    """

    def __init__(
        self,
        config: ContextDiscriminatorConfig,
        *,
        dtype: DTypeLike = jnp.float32,
        axis_name: str | None = None,
        rngs: nnx.Rngs,
    ):
        """Creates the parameters, as those of `ContextEncoder`; the arguments too."""
        widths = _widths(config.image_size, config.width)
        self.convs = _convs((CHANNELS, *widths), halve=True, dtype=dtype, rngs=rngs)
        self.norms = _norms(widths[1:], dtype=dtype, axis_name=axis_name, rngs=rngs)
        self.to_logit = _conv(widths[-1], 1, stride=1, dtype=dtype, rngs=rngs)
        self.config = config

    def __call__(self, image: jax.Array) -> jax.Array:
        """Logits `[N]`, float32, of images `[N, P, P, 3]` in [0, 1]: positive means "looks real".

        Raises:
            InputError: images of another size than `config.image_size`.
        """
        size = self.config.image_size
        if image.ndim != 4 or image.shape[1:] != (size, size, CHANNELS):
            raise InputError(f"this discriminator judges images [N, {size}, {size}, {CHANNELS}], not {image.shape}")
        x = nnx.leaky_relu(self.convs[0](2 * image - 1), _SLOPE)
        for conv, norm in zip(self.convs[1:], self.norms, strict=True):
            x = nnx.leaky_relu(norm(conv(x)), _SLOPE)
        return self.to_logit(x).reshape(-1).astype(jnp.float32)


def _check_shape(image_size: int, width: int, *, least: int) -> None:
    if image_size < least or image_size & (image_size - 1):
        raise InputError(f"image_size={image_size} must be a power of two and at least {least}")
    if width < 1:
        raise InputError(f"width={width} must be at least 1")


def _widths(image_size: int, width: int) -> tuple[int, ...]:
    """Channels of the convolutions that halve an image down to 4x4: 64, 128, 256, 512 at 64 px, one 64 more at 128."""
    stages = (image_size // _SMALLEST).bit_length() - 1
    return (width,) * (stages - 4) + tuple(width * 2**stage for stage in range(min(stages, 4)))


def _conv(
    in_features: int, out_features: int, *, stride: int, transposed: bool = False, dtype: DTypeLike, rngs: nnx.Rngs
) -> nnx.Conv | nnx.ConvTranspose:
    """A 4x4 convolution without a bias; of stride 2 it halves or doubles the size, of stride 1 it joins 4x4 and 1x1."""
    kind: Callable[..., nnx.Conv | nnx.ConvTranspose] = nnx.ConvTranspose if transposed else nnx.Conv
    return kind(
        in_features,
        out_features,
        (4, 4),
        strides=stride,
        padding="SAME" if stride == 2 else "VALID",
        use_bias=False,
        dtype=dtype,
        kernel_init=jax.nn.initializers.normal(0.02),
        rngs=rngs,
    )


def _convs(widths: tuple[int, ...], *, halve: bool, dtype: DTypeLike, rngs: nnx.Rngs) -> nnx.List:
    steps = itertools.pairwise(widths)
    return nnx.List([_conv(*step, stride=2, transposed=not halve, dtype=dtype, rngs=rngs) for step in steps])


def _norm(features: int, *, dtype: DTypeLike, axis_name: str | None, rngs: nnx.Rngs) -> nnx.BatchNorm:
    def around_one(key: jax.Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> jax.Array:
        return 1 + 0.02 * jax.random.normal(key, shape, dtype)

    return nnx.BatchNorm(
        features, momentum=_MOMENTUM, scale_init=around_one, dtype=dtype, axis_name=axis_name, rngs=rngs
    )


def _norms(widths: Iterable[int], *, dtype: DTypeLike, axis_name: str | None, rngs: nnx.Rngs) -> nnx.List:
    return nnx.List([_norm(width, dtype=dtype, axis_name=axis_name, rngs=rngs) for width in widths])
