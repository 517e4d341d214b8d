"""The paper's generator: a U-shaped network of partial convolutions, or of plain ones for comparison.

Images `[N, H, W, 3]` in [0, 1], masks `[N, H, W, 1]` with 1 = valid, 0 = hole; any height and width.
"""

import dataclasses
import functools
from types import MappingProxyType
from typing import Literal, get_args

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from pconv_jax.common.errors import InputError
from pconv_jax.layers import PartialConv
from pconv_jax.models.blocks import ConvNorm, Convolution, NormTraining, PlainConv, convolution, upsample
from pconv_jax.models.inputs import CHANNELS, check_inputs, pad_to_multiple
from pconv_jax.models.interface import WholeImages
from pconv_jax.models.limits import check_limits
from pconv_jax.models.reach import widest_closed_line
from pconv_jax.models.window import inpaint_window
from pconv_jax.ops import check_mask_values

Head = Literal["partial", "sigmoid"]
LOGIT_RANGE = (0.05, 0.95)  # a mean colour outside it would start the sigmoid at its flat ends


@dataclasses.dataclass(frozen=True)
class PaperConfig(WholeImages):
    """Architecture of a `PaperGenerator`; `PAPER_PRESETS` holds the presets.

    Attributes:
        widths: channels of each encoder stage, first to deepest; their number is the number of stages, and each stage
            halves the resolution.
        kernel_size: side of the kernel of every convolution, px; odd.
        negative_slope: slope of the decoder's LeakyReLU for negative values.
        norm_each_conv: batch norm and LeakyReLU after each convolution of the decoder (True), or once after the two of
            a stage.
        batch_norm_momentum: weight of the past in the running batch statistics.
        convolution: "partial", or "plain" to see what partial convolutions are worth: the same network of ordinary
            zero-padded convolutions, with holes of the image set to 0 and the mask as its fourth channel.
        head: what gives the image from the features of the last stage: "partial", one more convolution of that kind,
            linear; or "sigmoid", a plain 3x3 convolution and a sigmoid, so that the output lies in [0, 1].
        centre: subtract from each image the mean colour of its valid pixels, and add it to the output, or its logit
            before the sigmoid. Beyond the paper: beside a hole, a kernel that finds edges would answer with the
            brightness of its few valid pixels, which n / s magnifies by up to 9.
    """

    widths: tuple[int, ...] = (32, 64, 128, 128)
    kernel_size: int = 3
    negative_slope: float = 0.2
    norm_each_conv: bool = True
    batch_norm_momentum: float = 0.99
    convolution: Convolution = "partial"
    head: Head = "partial"
    centre: bool = False

    def __post_init__(self) -> None:
        check_limits(self)
        if not self.widths or min(self.widths) < 1:
            raise InputError(f"widths={self.widths} must hold at least one stage, each with at least one channel")
        if self.kernel_size < 3 or self.kernel_size % 2 == 0:
            raise InputError(f"kernel_size={self.kernel_size} must be odd and at least 3, or no hole would ever close")
        if self.convolution not in get_args(Convolution):
            raise InputError(f"convolution={self.convolution!r} must be one of {', '.join(get_args(Convolution))}")
        if self.head not in get_args(Head):
            raise InputError(f"head={self.head!r} must be one of {', '.join(get_args(Head))}")

    @property
    def multiple(self) -> int:
        """Heights and widths are padded to a multiple of this, px."""
        return 2 ** len(self.widths)

    @property
    def window_multiple(self) -> int:
        """Windows of a larger image may begin anywhere: they are padded as whole images are."""
        return 1

    def build(
        self, *, dtype: DTypeLike = jnp.float32, axis_name: str | None = None, rngs: nnx.Rngs
    ) -> "PaperGenerator":
        """Builds the network; see `PaperGenerator`."""
        return PaperGenerator(self, dtype=dtype, axis_name=axis_name, rngs=rngs)

    def widest_line(self) -> int | None:
        """Widest straight line, px, inpainted wherever it lies in a large image; None for plain convolutions.

        Those put something everywhere, also where they see no valid pixel.
        """
        if self.convolution == "plain":
            return None
        return _widest_line(dataclasses.replace(self, widths=(1,) * len(self.widths)))

    def describe(self) -> str:
        """The kind of network, for the log."""
        return f"{self.convolution} convolutions"


@functools.cache
def _widest_line(config: PaperConfig) -> int:
    # How far a pixel of the output sees, at most: half a kernel for each of the four convolutions at each resolution,
    # and for the last one. A wider line than twice that cannot close.
    bound = 2 * (config.kernel_size // 2) * (4 * (config.multiple - 1) + 1)
    return widest_closed_line(lambda: config.build(rngs=nnx.Rngs(0)), multiple=config.multiple, bound=bound)


# The seed paper gives the order of the operations and no sizes. Where it is silent, `paper` follows the public code
# that its authors thank (github.com/Shivkumar25/Image-Inpainting), which uses the paper's own names:
# - four stages of 32 to 256 channels, 3x3 kernels, LeakyReLU slope 0.2, upsampling by nearest neighbour, which keeps
#   masks binary;
# - the skip of a stage is what its first convolution gives, so that resolutions match without another resize;
# - one plain 3x3 convolution and a sigmoid end it.
# The rest is the paper's:
# - "two partial convolutions, batch norm, LeakyReLU" is read to the letter: one norm after the two;
# - convolutions before a batch norm have no bias, which the norm would cancel.
# Mistakes of that code are not copied: its kernel sizes leave out the channels, its biases leak into places without
# valid pixels, and its decoder reads the encoder in the place of its own previous stage.
# The presets named by image size go beyond the paper where that trains better, with a norm after every convolution
# (measured: 1.4 dB more in the holes after 400 short steps), and have as many stages as leave 4x4 features; `tiny` is
# for CPUs.
PAPER_PRESETS = MappingProxyType(
    {
        "paper": PaperConfig(widths=(32, 64, 128, 256), norm_each_conv=False, head="sigmoid"),
        "64": PaperConfig(widths=(32, 64, 128, 256)),
        "128": PaperConfig(widths=(32, 64, 128, 256, 256)),
        "tiny": PaperConfig(widths=(16, 32, 64, 128)),
    }
)


class PaperGenerator(nnx.Module):
    """Encoder and decoder of partial convolutions with skip connections.

    Each encoder stage has two partial convolutions, the second with stride 2, each with batch norm and ReLU. Each
    decoder stage doubles features and mask, joins the encoder's of that resolution, and has two partial convolutions
    with batch norm and LeakyReLU. A last partial convolution gives the image, or with `head="sigmoid"` a plain one and
    a sigmoid. With `convolution="plain"` all of them are ordinary ones.

    References:
        Shu and Sahinkaya, Image Inpainting for Irregular Lines Using Partial Convolutions.
        Liu et al., Image Inpainting for Irregular Holes Using Partial Convolutions, ECCV 2018.
    """

    def __init__(
        self,
        config: PaperConfig,
        *,
        dtype: DTypeLike = jnp.float32,
        axis_name: str | None = None,
        rngs: nnx.Rngs,
    ):
        """Creates the parameters.

        Args:
            config: its architecture.
            dtype: compute dtype of the features; parameters and mask counts stay float32.
            axis_name: mapped axis over which training averages the batch statistics; None for one device.
            rngs: source of the random parameters.
        """

        def conv(
            in_features: int,
            out_features: int,
            *,
            slope: float | None,
            stride: int = 1,
            mask_groups: tuple[int, ...] | None = None,
            norm: NormTraining | None = "trained",
        ) -> ConvNorm:
            return ConvNorm(
                in_features,
                out_features,
                config.kernel_size,
                kind=config.convolution,
                momentum=config.batch_norm_momentum,
                slope=slope,
                stride=stride,
                mask_groups=mask_groups,
                norm=norm,
                dtype=dtype,
                axis_name=axis_name,
                rngs=rngs,
            )

        slope = config.negative_slope
        encoder, decoder = [], []
        features = CHANNELS + (config.convolution == "plain")  # the mask too
        for width in config.widths:
            encoder.append(nnx.List([conv(features, width, slope=0.0), conv(width, width, slope=0.0, stride=2)]))
            features = width
        for width in reversed(config.widths):
            joined = (features, width)
            first = (
                conv(sum(joined), width, slope=slope, mask_groups=joined)
                if config.norm_each_conv
                else conv(sum(joined), width, slope=None, mask_groups=joined, norm=None)
            )
            decoder.append(nnx.List([first, conv(width, width, slope=slope)]))
            features = width
        self.encoder, self.decoder = nnx.List(encoder), nnx.List(decoder)
        self.to_image: PartialConv | PlainConv | nnx.Conv
        if config.head == "sigmoid":
            # Flax's own initial values: the first outputs stay clear of the sigmoid's flat ends.
            self.to_image = nnx.Conv(features, CHANNELS, (3, 3), padding=1, dtype=dtype, rngs=rngs)
        else:
            self.to_image = convolution(
                features, CHANNELS, config.kernel_size, kind=config.convolution, dtype=dtype, rngs=rngs
            )
        self.config = config

    def __call__(self, image: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Inpaints the holes.

        Args:
            image: `[N, H, W, 3]` in [0, 1]; what lies in holes does not matter.
            mask: `[N, H, W, 1]`, 1 = valid, 0 = hole.

        Returns:
            The raw output `[N, H, W, 3]`, float32 and not clipped, valid pixels included, and the updated mask
            `[N, H, W, 1]`: 0 where the network saw no valid pixel at all; the output there is 0 with the head
            "partial", and means nothing with "sigmoid". Plain convolutions leave none: all of it is 1.

        Raises:
            InputError: the image is not `[N, H, W, 3]`, or the mask does not fit it or holds other values.
        """
        check_inputs(image, mask)
        height, width = image.shape[1:3]
        mean = _mean_colour(image, mask) if self.config.centre else None
        if mean is not None:
            image = image - mean
        # Padding is hole, so any size works without inventing pixels: partial convolutions ignore it.
        image, mask = (pad_to_multiple(x, self.config.multiple) for x in (image, mask))
        if self.config.convolution == "plain":
            check_mask_values(mask)
            known = mask != 0  # not the mask: under jit its values are not checked
            image = jnp.concatenate([jnp.where(known, image, 0.0), known.astype(image.dtype)], axis=-1)

        x, valid, skips = image, mask, []
        for first, down in self.encoder:
            x, valid = first(x, valid)
            skips.append((x, valid))
            x, valid = down(x, valid)
        for (first, second), (skip, skip_valid) in zip(self.decoder, reversed(skips), strict=True):
            x = jnp.concatenate([upsample(x), skip], axis=-1)
            valid = jnp.concatenate([upsample(valid), skip_valid], axis=-1)
            x, valid = second(*first(x, valid))
        if isinstance(self.to_image, nnx.Conv):
            output = self.to_image(x).astype(jnp.float32)
            if mean is not None:
                output += jax.scipy.special.logit(jnp.clip(mean, *LOGIT_RANGE))
            output = nnx.sigmoid(output)
        else:
            output, valid = self.to_image(x, valid)
            output = output.astype(jnp.float32)
            if mean is not None:
                output = jnp.where(valid != 0, output + mean, output)
        return output[:, :height, :width], valid[:, :height, :width]

    def window(
        self, image: jax.Array, mask: jax.Array, *, inside: jax.Array, coarse: jax.Array, margin: int
    ) -> jax.Array:
        """As `AnyGenerator.window`; the cheap fill takes the place of what stays empty.

        With `centre` the mean colour is that of the window's valid pixels, margin included.
        """
        return inpaint_window(self, image, mask, inside=inside, coarse=coarse, margin=margin)


def _mean_colour(image: jax.Array, mask: jax.Array) -> jax.Array:
    """Mean of each image's valid pixels, `[N, 1, 1, 3]` float32; grey if there are none."""
    valid = mask != 0
    total = jnp.where(valid, image, 0.0).astype(jnp.float32).sum((1, 2), keepdims=True)
    count = valid.sum((1, 2), keepdims=True, dtype=jnp.float32)
    return jnp.where(count > 0, total / jnp.maximum(count, 1.0), 0.5)
