"""The discriminator of the adversarial loss: a stack of strided convolutions down to logits of images or patches."""

import dataclasses

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from pconv_jax.common.errors import InputError
from pconv_jax.models.interface import AnyDiscriminatorConfig
from pconv_jax.models.limits import check_limits


@dataclasses.dataclass(frozen=True)
class DiscriminatorConfig:
    """Architecture of the discriminator.

    Attributes:
        image_size: side of the square images it judges, px; a multiple of 2 to the number of stages.
        widths: channels of each stage; each halves the resolution. Pathak et al. use (64, 128, 256, 512) at 64 px.
        patches: judge each patch of an image by itself (Isola et al., Image-to-Image Translation with Conditional
            Adversarial Networks, CVPR 2017), not the image as a whole. Patches overlap; one is 38 px wide with three
            stages, 78 with four.
    """

    image_size: int = 64
    widths: tuple[int, ...] = (32, 64, 128, 256)
    patches: bool = False

    def __post_init__(self) -> None:
        check_limits(self)
        if not self.widths or min(self.widths) < 1:
            raise InputError(f"widths={self.widths} must hold at least one stage, each with at least one channel")
        if self.image_size < 1 or self.image_size % 2 ** len(self.widths):
            raise InputError(
                f"image_size={self.image_size} must be a multiple of {2 ** len(self.widths)}, for the discriminator "
                f"halves it {len(self.widths)} times: choose another image size or fewer discriminator widths"
            )

    def build(self, *, dtype: DTypeLike = jnp.float32, axis_name: str | None = None, rngs: nnx.Rngs) -> "Discriminator":
        """Builds the network; see `Discriminator`."""
        return Discriminator(self, dtype=dtype, axis_name=axis_name, rngs=rngs)


@dataclasses.dataclass(frozen=True)
class NoDiscriminatorConfig:
    """In the place of a discriminator, for generators that are trained without.

    Attributes:
        image_size: side of the square images that it would judge, px.
        widths: none.
    """

    image_size: int
    widths: tuple[int, ...] = ()

    def build(
        self, *, dtype: DTypeLike = jnp.float32, axis_name: str | None = None, rngs: nnx.Rngs
    ) -> "NoDiscriminator":
        """Builds it; no argument matters."""
        return NoDiscriminator()


class NoDiscriminator(nnx.Module):
    """Has no parameters and judges nothing."""

    def __call__(self, image: jax.Array) -> jax.Array:
        """Refuses images.

        Raises:
            InputError: always.
        """
        raise InputError("this generator is trained without a discriminator: give the adversarial loss weight 0")


class Discriminator(nnx.Module):
    """Convolutions 4x4 with stride 2, batch norm (not after the first) and LeakyReLU 0.2; one logit an image or patch.

    References:
        Pathak et al., Context Encoders: Feature Learning by Inpainting, CVPR 2016, figure 9 (after DCGAN).
    """

    def __init__(
        self,
        config: DiscriminatorConfig,
        *,
        dtype: DTypeLike = jnp.float32,
        axis_name: str | None = None,
        rngs: nnx.Rngs,
    ):
        """Creates the parameters.

        Args:
            config: its architecture.
            dtype: compute dtype; parameters stay float32.
            axis_name: mapped axis over which training averages the batch statistics; None for one device.
            rngs: source of the random parameters.
        """
        convs, norms, features = [], [], 3
        for index, width in enumerate(config.widths):
            convs.append(
                nnx.Conv(features, width, (4, 4), strides=2, padding=1, use_bias=index == 0, dtype=dtype, rngs=rngs)
            )
            if index:
                norms.append(nnx.BatchNorm(width, momentum=0.95, dtype=dtype, axis_name=axis_name, rngs=rngs))
            features = width
        self.convs, self.norms = nnx.List(convs), nnx.List(norms)
        side = 3 if config.patches else config.image_size // 2 ** len(config.widths)
        self.to_logit: nnx.Conv | nnx.ConvTranspose = nnx.Conv(
            features, 1, (side, side), padding="SAME" if config.patches else "VALID", dtype=dtype, rngs=rngs
        )
        self.config: AnyDiscriminatorConfig = config

    def __call__(self, image: jax.Array) -> jax.Array:
        """Logits, float32, of images `[N, S, S, 3]` in [0, 1]: positive means "looks real".

        Args:
            image: images of the size in its config.

        Returns:
            `[N]`, or `[N P]` with P patches of each image, one image after the other.

        Raises:
            InputError: images of another size than `config.image_size`, or of another type, such as bytes.
        """
        size = self.config.image_size
        if image.ndim != 4 or image.shape[1:] != (size, size, 3):
            raise InputError(f"this discriminator judges images [N, {size}, {size}, 3], not {image.shape}")
        if not jnp.issubdtype(image.dtype, jnp.floating):
            raise InputError(
                f"this discriminator judges images of floating point in [0, 1], not {image.dtype}: divide bytes by 255"
            )
        x = nnx.leaky_relu(self.convs[0](2.0 * image - 1.0), 0.2)
        for conv, norm in zip(self.convs[1:], self.norms, strict=True):
            x = nnx.leaky_relu(norm(conv(x)), 0.2)
        return self.to_logit(x).reshape(-1).astype(jnp.float32)
