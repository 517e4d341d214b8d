"""The U-shaped network of Liu et al.: one partial convolution of stride 2 a stage, and skips with their masks.

Images `[N, H, W, 3]` in [0, 1], masks `[N, H, W, 1]` with 1 = valid, 0 = hole; any height and width.
"""

import dataclasses
import functools
from types import MappingProxyType
from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import DTypeLike

from pconv_jax.common.errors import InputError
from pconv_jax.models.blocks import ConvNorm, NormTraining, upsample
from pconv_jax.models.inputs import CHANNELS, check_inputs, pad_to_multiple
from pconv_jax.models.interface import WholeImages
from pconv_jax.models.limits import check_limits
from pconv_jax.models.reach import widest_closing
from pconv_jax.models.window import inpaint_window

_KERNELS = (7, 5, 5)  # of the first stages; 3 after them
_MOST_WIDTHS = 8  # times that of the first stage: deeper ones have no more channels


@dataclasses.dataclass(frozen=True)
class LiuConfig(WholeImages):
    """Architecture of a `LiuGenerator`; `LIU_PRESETS` holds the presets.

    Attributes:
        widths: channels of each encoder stage, first to deepest; their number N is how many times the encoder halves
            the resolution. 8 stages are for 512 px (Liu et al.), 7 for 256 and 6 for 128, which leave 2x2 features:
            1x1 features of a small batch make a batch norm degenerate.
        encoder_norm: what training does to the encoder's batch norms. "trained" is the first phase. The second of Liu
            et al. starts from its parameters and normalises with the running statistics, which stay: with
            "fixed_statistics" scale and shift are still trained, with "frozen" they stay too. Public ports differ in
            this. The parameters are the same ones for all three.
        batch_norm_momentum: weight of the past in the running batch statistics.
        negative_slope: slope of the decoder's LeakyReLU for negative values.
    """

    widths: tuple[int, ...] = (64, 128, 256, 512, 512, 512, 512)
    encoder_norm: NormTraining = dataclasses.field(default="trained", metadata={"training": True})
    batch_norm_momentum: float = 0.9
    negative_slope: float = 0.2

    def __post_init__(self) -> None:
        check_limits(self)
        if not self.widths or min(self.widths) < 1:
            raise InputError(f"widths={self.widths} must hold at least one stage, each with at least one channel")
        if self.encoder_norm not in get_args(NormTraining):
            raise InputError(f"encoder_norm={self.encoder_norm!r} must be one of {', '.join(get_args(NormTraining))}")

    @classmethod
    def of_stages(cls, stages: int, *, width: int = 64, encoder_norm: NormTraining = "trained") -> "LiuConfig":
        """The network of N stages: `width` channels in the first, then 2, 4, 8, 8, ... times as many."""
        widths = tuple(width * min(2**stage, _MOST_WIDTHS) for stage in range(stages))
        return cls(widths, encoder_norm=encoder_norm)

    @property
    def kernels(self) -> tuple[int, ...]:
        """Side of the kernel of each encoder stage, px."""
        return (*_KERNELS, *(3,) * len(self.widths))[: len(self.widths)]

    @property
    def multiple(self) -> int:
        """Heights and widths are padded to a multiple of this, px."""
        return 2 ** len(self.widths)

    @property
    def window_multiple(self) -> int:
        """Windows of a larger image may begin anywhere: they are padded as whole images are."""
        return 1

    def build(self, *, dtype: DTypeLike = jnp.float32, axis_name: str | None = None, rngs: nnx.Rngs) -> "LiuGenerator":
        """Builds the network; see `LiuGenerator`."""
        return LiuGenerator(self, dtype=dtype, axis_name=axis_name, rngs=rngs)

    def widest_line(self) -> int:
        """Widest straight line, px, inpainted wherever it lies in a large image."""
        return _widest_line(self.kernels)

    def describe(self) -> str:
        """The kind of network, for the log."""
        return f"Liu et al., {len(self.widths)} stages"


# Named by the size of the square images they were made for, px.
LIU_PRESETS = MappingProxyType(
    {
        "512": LiuConfig.of_stages(8),
        "256": LiuConfig.of_stages(7),
        "128": LiuConfig.of_stages(6),
        "64": LiuConfig.of_stages(5, width=32),  # no preset of Liu et al.: for CPUs
    }
)


class LiuGenerator(nnx.Module):
    """Encoder and decoder of partial convolutions, N of each, with skips; the last skip is the image itself.

    Encoder: kernels of 7, 5, 5, 3, 3, ... px, stride 2, batch norm (not in the first stage) and ReLU. Decoder: nearest
    upsampling of features and mask, joined with the encoder's of that resolution, kernels of 3 px, batch norm and
    LeakyReLU; the last has neither: it is linear.

    References:
        Liu et al., Image Inpainting for Irregular Holes Using Partial Convolutions, ECCV 2018, section 3.2 and table 4.
    """

    def __init__(
        self,
        config: LiuConfig,
        *,
        dtype: DTypeLike = jnp.float32,
        axis_name: str | None = None,
        rngs: nnx.Rngs,
    ):
        """Creates the parameters.

        Args:
            config: architecture of the network.
            dtype: compute dtype of the features; parameters and mask counts stay float32.
            axis_name: mapped axis over which training averages the batch statistics; None for one device.
            rngs: source of the random parameters.
        """
        stage = functools.partial(
            ConvNorm, momentum=config.batch_norm_momentum, dtype=dtype, axis_name=axis_name, rngs=rngs
        )
        widths = (CHANNELS, *config.widths)
        encoder = [
            stage(
                widths[index],
                widths[index + 1],
                kernel,
                stride=2,
                slope=0.0,
                norm=config.encoder_norm if index else None,
            )
            for index, kernel in enumerate(config.kernels)
        ]
        decoder = [
            stage(
                widths[index + 1] + widths[index],
                widths[index],
                3,
                mask_groups=(widths[index + 1], widths[index]),
                slope=config.negative_slope if index else None,
                norm="trained" if index else None,
            )
            for index in reversed(range(len(config.widths)))
        ]
        self.encoder, self.decoder = nnx.List(encoder), nnx.List(decoder)
        self.config = config

    def __call__(self, image: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Inpaints the holes.

        Args:
            image: `[N, H, W, 3]` in [0, 1]; what lies in holes does not matter.
            mask: `[N, H, W, 1]`, 1 = valid, 0 = hole.

        Returns:
            The raw output `[N, H, W, 3]`, float32 and not clipped, valid pixels included, and the updated mask
            `[N, H, W, 1]`: 0 where the network saw no valid pixel at all and the output is 0.

        Raises:
            InputError: the image is not `[N, H, W, 3]`, or the mask does not fit it or holds other values.
        """
        check_inputs(image, mask)
        height, width = image.shape[1:3]
        # Padding is hole, so any size works without inventing pixels: partial convolutions ignore it.
        x, valid = (pad_to_multiple(part, self.config.multiple) for part in (image, mask))
        skips = []
        for stage in self.encoder:
            skips.append((x, valid))
            x, valid = stage(x, valid)
        for stage, (skip, skip_valid) in zip(self.decoder, reversed(skips), strict=True):
            x = jnp.concatenate([upsample(x), skip.astype(x.dtype)], axis=-1)
            valid = jnp.concatenate([upsample(valid), skip_valid], axis=-1)
            x, valid = stage(x, valid)
        return x[:, :height, :width].astype(jnp.float32), valid[:, :height, :width]

    def window(
        self, image: jax.Array, mask: jax.Array, *, inside: jax.Array, coarse: jax.Array, margin: int
    ) -> jax.Array:
        """As `AnyGenerator.window`; the cheap fill takes the place of what stays empty."""
        return inpaint_window(self, image, mask, inside=inside, coarse=coarse, margin=margin)


@functools.cache
def _widest_line(kernels: tuple[int, ...]) -> int:
    """The widest line that closes at every alignment to the grid.

    Along a line all is alike, so its masks are followed in one dimension, one row for each alignment.
    """
    # How far a pixel of the output sees to each side, at most: half of each kernel, in its own pixels.
    bound = 2 * sum(2**level * (kernel // 2 + 1) for level, kernel in enumerate(kernels))

    def leaves_empty(valid: np.ndarray) -> bool:
        skips = []
        for kernel in kernels:
            skips.append(valid)
            valid = _sees_any(valid, kernel)[:, ::2]
        for skip in reversed(skips):
            valid = _sees_any(valid.repeat(2, axis=1) | skip, 3)
        return not valid.all()

    return widest_closing(leaves_empty, multiple=2 ** len(kernels), bound=bound)


def _sees_any(valid: np.ndarray, kernel: int) -> np.ndarray:
    """Whether a kernel around each place of `[B, L]` covers a valid one; outside there is none."""
    reach = kernel // 2
    padded = np.pad(valid, ((0, 0), (reach, reach)))
    return np.logical_or.reduce([padded[:, shift : shift + valid.shape[1]] for shift in range(kernel)])
