"""The loss of Liu et al.: pixels in and out of the holes, features, their Gram matrices, and total variation.

Images `[N, H, W, 3]` in [0, 1]; masks `[N, H, W, 1]`, 1 = valid, 0 = hole. Every loss is a float32 scalar, the mean
over the batch.
"""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp

from pconv_jax.common.errors import InputError
from pconv_jax.losses.interface import Features, LossesName, Preprocessing, check_weights
from pconv_jax.losses.style import style
from pconv_jax.losses.total_variation import total_variation
from pconv_jax.losses.views import composite

LAYERS = ("block1_pool", "block2_pool", "block3_pool")  # of VGG16


@dataclasses.dataclass(frozen=True, kw_only=True)
class LiuLosses:
    """The weighted sum of Liu et al.; a loss with weight 0 is not computed.

    Perceptual and style losses are sums over output and composite. There is no discriminator.

    Attributes:
        losses: which losses train the generator, each with weights of its own: the paper's, those of Liu et al., or
            those of Pathak et al.
        valid_weight: weight of the mean |output - target|, the valid pixels alone.
        hole_weight: the same for the holes.
        perceptual_weight: weight of the distance of features; absolute, so it belongs to torchvision's VGG16.
        style_weight: weight of the distance of the Gram matrices of features; absolute too.
        tv_weight: weight of the total variation of the composite in and around the holes.

    References:
        Liu et al., Image Inpainting for Irregular Holes Using Partial Convolutions, ECCV 2018, section 3.3.
    """

    losses: LossesName = "liu"
    valid_weight: float = 1.0
    hole_weight: float = 6.0
    perceptual_weight: float = 0.05
    style_weight: float = 120.0
    tv_weight: float = 0.1

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each loss, by the name that it has among the metrics."""
        return {
            "valid": self.valid_weight,
            "hole": self.hole_weight,
            "perceptual": self.perceptual_weight,
            "style": self.style_weight,
            "tv": self.tv_weight,
        }

    @property
    def layers(self) -> tuple[str, ...] | None:
        """As `AnyLosses.layers`."""
        return LAYERS if self.perceptual_weight or self.style_weight else None

    def terms(
        self,
        output: jax.Array,
        target: jax.Array,
        mask: jax.Array,
        *,
        features: Callable[[jax.Array], Features],
        judge: Callable[[jax.Array], jax.Array] | None = None,
    ) -> dict[str, jax.Array]:
        """As `AnyLosses.terms`: `valid`, `hole`, `perceptual`, `style`, `tv`; nothing is asked of a discriminator."""
        filled = composite(output, target, mask)
        terms: dict[str, jax.Array] = {}
        if self.valid_weight:
            terms["valid"] = valid_l1(output, target, mask)
        if self.hole_weight:
            terms["hole"] = hole_l1(output, target, mask)
        if self.layers:
            wanted = jax.lax.stop_gradient(features(target))
            both = features(jnp.concatenate([output, filled]))
            zero = jnp.zeros((), jnp.float32)  # also where JAX counts in 64 bits
            seen = [{layer: jnp.split(x, 2)[half] for layer, x in both.items()} for half in (0, 1)]
            if self.perceptual_weight:
                terms["perceptual"] = sum((feature_l1(each, wanted) for each in seen), start=zero)
            if self.style_weight:
                terms["style"] = sum((style(each, wanted) for each in seen), start=zero)
        if self.tv_weight:
            terms["tv"] = total_variation(filled, mask)
        return terms

    def judged(self, output: jax.Array, target: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
        """As `AnyLosses.judged`; nothing is."""
        return target, output

    @property
    def discriminator_loss(self) -> None:
        """As `AnyLosses.discriminator_loss`: there is no discriminator."""

    @property
    def vgg_preprocessing(self) -> Preprocessing | None:
        """As `AnyLosses.vgg_preprocessing`: only torchvision's features have the scale that the weights belong to."""
        return "torchvision" if self.layers else None

    def check(self) -> None:
        """As `AnyLosses.check`."""
        check_weights(self.weights)
        if self.valid_weight == self.hole_weight == 0:
            raise InputError("the weights of the valid and the hole loss cannot both be 0: nothing asks for the image")


def valid_l1(output: jax.Array, target: jax.Array, mask: jax.Array) -> jax.Array:
    """Mean over all entries of |output - target|, 0 in the holes (equation 2 of Liu et al.)."""
    return jnp.mean(jnp.where(mask == 0, 0.0, jnp.abs(output.astype(jnp.float32) - target)))


def hole_l1(output: jax.Array, target: jax.Array, mask: jax.Array) -> jax.Array:
    """Mean over all entries of |output - target|, 0 outside the holes (equation 2 of Liu et al.)."""
    return jnp.mean(jnp.where(mask == 0, jnp.abs(output.astype(jnp.float32) - target), 0.0))


def feature_l1(output: Features, target: Features) -> jax.Array:
    """Sum over the layers of mean |a - b|, absolute: not `losses.perceptual`, which is relative to the target's size.

    Args:
        output: features of an image by layer, each `[N, H', W', C']`.
        target: features of the ground truth, the same layers and shapes.

    Returns:
        Scalar, float32.
    """
    distances = [jnp.mean(jnp.abs(output[layer].astype(jnp.float32) - target[layer])) for layer in target]
    return jnp.sum(jnp.stack(distances))
