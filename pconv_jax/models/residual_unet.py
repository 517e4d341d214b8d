"""A residual U-Net without batch statistics: what it computes at a place depends on what is near it alone.

Features `[N, H, W, C]`. Images enter at half their resolution, two by two pixels as channels, which loses nothing and
costs a quarter.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterable

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from pconv_jax.common.errors import InputError
from pconv_jax.models.fill import halve
from pconv_jax.models.inputs import pad_to_multiple
from pconv_jax.models.limits import check_limits

SLOPE = 0.1  # of the LeakyReLU
_BLOCK_GAIN = 0.1  # each block starts close to the identity
LEAST_MEAN_SQUARE = 1e-3


@dataclasses.dataclass(frozen=True)
class ResidualUNetConfig:
    """Architecture of a `ResidualUNet`.

    Attributes:
        widths: channels at each resolution: at half the image's, a quarter, and so on.
        blocks: residual blocks at each resolution, in the encoder and again in the decoder; the coarsest, where the
            two meet, has them once.
    """

    widths: tuple[int, ...]
    blocks: tuple[int, ...]

    def __post_init__(self) -> None:
        check_limits(self)
        if not self.widths or min(self.widths) < 1:
            raise InputError(f"widths={self.widths} must hold at least one resolution, each with at least one channel")
        if len(self.blocks) != len(self.widths) or min(self.blocks) < 0:
            raise InputError(f"blocks={self.blocks} must be as many as widths={self.widths}, none of them negative")

    @property
    def multiple(self) -> int:
        """Heights and widths are padded to a multiple of this, px; windows begin and end at multiples of it."""
        return 2 ** len(self.widths)

    def check_margin(self, height: int, width: int, margin: int) -> None:
        """Refuses an image that cannot be cut to its core.

        Args:
            height: H of the image, px.
            width: W of the image, px.
            margin: what is only seen as context on all four sides, px; with 0, every size will do.

        Raises:
            InputError: a side or the margin is not a multiple of `multiple`, or nothing is left.
        """
        sizes = (height, width, margin)
        if margin and (any(size % self.multiple for size in sizes) or 2 * margin >= min(height, width)):
            raise InputError(
                f"margin={margin} of {width}x{height} px: with a margin all of them must be multiples of "
                f"{self.multiple}, and something must be left between the margins"
            )

    def padded_inside(self, image: jax.Array, inside: jax.Array | None) -> jax.Array | None:
        """Where an image is after its sides are padded to multiples of `multiple`.

        Args:
            image: `[N, H, W, C]`.
            inside: `[N, H, W, 1]` of 0 and 1, where the image is; None: everywhere.

        Returns:
            `[N, H', W', 1]` of 0 and 1; None: everywhere, as nothing is padded.
        """
        if inside is None and any(size % self.multiple for size in image.shape[1:3]):
            inside = jnp.ones((*image.shape[:3], 1), jnp.float32)
        return None if inside is None else pad_to_multiple(inside, self.multiple)


def decoder_context(blocks: tuple[int, ...], level: int) -> int:
    """Context that the decoder needs around the output at a resolution, px; level 0 is half of the image's.

    Args:
        blocks: residual blocks at each resolution.
        level: which resolution; below 0, where there is no decoder, none is needed.

    Returns:
        The context on each side.
    """
    reach = 0
    for finer in range(level + 1):
        pixel = 2 ** (finer + 1)
        convolutions = 2 * blocks[finer] + (finer == 0)  # the head is one more
        reach = pixel * (-(-reach // pixel) + convolutions)
    return reach


class _Conv(nnx.Module):
    """A convolution with a bias; zeros around the image."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        size: int,
        *,
        stride: int = 1,
        gain: float = 1.0,
        dtype: DTypeLike,
        rngs: nnx.Rngs,
    ):
        self.conv = nnx.Conv(
            in_features,
            out_features,
            (size, size),
            strides=stride,
            padding="SAME",
            dtype=dtype,
            kernel_init=jax.nn.initializers.variance_scaling(2 * gain**2, "fan_in", "normal"),
            rngs=rngs,
        )

    def __call__(self, x: jax.Array, inside: jax.Array | None) -> jax.Array:
        y = self.conv(x)
        # Zero outside of the image, as around it: so that the output does not depend on how far it was padded.
        return y if inside is None else jnp.where(inside, y, 0)


class _Block(nnx.Module):
    """Residual block; what it adds may be computed from features that are normalised at each pixel."""

    def __init__(self, features: int, *, normalised: bool, dtype: DTypeLike, rngs: nnx.Rngs):
        gain = 1.0 if normalised else _BLOCK_GAIN
        self.first = _Conv(features, features, 3, dtype=dtype, rngs=rngs)
        self.second = _Conv(features, features, 3, gain=gain, dtype=dtype, rngs=rngs)
        self.normalised = normalised

    def __call__(self, x: jax.Array, inside: jax.Array | None) -> jax.Array:
        seen = _normalised(x) if self.normalised else x
        return x + self.second(nnx.leaky_relu(self.first(seen, inside), SLOPE), inside)


class ResidualUNet(nnx.Module):
    """The body of a network: encoder, decoder with skip connections by addition, head."""

    def __init__(
        self,
        config: ResidualUNetConfig,
        *,
        in_channels: int,
        out_channels: int,
        head_gain: float,
        normalised: bool = False,
        dtype: DTypeLike,
        rngs: nnx.Rngs,
    ):
        """Creates the parameters.

        Args:
            config: its architecture.
            in_channels: channels of what it is shown, at the image's resolution.
            out_channels: channels of what it returns, at the image's resolution.
            head_gain: of the last convolution's initial parameters; small, and the output starts close to 0.
            normalised: blocks see features divided by their root mean square over the channels of each pixel (Karras et
                al., Progressive growing of GANs, ICLR 2018), which trains sooner.
            dtype: compute dtype of the features; parameters are float32.
            rngs: source of the random parameters.
        """

        def conv(in_features: int, out_features: int, size: int, *, stride: int = 1, gain: float = 1.0) -> _Conv:
            return _Conv(in_features, out_features, size, stride=stride, gain=gain, dtype=dtype, rngs=rngs)

        def stage(features: int, count: int) -> nnx.List[_Block]:
            return nnx.List([_Block(features, normalised=normalised, dtype=dtype, rngs=rngs) for _ in range(count)])

        widths, blocks = config.widths, config.blocks
        steps = list(itertools.pairwise(widths))
        self.stem = conv(4 * in_channels, widths[0], 3)
        self.encoder = nnx.List([stage(width, count) for width, count in zip(widths, blocks, strict=True)])
        self.down = nnx.List([conv(fine, coarse, 2, stride=2) for fine, coarse in steps])
        self.up = nnx.List([conv(coarse, 4 * fine, 1, gain=0.5) for fine, coarse in steps])
        self.decoder = nnx.List([stage(width, count) for width, count in zip(widths[:-1], blocks, strict=False)])
        self.head = conv(widths[0], 4 * out_channels, 3, gain=head_gain)
        self.config = config
        self.dtype = dtype

    def run(self, x: jax.Array, inside: jax.Array | None, margin: int) -> jax.Array:
        """Passes an image through the network.

        Args:
            x: `[N, H, W, in_channels]`, sides multiples of 2 to the number of resolutions; 0 outside of the image.
            inside: `[N, H, W, 1]`, 1 where the image is; None: everywhere.
            margin: m, what is only seen as context on all four sides, px.

        Returns:
            `[N, H - 2 m, W - 2 m, out_channels]`, float32.
        """
        within = self._at_each_resolution(inside)
        return depth_to_space(self._decode(space_to_depth(x).astype(self.dtype), within, margin).astype(jnp.float32))

    def _decode(self, x: jax.Array, within: list[jax.Array | None], margin: int) -> jax.Array:
        x, skips = self.stem(x, within[0]), []
        for level, blocks in enumerate(self.encoder):
            x = _apply(blocks, x, within[level])
            if level < len(self.down):
                skips.append(x)
                x = self.down[level](x, within[level + 1])
        around = margin  # remaining context, px
        for level in reversed(range(len(self.up))):
            pixel = 2 ** (level + 1)
            left = min(around, decoder_context(self.config.blocks, level))
            x = crop_margin(depth_to_space(self.up[level](x, within[level + 1])), (around - left) // pixel)
            x = x + crop_margin(skips[level], (margin - left) // pixel)
            around = left
            inside = within[level]
            if inside is not None:  # what is inside at the coarser resolution reaches a pixel further
                inside = within[level] = crop_margin(inside, (margin - left) // pixel)
                x = jnp.where(inside, x, 0)
            x = _apply(self.decoder[level], x, inside)
        return crop_margin(self.head(nnx.leaky_relu(x, SLOPE), within[0]), around // 2)

    def _at_each_resolution(self, inside: jax.Array | None) -> list[jax.Array | None]:
        within: list[jax.Array | None] = []
        for _ in self.encoder:
            inside = None if inside is None else halve(inside) > 0
            within.append(inside)
            inside = None if inside is None else inside.astype(jnp.float32)
        return within


def _apply(layers: Iterable[Callable[..., jax.Array]], x: jax.Array, inside: jax.Array | None) -> jax.Array:
    for layer in layers:
        x = layer(x, inside)
    return x


def _normalised(x: jax.Array) -> jax.Array:
    mean_square = jnp.mean(jnp.square(x.astype(jnp.float32)), axis=-1, keepdims=True)
    return x * jax.lax.rsqrt(mean_square + LEAST_MEAN_SQUARE).astype(x.dtype)


def crop_margin(x: jax.Array, margin: int) -> jax.Array:
    """`[N, H, W, C]` without a margin on all four sides."""
    return x[:, margin : x.shape[1] - margin, margin : x.shape[2] - margin]


def space_to_depth(x: jax.Array) -> jax.Array:
    """Two by two pixels as channels: `[N, H, W, C]` to `[N, H / 2, W / 2, 4 C]`."""
    count, height, width, channels = x.shape
    # One split at a time: JAX refuses more of arrays whose sharding is explicit.
    x = x.reshape(count, height // 2, 2, width, channels).reshape(count, height // 2, 2, width // 2, 2, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(count, height // 2, width // 2, 4 * channels)


def depth_to_space(x: jax.Array) -> jax.Array:
    """Channels as two by two pixels: `[N, H, W, 4 C]` to `[N, 2 H, 2 W, C]`."""
    count, height, width, channels = x.shape
    x = x.reshape(count, height, width, 2, 2, channels // 4).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(count, 2 * height, width, 2, channels // 4).reshape(count, 2 * height, 2 * width, channels // 4)
