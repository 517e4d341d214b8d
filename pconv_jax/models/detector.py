"""The damage detector: a small U-Net that tells damage from picture, at the photograph's own resolution.

Images `[N, H, W, 3]` in [0, 1], of any height and width.
"""

import dataclasses

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from pconv_jax.common.errors import InputError
from pconv_jax.models.inputs import CENTRE, CHANNELS, pad_to_multiple
from pconv_jax.models.residual_unet import ResidualUNet, ResidualUNetConfig, decoder_context

_HEAD_GAIN = 0.1


@dataclasses.dataclass(frozen=True)
class DetectorConfig(ResidualUNetConfig):
    """Architecture of a `DetectorNetwork`.

    Attributes:
        widths: channels at each resolution: at half the image's, a quarter, and so on.
        blocks: residual blocks at each resolution, in the encoder and again in the decoder; the coarsest, where the
            two meet, has them once.
    """

    widths: tuple[int, ...] = (16, 32, 64, 96, 96)
    blocks: tuple[int, ...] = (1, 1, 1, 2, 2)

    @property
    def context(self) -> int:
        """What the decoder sees around the output, px."""
        return decoder_context(self.blocks, len(self.widths) - 2)

    def build(
        self, *, dtype: DTypeLike = jnp.float32, axis_name: str | None = None, rngs: nnx.Rngs
    ) -> "DetectorNetwork":
        """Builds the network; see `DetectorNetwork`."""
        return DetectorNetwork(self, dtype=dtype, axis_name=axis_name, rngs=rngs)


class DetectorNetwork(ResidualUNet):
    """A residual U-Net with two outputs for each pixel: whether it is damaged, and how opaque the damage is.

    There are no batch statistics: a part of an image gives what the whole does, as far as all that the network sees
    around it is in the part.
    """

    def __init__(
        self,
        config: DetectorConfig,
        *,
        dtype: DTypeLike = jnp.float32,
        axis_name: str | None = None,
        rngs: nnx.Rngs,
    ):
        """Creates the parameters.

        Args:
            config: its architecture.
            dtype: compute dtype of the features; the parameters are float32.
            axis_name: not used: there are no batch statistics to average.
            rngs: source of the random parameters.
        """
        super().__init__(
            config,
            in_channels=CHANNELS,
            out_channels=2,
            head_gain=_HEAD_GAIN,
            normalised=True,
            dtype=dtype,
            rngs=rngs,
        )

    def __call__(self, image: jax.Array, *, inside: jax.Array | None = None, margin: int = 0) -> jax.Array:
        """Looks for damage.

        Args:
            image: `[N, H, W, 3]` in [0, 1].
            inside: `[N, H, W, 1]` of 0 and 1, where the image is; everywhere if not given. The output inside does not
                depend on how much lies around it.
            margin: m, what is only seen as context on all four sides, px.

        Returns:
            Logits `[N, H - 2 m, W - 2 m, 2]`, float32: of being damaged, and of the damage's opacity.

        Raises:
            InputError: the image is not `[N, H, W, 3]`, or its size does not go with the margin: see
                `ResidualUNetConfig.check_margin`.
        """
        if image.ndim != 4 or image.shape[-1] != CHANNELS:
            raise InputError(f"image has shape {image.shape}, but it must be [N, H, W, {CHANNELS}]")
        height, width = image.shape[1:3]
        self.config.check_margin(height, width, margin)
        inside = self.config.padded_inside(image, inside)
        x = pad_to_multiple(image.astype(jnp.float32) - CENTRE, self.config.multiple)
        if inside is not None:
            x = jnp.where(inside != 0, x, 0)
        return self.run(x, inside, margin)[:, :height, :width]
