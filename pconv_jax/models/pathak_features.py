"""The network of Pathak et al. for learning features: AlexNet, a channel-wise fully connected layer, up-convolutions.

Images `[N, S, S, 3]` in [0, 1], masks `[N, S, S, 1]` with 1 = valid, 0 = hole. Inside, images are in [-1, 1].
"""

import dataclasses
import functools
import itertools

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from pconv_jax.common.errors import InputError
from pconv_jax.models.alexnet import AlexNetTrunk, pooled_size
from pconv_jax.models.channelwise import ChannelwiseBlock
from pconv_jax.models.dcgan import fill_and_scale
from pconv_jax.models.discriminator import NoDiscriminatorConfig
from pconv_jax.models.fixed_size import check_size, resize, run_resized
from pconv_jax.models.inputs import CHANNELS, check_inputs
from pconv_jax.models.interface import OneSize
from pconv_jax.models.limits import check_limits
from pconv_jax.models.window import inpaint_window
from pconv_jax.ops import check_mask_values


@dataclasses.dataclass(frozen=True)
class PathakFeaturesConfig(OneSize):
    """Architecture of a `PathakFeatures`; the defaults are the paper's.

    Attributes:
        widths: channels of each up-convolution but the last, which gives the 3 colours.
        alexnet_widths: channels of AlexNet's five convolutions.
        network_size: S, side of the square images, px: the only size it takes, 67 or more.
    """

    widths: tuple[int, ...] = (128, 64, 64, 32)
    alexnet_widths: tuple[int, ...] = (96, 256, 384, 384, 256)
    network_size: int = 227

    def __post_init__(self) -> None:
        check_limits(self)
        if not self.widths or min(self.widths) < 1:
            raise InputError(
                f"widths={self.widths} must hold at least one up-convolution, each with at least one channel"
            )
        if len(self.alexnet_widths) != 5 or min(self.alexnet_widths) < 2 or any(w % 2 for w in self.alexnet_widths):
            raise InputError(f"alexnet_widths={self.alexnet_widths} must hold five even numbers of channels")
        if self.features < 1:
            raise InputError(f"network_size={self.network_size} must be at least 67, or AlexNet leaves no features")

    @property
    def features(self) -> int:
        """Side of AlexNet's last features."""
        return pooled_size(self.network_size, two_groups=True)

    @property
    def image_size(self) -> int:
        """S, as `AnyGeneratorConfig.image_size`."""
        return self.network_size

    @property
    def other_size(self) -> str:
        """As `AnyGeneratorConfig.other_size`."""
        return "or the same --network-size"

    def predicted(self, x: jax.Array) -> jax.Array:
        """All of an image or a mask `[N, S, S, C]`."""
        return x

    def discriminator(self) -> NoDiscriminatorConfig:
        """None is trained: Pathak et al. report that with AlexNet the adversarial loss did not converge."""
        return NoDiscriminatorConfig(self.network_size)

    def build(
        self, *, dtype: DTypeLike = jnp.float32, axis_name: str | None = None, rngs: nnx.Rngs
    ) -> "PathakFeatures":
        """Builds the network; see `PathakFeatures`. It has no batch statistics to average over an axis."""
        return PathakFeatures(self, dtype=dtype, rngs=rngs)

    def describe(self) -> str:
        """The kind of network, for the log."""
        return "context encoder for features"


class PathakFeatures(nnx.Module):
    """AlexNet to pool5, the channel-wise layer, and 5x5 up-convolutions of stride 2, resized to the image's size.

    AlexNet is that of 2012: of 227x227 px it leaves 6x6x256. The up-convolutions give 11, 21, 41, 81 and 161 px. There
    are no skips and no batch norms.

    References:
        Pathak et al., Context Encoders: Feature Learning by Inpainting, CVPR 2016, section 3.1.
    """

    def __init__(self, config: PathakFeaturesConfig, *, dtype: DTypeLike = jnp.float32, rngs: nnx.Rngs):
        """Creates the parameters: kernels N(0, 0.005) in the channel-wise block, He-normal elsewhere; biases 0.

        Args:
            config: architecture of the network.
            dtype: compute dtype; parameters stay float32.
            rngs: source of the random parameters.
        """
        side, channels = config.features, config.alexnet_widths[-1]
        self.alexnet = AlexNetTrunk(config.alexnet_widths, two_groups=True, dtype=dtype, rngs=rngs)
        self.channelwise = ChannelwiseBlock(side, side, channels, dtype=dtype, rngs=rngs)
        steps = itertools.pairwise((channels, *config.widths, CHANNELS))
        self.decoder = nnx.List([_double(*step, dtype=dtype, rngs=rngs) for step in steps])
        self.config = config
        self.dtype = dtype

    def __call__(self, image: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Predicts the whole image.

        Args:
            image: `[N, S, S, 3]` in [0, 1]; what lies in holes does not matter.
            mask: `[N, S, S, 1]`, 1 = valid, 0 = hole.

        Returns:
            The raw output `[N, S, S, 3]`, float32 and not clipped, and the updated mask `[N, S, S, 1]`, all 1.

        Raises:
            InputError: an image of another size than S, or a mask that does not fit it or holds other values.
        """
        check_inputs(image, mask)
        check_size(image, self.config.image_size)
        check_mask_values(mask)
        x = self.channelwise(self.alexnet(fill_and_scale(image, mask).astype(self.dtype)))
        for double in self.decoder:
            x = double(nnx.relu(x))
        x = resize(x.astype(jnp.float32), self.config.image_size, self.config.image_size)
        return (x + 1) / 2, jnp.ones_like(mask)

    def window(
        self, image: jax.Array, mask: jax.Array, *, inside: jax.Array, coarse: jax.Array, margin: int
    ) -> jax.Array:
        """As `AnyGenerator.window`."""
        return inpaint_window(
            functools.partial(run_resized, self, size=self.config.image_size),
            image,
            mask,
            inside=inside,
            coarse=coarse,
            margin=margin,
        )


def _double(in_features: int, out_features: int, *, dtype: DTypeLike, rngs: nnx.Rngs) -> nnx.ConvTranspose:
    """From n x n to 2 n - 1 x 2 n - 1."""
    return nnx.ConvTranspose(
        in_features,
        out_features,
        (5, 5),
        strides=2,
        padding=((2, 2), (2, 2)),
        dtype=dtype,
        kernel_init=jax.nn.initializers.he_normal(),
        rngs=rngs,
    )
