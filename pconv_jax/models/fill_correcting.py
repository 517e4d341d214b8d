"""The fill-correcting generator: a network that corrects a cheap fill of the holes.

Images `[N, H, W, 3]` in [0, 1], masks `[N, H, W, 1]` with 1 = valid, 0 = hole; any height and width.
"""

import dataclasses

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from pconv_jax.models.fill import pyramid_fill
from pconv_jax.models.inputs import CENTRE, CHANNELS, check_inputs, pad_to_multiple
from pconv_jax.models.interface import WholeImages
from pconv_jax.models.residual_unet import ResidualUNet, ResidualUNetConfig, crop_margin
from pconv_jax.ops import check_mask_values

_HEAD_GAIN = 0.02  # the first steps hardly change the fill


@dataclasses.dataclass(frozen=True)
class FillCorrectingConfig(ResidualUNetConfig, WholeImages):
    """Architecture of a `FillCorrectingGenerator`.

    Attributes:
        widths: channels at each resolution: at half the image's, a quarter, and so on.
        blocks: residual blocks at each resolution, in the encoder and again in the decoder; the coarsest, where the
            two meet, has them once.
    """

    widths: tuple[int, ...] = (16, 48, 96)
    blocks: tuple[int, ...] = (1, 1, 1)

    @property
    def window_multiple(self) -> int:
        """Windows of a larger image must begin and end at multiples of this, px: at a pixel of every resolution."""
        return self.multiple

    @property
    def exact_windows(self) -> bool:
        """As `AnyGeneratorConfig.exact_windows`: so, as the network is shown where the image ends."""
        return True

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


class FillCorrectingGenerator(ResidualUNet):
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
        super().__init__(
            config,
            in_channels=CHANNELS + 1,
            out_channels=CHANNELS,
            head_gain=_HEAD_GAIN,
            dtype=dtype,
            rngs=rngs,
        )

    def __call__(
        self,
        image: jax.Array,
        mask: jax.Array,
        *,
        inside: jax.Array | None = None,
        coarse: jax.Array | None = None,
        margin: int = 0,
    ) -> tuple[jax.Array, jax.Array]:
        """Inpaints the holes.

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
            InputError: the image is not `[N, H, W, 3]`, the mask does not fit it or holds other values, or the size
                does not go with the margin: see `ResidualUNetConfig.check_margin`.
        """
        check_inputs(image, mask)
        check_mask_values(mask)
        height, width = image.shape[1:3]
        self.config.check_margin(height, width, margin)
        inside = self.config.padded_inside(image, inside)
        image, mask = (pad_to_multiple(x, self.config.multiple) for x in (image, mask))

        fill = pyramid_fill(image.astype(jnp.float32), mask, inside=inside, coarse=coarse)
        # Not `1 - mask`: under jit its values are not checked.
        x = jnp.concatenate([fill - CENTRE, (mask == 0).astype(fill.dtype)], axis=-1)
        if inside is not None:
            x = jnp.where(inside != 0, x, 0)
        output = crop_margin(fill, margin) + self.run(x, inside, margin)
        return output[:, :height, :width], jnp.ones_like(crop_margin(mask, margin)[:, :height, :width])

    def window(
        self, image: jax.Array, mask: jax.Array, *, inside: jax.Array, coarse: jax.Array, margin: int
    ) -> jax.Array:
        """As `AnyGenerator.window`; what lies beyond the image changes nothing."""
        return self(image, mask, inside=inside, coarse=coarse, margin=margin)[0]
