"""The fill-correcting generator: a network that corrects a cheap fill of the holes.

Images `[N, H, W, 3]` in [0, 1], masks `[N, H, W, 1]` with 1 = valid, 0 = hole; any height and width.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterable

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from pconv_jax.common.errors import InputError
from pconv_jax.models.fill import halve, pyramid_fill
from pconv_jax.models.inputs import CHANNELS, check_inputs, pad_to_multiple
from pconv_jax.models.interface import WholeImages
from pconv_jax.models.limits import check_limits
from pconv_jax.ops import check_mask_values

_SLOPE = 0.1  # of the LeakyReLU
_CENTRE = 0.5  # grey is 0 to the network
# The first steps hardly change the fill: each block starts close to the identity, and the correction close to 0.
_BLOCK_GAIN, _HEAD_GAIN = 0.1, 0.02


@dataclasses.dataclass(frozen=True)
class FillCorrectingConfig(WholeImages):
    """Architecture of a `FillCorrectingGenerator`.

    Attributes:
        widths: channels at each resolution: at half the image's, a quarter, and so on.
        blocks: residual blocks at each resolution, in the encoder and again in the decoder; the coarsest, where the
            two meet, has them once.
    """

    widths: tuple[int, ...] = (16, 48, 96)
    blocks: tuple[int, ...] = (1, 1, 1)

    def __post_init__(self) -> None:
        check_limits(self)
        if not self.widths or min(self.widths) < 1:
            raise InputError(f"widths={self.widths} must hold at least one resolution, each with at least one channel")
        if len(self.blocks) != len(self.widths) or min(self.blocks) < 0:
            raise InputError(f"blocks={self.blocks} must be as many as widths={self.widths}, none of them negative")

    @property
    def multiple(self) -> int:
        """Heights and widths are padded to a multiple of this, px."""
        return 2 ** len(self.widths)

    @property
    def window_multiple(self) -> int:
        """Windows of a larger image must begin and end at multiples of this, px: at a pixel of every resolution."""
        return self.multiple

    def build(
        self, *, dtype: DTypeLike = jnp.float32, axis_name: str | None = None, rngs: nnx.Rngs
    ) -> "FillCorrectingGenerator":
        """Builds the network; see `FillCorrectingGenerator`."""
        return FillCorrectingGenerator(self, dtype=dtype, axis_name=axis_name, rngs=rngs)

    def widest_line(self) -> None:
        """None: no hole is too wide, for the fill leaves no pixel empty."""

    def describe(self) -> str:
        """The kind of network, for the log."""
        return "correction of a cheap fill"

    def context(self, level: int) -> int:
        """Context that the decoder needs around the output at a resolution, px; level 0 is half of the image's."""
        reach = 0
        for finer in range(level + 1):
            pixel = 2 ** (finer + 1)
            convolutions = 2 * self.blocks[finer] + (finer == 0)  # the head is one more
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
        return y if inside is None else jnp.where(inside != 0, y, 0)


class _Block(nnx.Module):
    """Residual block without norm: what it computes at a place depends on what is near it, and on nothing else."""

    def __init__(self, features: int, *, dtype: DTypeLike, rngs: nnx.Rngs):
        self.first = _Conv(features, features, 3, dtype=dtype, rngs=rngs)
        self.second = _Conv(features, features, 3, gain=_BLOCK_GAIN, dtype=dtype, rngs=rngs)

    def __call__(self, x: jax.Array, inside: jax.Array | None) -> jax.Array:
        return x + self.second(nnx.leaky_relu(self.first(x, inside), _SLOPE), inside)


class FillCorrectingGenerator(nnx.Module):
    """A U-shaped residual network over a fill by normalised convolutions.

    `models.fill.pyramid_fill` closes holes of any width with partial convolutions of fixed weights; the network gets
    the filled image and the mask and adds a correction. It starts where biharmonic inpainting ends, and leaves nothing
    empty. The highest resolution is half that of the image: two by two pixels are channels there, which loses nothing
    and costs a quarter. There is no norm, so that an image gives the same result whole or in parts.
    """

    def __init__(
        self,
        config: FillCorrectingConfig,
        *,
        dtype: DTypeLike = jnp.float32,
        axis_name: str | None = None,
        rngs: nnx.Rngs,
    ):
        """Creates the parameters.

        Args:
            config: its architecture.
            dtype: compute dtype of the features; the fill and the parameters are float32.
            axis_name: not used: there are no batch statistics to average.
            rngs: source of the random parameters.
        """

        def conv(in_features: int, out_features: int, size: int, *, stride: int = 1, gain: float = 1.0) -> _Conv:
            return _Conv(in_features, out_features, size, stride=stride, gain=gain, dtype=dtype, rngs=rngs)

        def blocks(features: int, count: int) -> nnx.List[_Block]:
            return nnx.List([_Block(features, dtype=dtype, rngs=rngs) for _ in range(count)])

        widths, counts = config.widths, config.blocks
        steps = list(itertools.pairwise(widths))
        self.stem = conv(4 * (CHANNELS + 1), widths[0], 3)
        self.encoder = nnx.List([blocks(width, count) for width, count in zip(widths, counts, strict=True)])
        self.down = nnx.List([conv(fine, coarse, 2, stride=2) for fine, coarse in steps])
        self.up = nnx.List([conv(coarse, 4 * fine, 1, gain=0.5) for fine, coarse in steps])
        self.decoder = nnx.List([blocks(width, count) for width, count in zip(widths[:-1], counts, strict=False)])
        self.head = conv(widths[0], 4 * CHANNELS, 3, gain=_HEAD_GAIN)
        self.config = config
        self.dtype = dtype

    def __call__(
        self,
        image: jax.Array,
        mask: jax.Array,
        *,
        inside: jax.Array | None = None,
        coarse: jax.Array | None = None,
        margin: int = 0,
    ) -> tuple[jax.Array, jax.Array]:
        """Fills the holes.

        Args:
            image: `[N, H, W, 3]` in [0, 1]; what lies in holes does not matter.
            mask: `[N, H, W, 1]`, 1 = valid, 0 = hole.
            inside: `[N, H, W, 1]` of 0 and 1, where the image is; everywhere if not given. The output inside does not
                depend on how much lies around it.
            coarse: the fill at a coarser resolution, where this is a part of a larger image; see `pyramid_fill`.
            margin: m, what is only seen as context on all four sides, px: the decoder leaves out most of it. The output
                is that for the whole, without its margin.

        Returns:
            The raw output `[N, H - 2 m, W - 2 m, 3]`, float32 and not clipped, valid pixels included, and the
            updated mask `[N, H - 2 m, W - 2 m, 1]`, which is all 1.

        Raises:
            InputError: the image is not `[N, H, W, 3]`, the mask does not fit it or holds other values, or with a
                margin a size or the margin is no multiple of `FillCorrectingConfig.multiple`, or nothing is left.
        """
        check_inputs(image, mask)
        check_mask_values(mask)
        height, width = image.shape[1:3]
        sizes = (height, width, margin)
        if margin and (any(size % self.config.multiple for size in sizes) or 2 * margin >= min(height, width)):
            raise InputError(
                f"margin={margin} of {width}x{height} px: with a margin all of them must be multiples of "
                f"{self.config.multiple}, and something must be left between the margins"
            )
        if inside is None and (height % self.config.multiple or width % self.config.multiple):
            inside = jnp.ones_like(mask)
        image, mask = (pad_to_multiple(x, self.config.multiple) for x in (image, mask))
        if inside is not None:
            inside = pad_to_multiple(inside, self.config.multiple)

        fill = pyramid_fill(image.astype(jnp.float32), mask, inside=inside, coarse=coarse)
        x = jnp.concatenate([fill - _CENTRE, 1 - mask], axis=-1)
        if inside is not None:
            x = jnp.where(inside != 0, x, 0)
        within = self._at_each_resolution(inside)
        correction = self._correct(_space_to_depth(x).astype(self.dtype), within, margin)
        output = _crop(fill, margin) + _depth_to_space(correction.astype(jnp.float32))
        return output[:, :height, :width], jnp.ones_like(_crop(mask, margin)[:, :height, :width])

    def window(
        self, image: jax.Array, mask: jax.Array, *, inside: jax.Array, coarse: jax.Array, margin: int
    ) -> jax.Array:
        """As `AnyGenerator.window`; what lies beyond the image changes nothing."""
        return self(image, mask, inside=inside, coarse=coarse, margin=margin)[0]

    def _correct(self, x: jax.Array, within: list[jax.Array | None], margin: int) -> jax.Array:
        x, skips = self.stem(x, within[0]), []
        for level, blocks in enumerate(self.encoder):
            x = _apply(blocks, x, within[level])
            if level < len(self.down):
                skips.append(x)
                x = self.down[level](x, within[level + 1])
        around = margin  # remaining context, px
        for level in reversed(range(len(self.up))):
            pixel = 2 ** (level + 1)
            left = min(around, self.config.context(level))
            x = _crop(_depth_to_space(self.up[level](x, within[level + 1])), (around - left) // pixel)
            x = x + _crop(skips[level], (margin - left) // pixel)
            around = left
            inside = within[level]
            if inside is not None:  # what is inside at the coarser resolution reaches a pixel further
                inside = within[level] = _crop(inside, (margin - left) // pixel)
                x = jnp.where(inside != 0, x, 0)
            x = _apply(self.decoder[level], x, inside)
        return _crop(self.head(nnx.leaky_relu(x, _SLOPE), within[0]), around // 2)

    def _at_each_resolution(self, inside: jax.Array | None) -> list[jax.Array | None]:
        within: list[jax.Array | None] = []
        for _ in self.config.widths:
            inside = None if inside is None else halve(inside) > 0
            within.append(inside)
            inside = None if inside is None else inside.astype(jnp.float32)
        return within


def _apply(layers: Iterable[Callable[..., jax.Array]], x: jax.Array, inside: jax.Array | None) -> jax.Array:
    for layer in layers:
        x = layer(x, inside)
    return x


def _crop(x: jax.Array, margin: int) -> jax.Array:
    return x[:, margin : x.shape[1] - margin, margin : x.shape[2] - margin]


def _space_to_depth(x: jax.Array) -> jax.Array:
    """Two by two pixels as channels: `[N, H, W, C]` to `[N, H / 2, W / 2, 4 C]`."""
    count, height, width, channels = x.shape
    x = x.reshape(count, height // 2, 2, width // 2, 2, channels).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(count, height // 2, width // 2, 4 * channels)


def _depth_to_space(x: jax.Array) -> jax.Array:
    """Channels as two by two pixels: `[N, H, W, 4 C]` to `[N, 2 H, 2 W, C]`."""
    count, height, width, channels = x.shape
    x = x.reshape(count, height, width, 2, 2, channels // 4).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(count, 2 * height, 2 * width, channels // 4)
