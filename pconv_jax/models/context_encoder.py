"""The context encoder of Pathak et al. as released for inpainting, and its discriminator: plain convolutions, one size.

Images `[N, S, S, 3]` in [0, 1], masks `[N, S, S, 1]` with 1 = valid, 0 = hole. Inside, images are in [-1, 1].
"""

import dataclasses
import functools
from typing import Literal, get_args

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from pconv_jax.common.errors import InputError
from pconv_jax.models.dcgan import conv, convs, fill_and_scale, norm, norms
from pconv_jax.models.discriminator import Discriminator
from pconv_jax.models.fixed_size import check_size, run_resized
from pconv_jax.models.inputs import CHANNELS, check_inputs
from pconv_jax.models.interface import OneSize
from pconv_jax.models.limits import check_limits
from pconv_jax.models.window import inpaint_window
from pconv_jax.ops import check_mask_values

Region = Literal["centre", "random"]
_SLOPE = 0.2
_SMALLEST = 4  # the last features before the bottleneck, and the first after it, are 4x4


@dataclasses.dataclass(frozen=True)
class ContextEncoderConfig(OneSize):
    """Architecture of a `ContextEncoder`; the defaults are the release's.

    Attributes:
        widths: channels of each convolution that halves the resolution, down to 4x4: their number sets S.
        region: "centre" predicts the middle half of the image each way, "random" all of it.
        bottleneck: channels of the 1x1 features in the middle. Their batch norm has one value an image, so training
            needs a large batch (64 in the release).
    """

    widths: tuple[int, ...] = (64, 64, 128, 256, 512)
    region: Region = "centre"
    bottleneck: int = 4000

    def __post_init__(self) -> None:
        check_limits(self)
        _check_widths(self.widths)
        if self.region not in get_args(Region):
            raise InputError(f"region={self.region!r} must be one of {', '.join(get_args(Region))}")
        if self.region == "centre" and len(self.widths) < 2:
            raise InputError(f"widths={self.widths} must hold two or more, or no convolution is left for the centre")
        if self.bottleneck < 1:
            raise InputError(f"bottleneck={self.bottleneck} must be at least 1")

    @property
    def image_size(self) -> int:
        """S, side of the square images, px: the only size it takes."""
        return _image_size(self.widths)

    @property
    def other_size(self) -> str:
        """As `AnyGeneratorConfig.other_size`."""
        return "or one width more or fewer for twice or half that size"

    @property
    def margin(self) -> int:
        """Width of the rim of the image that is not predicted, px."""
        return self.image_size // 4 if self.region == "centre" else 0

    def predicted(self, x: jax.Array) -> jax.Array:
        """The region of an image or a mask `[N, S, S, C]` that is predicted: what losses and discriminator see."""
        return x[:, self.margin : x.shape[1] - self.margin, self.margin : x.shape[2] - self.margin]

    def discriminator(self) -> "ContextDiscriminatorConfig":
        """The discriminator that belongs to this network."""
        return ContextDiscriminatorConfig(self.widths[1:] if self.region == "centre" else self.widths)

    def build(
        self, *, dtype: DTypeLike = jnp.float32, axis_name: str | None = None, rngs: nnx.Rngs
    ) -> "ContextEncoder":
        """Builds the network; see `ContextEncoder`."""
        return ContextEncoder(self, dtype=dtype, axis_name=axis_name, rngs=rngs)

    def describe(self) -> str:
        """The kind of network, for the log."""
        return f"context encoder, {self.region}"


@dataclasses.dataclass(frozen=True)
class ContextDiscriminatorConfig:
    """Architecture of a `ContextDiscriminator`.

    Attributes:
        widths: channels of each convolution that halves the resolution, down to 4x4: 64 px by default, for the centre.
    """

    widths: tuple[int, ...] = (64, 128, 256, 512)

    def __post_init__(self) -> None:
        check_limits(self)
        _check_widths(self.widths)

    @property
    def image_size(self) -> int:
        """Side of the square images it judges, px."""
        return _image_size(self.widths)

    def build(
        self, *, dtype: DTypeLike = jnp.float32, axis_name: str | None = None, rngs: nnx.Rngs
    ) -> "ContextDiscriminator":
        """Builds the network; see `ContextDiscriminator`."""
        return ContextDiscriminator(self, dtype=dtype, axis_name=axis_name, rngs=rngs)


class ContextEncoder(nnx.Module):
    """Encoder to one vector an image, decoder to the missing region; no skips.

    Encoder: 4x4 convolutions of stride 2 with batch norm (not after the first) and LeakyReLU down to 4x4, then one
    without padding to 1x1. Decoder: the same in reverse with transposed convolutions and ReLU, at the end tanh. It has
    no channel-wise layer: that belongs to the network for learning features (`models.pathak_features`).

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
            config: architecture of the network.
            dtype: compute dtype; parameters stay float32.
            axis_name: mapped axis over which training averages the batch statistics; None for one device.
            rngs: source of the random parameters.
        """
        down, up = config.widths, config.discriminator().widths[::-1]
        self.encoder = convs((CHANNELS, *down), halve=True, dtype=dtype, rngs=rngs)
        self.encoder_norms = norms(down[1:], dtype=dtype, axis_name=axis_name, rngs=rngs)
        self.to_bottleneck = conv(down[-1], config.bottleneck, stride=1, dtype=dtype, rngs=rngs)
        self.bottleneck_norm = norm(config.bottleneck, dtype=dtype, axis_name=axis_name, rngs=rngs)
        self.from_bottleneck = conv(config.bottleneck, up[0], stride=1, transposed=True, dtype=dtype, rngs=rngs)
        self.decoder_norms = norms(up, dtype=dtype, axis_name=axis_name, rngs=rngs)
        self.decoder = convs((*up, CHANNELS), halve=False, dtype=dtype, rngs=rngs)
        self.config = config
        self.dtype = dtype

    def predict(self, image: jax.Array, mask: jax.Array) -> jax.Array:
        """The predicted region alone, `[N, P, P, 3]`, float32 in [0, 1]; arguments and errors as for a call."""
        check_inputs(image, mask)
        check_size(image, self.config.image_size)
        check_mask_values(mask)
        x = fill_and_scale(image, mask).astype(self.dtype)
        x = nnx.leaky_relu(self.encoder[0](x), _SLOPE)
        for halve, normalise in zip(self.encoder[1:], self.encoder_norms, strict=True):
            x = nnx.leaky_relu(normalise(halve(x)), _SLOPE)
        x = nnx.leaky_relu(self.bottleneck_norm(self.to_bottleneck(x)), _SLOPE)
        x = self.from_bottleneck(x)
        for normalise, double in zip(self.decoder_norms, self.decoder, strict=True):
            x = double(nnx.relu(normalise(x)))
        return (nnx.tanh(x.astype(jnp.float32)) + 1) / 2

    def __call__(self, image: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Inpaints the holes of the region that is predicted.

        Args:
            image: `[N, S, S, 3]` in [0, 1]; what lies in holes does not matter.
            mask: `[N, S, S, 1]`, 1 = valid, 0 = hole.

        Returns:
            The raw output `[N, S, S, 3]`, float32 in [0, 1], and the updated mask `[N, S, S, 1]`. Outside of the
            centre, where that is what is predicted, the output is the image, and holes stay holes with output 0.

        Raises:
            InputError: an image of another size than S, or a mask that does not fit it or holds other values.
        """
        prediction = self.predict(image, mask)
        if not self.config.margin:  # all of it, as a slice, crashes XLA of JAX 0.11 on several devices
            return prediction, jnp.ones_like(mask)
        inner = slice(self.config.margin, self.config.image_size - self.config.margin)
        output = jnp.where(mask != 0, image.astype(jnp.float32), 0.0).at[:, inner, inner].set(prediction)
        return output, jnp.asarray(mask).at[:, inner, inner].set(1)

    def window(
        self, image: jax.Array, mask: jax.Array, *, inside: jax.Array, coarse: jax.Array, margin: int
    ) -> jax.Array:
        """As `AnyGenerator.window`; the cheap fill takes the place of what stays empty."""
        return inpaint_window(
            functools.partial(run_resized, self, size=self.config.image_size),
            image,
            mask,
            inside=inside,
            coarse=coarse,
            margin=margin,
        )


class ContextDiscriminator(Discriminator):
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
        self.convs = convs((CHANNELS, *config.widths), halve=True, dtype=dtype, rngs=rngs)
        self.norms = norms(config.widths[1:], dtype=dtype, axis_name=axis_name, rngs=rngs)
        self.to_logit = conv(config.widths[-1], 1, stride=1, dtype=dtype, rngs=rngs)
        self.config = config


def _check_widths(widths: tuple[int, ...]) -> None:
    if not widths or min(widths) < 1:
        raise InputError(f"widths={widths} must hold at least one convolution, each with at least one channel")


def _image_size(widths: tuple[int, ...]) -> int:
    return _SMALLEST * 2 ** len(widths)
