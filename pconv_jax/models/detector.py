"""The damage detector: a small U-Net that tells damage from picture, at the photograph's own resolution.

Images `[N, H, W, 3]` in [0, 1], of any height and width.
"""

import dataclasses

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from pconv_jax.common.errors import InputError
from pconv_jax.models.inputs import CHANNELS, pad_to_multiple
from pconv_jax.models.limits import check_limits
from pconv_jax.models.residual_unet import ResidualUNet, check_levels

_CENTRE = 0.5  # grey is 0 to the network
_HEAD_GAIN = 0.1


@dataclasses.dataclass(frozen=True)
class DetectorConfig:
    """Architecture of a `DetectorNetwork`.

    Attributes:
        widths: channels at each resolution: at half the image's, a quarter, and so on.
        blocks: residual blocks at each resolution, in the encoder and again in the decoder; the coarsest, where the
            two meet, has them once.
    """

    widths: tuple[int, ...] = (16, 32, 64, 96, 96)
    blocks: tuple[int, ...] = (1, 1, 1, 1, 1)

    def __post_init__(self) -> None:
        check_limits(self)
        check_levels(self.widths, self.blocks)

    @property
    def multiple(self) -> int:
        """Heights and widths are padded to a multiple of this, px; windows begin and end at multiples of it."""
        return 2 ** len(self.widths)

    def build(
        self, *, dtype: DTypeLike = jnp.float32, axis_name: str | None = None, rngs: nnx.Rngs
    ) -> "DetectorNetwork":
        """Builds the network; see `DetectorNetwork`."""
        return DetectorNetwork(self, dtype=dtype, axis_name=axis_name, rngs=rngs)


class DetectorNetwork(ResidualUNet):
    """A residual U-Net with two outputs for each pixel: whether it is damaged, and how opaque the damage is.

    There are no batch statistics, so that an image gives the same result whole or in parts.
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
            config.widths,
            config.blocks,
            in_channels=CHANNELS,
            out_channels=2,
            head_gain=_HEAD_GAIN,
            normalised=True,
            dtype=dtype,
            rngs=rngs,
        )
        self.config = config

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
            InputError: not `[N, H, W, 3]`, or with a margin a size or the margin is no multiple of
                `DetectorConfig.multiple`, or nothing is left.
        """
        if image.ndim != 4 or image.shape[-1] != CHANNELS:
            raise InputError(f"image has shape {image.shape}, but it must be [N, H, W, {CHANNELS}]")
        height, width = image.shape[1:3]
        unit = self.config.multiple
        if margin and (any(size % unit for size in (height, width, margin)) or 2 * margin >= min(height, width)):
            raise InputError(
                f"margin={margin} of {width}x{height} px: with a margin all of them must be multiples of {unit}, and "
                "something must be left between the margins"
            )
        if inside is None and (height % unit or width % unit):
            inside = jnp.ones((*image.shape[:3], 1), jnp.float32)
        x = pad_to_multiple(image.astype(jnp.float32) - _CENTRE, unit)
        if inside is not None:
            inside = pad_to_multiple(inside, unit)
            x = jnp.where(inside != 0, x, 0)
        return self.run(x, inside, margin)[:, :height, :width]
