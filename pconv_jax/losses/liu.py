"""The loss of Liu et al.: pixels in and out of the holes, features, their Gram matrices, and total variation.

Images `[N, H, W, 3]` in [0, 1]; masks `[N, H, W, 1]`, 1 = valid, 0 = hole. Every loss is a float32 scalar, the mean
over the batch.
"""

import dataclasses
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from pconv_jax.common.errors import InputError
from pconv_jax.losses.style import style
from pconv_jax.losses.total_variation import total_variation

Features = Mapping[str, jax.Array]
LAYERS = ("block1_pool", "block2_pool", "block3_pool")  # of VGG16


@dataclasses.dataclass(frozen=True)
class LiuWeights:
    """Weight of each term; a term with weight 0 is not computed.

    Attributes:
        valid: of the mean |output - target| that is left of the valid pixels.
        hole: of that of the holes.
        perceptual: of the distance of features.
        style: of the distance of Gram matrices.
        tv: of the total variation.
    """

    valid: float = 1.0
    hole: float = 6.0
    perceptual: float = 0.05
    style: float = 120.0
    tv: float = 0.1

    def __post_init__(self) -> None:
        for name, weight in dataclasses.asdict(self).items():
            if not 0 <= weight < float("inf"):
                raise InputError(f"the weight of the {name} loss is {weight}, but it must be a finite number >= 0")
        if self.valid == self.hole == 0:
            raise InputError("the weights of the valid and the hole loss cannot both be 0: nothing asks for the image")


def check_preprocessing(preprocessing: str, source: str) -> None:
    """Refuses VGG16 weights on whose features Liu's loss weights make no sense.

    Args:
        preprocessing: what the weights expect: "torchvision" or "caffe".
        source: where they come from, for the message.

    Raises:
        InputError: they are not torchvision's.
    """
    if preprocessing != "torchvision":
        raise InputError(
            f"the VGG16 weights from {source} expect {preprocessing} preprocessing, but the perceptual and style "
            "weights of Liu et al. belong to torchvision's features (Caffe's are 60 times as large and more, their "
            "Gram matrices 2900 times): give torchvision's VGG16"
        )


def composite(output: jax.Array, target: jax.Array, mask: jax.Array) -> jax.Array:
    """The output in the holes, the clean target (never the noisy input) elsewhere, `[N, H, W, 3]`."""
    return jnp.where(mask == 0, output, target.astype(output.dtype))


def valid_l1(output: jax.Array, target: jax.Array, mask: jax.Array) -> jax.Array:
    """Mean over all entries of |output - target|, 0 in the holes (equation 2 of Liu et al.)."""
    return jnp.mean(jnp.where(mask == 0, 0.0, jnp.abs(output.astype(jnp.float32) - target)))


def hole_l1(output: jax.Array, target: jax.Array, mask: jax.Array) -> jax.Array:
    """Mean over all entries of |output - target|, 0 out of the holes (equation 2 of Liu et al.)."""
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


def liu_terms(
    output: jax.Array,
    target: jax.Array,
    mask: jax.Array,
    features: Callable[[jax.Array], Features] | None,
    *,
    weights: LiuWeights | None = None,
) -> dict[str, jax.Array]:
    """The terms of the loss that are on, unweighted; perceptual and style are sums over output and composite.

    Args:
        output: raw output of the generator `[N, H, W, 3]`.
        target: the clean ground truth `[N, H, W, 3]`.
        mask: `[N, H, W, 1]`, 1 = valid, 0 = hole.
        features: gives the features of images by layer (VGG16's at `LAYERS`); see `check_preprocessing`. None where
            neither the perceptual nor the style loss is on.
        weights: those of the paper by default.

    Returns:
        Scalars by the names of the weights.

    Raises:
        InputError: there are no features, but a term needs them.

    References:
        Liu et al., Image Inpainting for Irregular Holes Using Partial Convolutions, ECCV 2018, section 3.3.
    """
    weights = weights or LiuWeights()
    filled = composite(output, target, mask)
    terms: dict[str, jax.Array] = {}
    if weights.valid:
        terms["valid"] = valid_l1(output, target, mask)
    if weights.hole:
        terms["hole"] = hole_l1(output, target, mask)
    if weights.perceptual or weights.style:
        if features is None:
            raise InputError("the perceptual and style losses need VGG16 weights: give them, or weight 0 to both")
        wanted = jax.lax.stop_gradient(features(target))
        seen = [features(output), features(filled)]
        if weights.perceptual:
            terms["perceptual"] = sum((feature_l1(each, wanted) for each in seen), start=jnp.zeros(()))
        if weights.style:
            terms["style"] = sum((style(each, wanted) for each in seen), start=jnp.zeros(()))
    if weights.tv:
        terms["tv"] = total_variation(filled, mask)
    return terms


def weighted_sum(terms: Mapping[str, jax.Array], weights: LiuWeights) -> jax.Array:
    """The loss: the sum of the terms, each times its weight."""
    return jnp.sum(jnp.stack([getattr(weights, name) * value for name, value in terms.items()]))
