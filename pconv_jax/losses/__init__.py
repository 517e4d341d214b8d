"""The three losses of the paper: pixel, adversarial and perceptual.

Images `[N, H, W, C]` in [0, 1]; every loss is a float32 scalar, the mean over the batch, so that its average over
equal parts of a batch is its value on the whole.
"""

import dataclasses
from collections.abc import Mapping
from typing import Literal

import jax
import jax.numpy as jnp
import optax

from pconv_jax.common.errors import InputError

# Mean features below this say nothing (a flat image under random weights has none): such an image must not drown the
# others of its batch. Those of photographs are a hundred times as large and more.
_FEATURELESS = 0.01
PixelLoss = Literal["l2", "psnr"]
# Squared error of a repair that is as good as perfect (40 dB): a flat image must not drown the others of its batch.
_PERFECT = 1e-4


@dataclasses.dataclass(frozen=True)
class LossWeights:
    """Weight of each term of the generator's loss; a term with weight 0 is not computed at all.

    Attributes:
        pixel: weight of `pixel_l2`.
        adversarial: weight of `adversarial`; 0 trains without a discriminator.
        perceptual: weight of `perceptual`; 0 needs no VGG weights.
        hole: how many times a pixel in a hole counts in `pixel_l2`.
    """

    pixel: float = 1.0
    adversarial: float = 0.001
    perceptual: float = 0.01
    hole: float = 1.0

    def __post_init__(self) -> None:
        for name, weight in dataclasses.asdict(self).items():
            if not 0 <= weight < float("inf"):
                raise InputError(f"the weight of the {name} loss is {weight}, but it must be a finite number >= 0")
        if self.hole == 0:
            raise InputError(
                "the weight of holes in the pixel loss is 0, but it must be positive: 1 is the plain L2 loss"
            )
        if self.pixel == self.perceptual == 0:
            raise InputError("the pixel and the perceptual loss cannot both be off: nothing would ask for the image")


def pixel_l2(output: jax.Array, target: jax.Array, mask: jax.Array, *, hole_weight: float = 1.0) -> jax.Array:
    """Mean squared difference over the whole image; a pixel in a hole counts `hole_weight` times.

    Args:
        output: raw output of the generator `[N, H, W, C]`.
        target: ground truth `[N, H, W, C]`.
        mask: `[N, H, W, 1]`, 1 = valid, 0 = hole.
        hole_weight: 1 is the plain L2 loss; Liu et al. weigh holes 6 times (in an L1 loss).

    Returns:
        Scalar.

    References:
        Pathak et al., Context Encoders, CVPR 2016, equation 1 (there over the hole only); Liu et al., ECCV 2018,
        equation 7.
    """
    squares = jnp.square(output.astype(jnp.float32) - target)
    return jnp.mean(squares * jnp.where(mask == 0, hole_weight, 1.0))


def pixel_psnr(output: jax.Array, target: jax.Array, mask: jax.Array) -> jax.Array:
    """What the mean PSNR in the holes is made of: the logarithm of each image's mean squared error there.

    An image counts for its relative error: thin lines on a smooth ground as much as a wide stroke across leaves. The
    valid pixels do not count. 10 / log(10) = 4.34 times this is the mean PSNR, with the opposite sign, but for 1e-4
    that is added to the squared error.

    Args:
        output: raw output of the generator `[N, H, W, C]`.
        target: ground truth `[N, H, W, C]`.
        mask: `[N, H, W, 1]`, 1 = valid, 0 = hole; an image without a hole counts as one repaired perfectly.

    Returns:
        Scalar; log 1e-4 = -9.2 for perfect repairs.

    References:
        Chen et al., HINet: Half Instance Normalization Network for Image Restoration, CVPR workshops 2021, section 3.3.
    """
    holes = jnp.broadcast_to(mask == 0, output.shape)
    squares = jnp.where(holes, jnp.square(output.astype(jnp.float32) - target), 0.0)
    error = jnp.sum(squares, axis=(1, 2, 3)) / jnp.maximum(jnp.sum(holes, axis=(1, 2, 3)), 1)
    return jnp.mean(jnp.log(error + _PERFECT))


def adversarial(fake_logits: jax.Array) -> jax.Array:
    """What the generator pays for an output that the discriminator does not take for real (non-saturating form).

    Args:
        fake_logits: discriminator's logits `[N]` of the generator's output.

    Returns:
        Scalar: binary cross-entropy with logits against "real".

    References:
        Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014, section 3; Pathak et al., CVPR 2016, equation 2.
    """
    return jnp.mean(optax.sigmoid_binary_cross_entropy(fake_logits, jnp.ones_like(fake_logits)))


def discrimination(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
    """What the discriminator pays: half the binary cross-entropy of real images plus half that of generated ones.

    Args:
        real_logits: logits `[N]` of ground truth images.
        fake_logits: logits `[N]` of the generator's output.

    Returns:
        Scalar; log 2 = 0.693 for a discriminator that cannot tell them apart.

    References:
        Pathak et al., Context Encoders, CVPR 2016, equation 2.
    """
    real = optax.sigmoid_binary_cross_entropy(real_logits, jnp.ones_like(real_logits))
    fake = optax.sigmoid_binary_cross_entropy(fake_logits, jnp.zeros_like(fake_logits))
    return 0.5 * (jnp.mean(real) + jnp.mean(fake))


def perceptual(output: Mapping[str, jax.Array], target: Mapping[str, jax.Array]) -> jax.Array:
    """Relative L1 distance of features: for each layer and image, mean |a - b| / mean |b|; averaged over both.

    Liu et al. take mean |a - b|. Divided by the size of the target's features, the loss has no unit: one weight suits
    VGG weights that expect 0..255 (Caffe), normalised input (torchvision) and random ones, and no layer drowns another.

    Args:
        output: features of the generator's output by layer, each `[N, H', W', C']`.
        target: features of the ground truth, the same layers and shapes.

    Returns:
        Scalar; 0 for equal features, about 1 for unrelated ones.

    References:
        Liu et al., Image Inpainting for Irregular Holes Using Partial Convolutions, ECCV 2018, equation 3.
    """
    return jnp.mean(feature_distance(output, target))


def feature_distance(output: Mapping[str, jax.Array], target: Mapping[str, jax.Array]) -> jax.Array:
    """What `perceptual` averages over the batch: each image's mean |a - b| / mean |b|, averaged over the layers.

    Args:
        output: features of the images by layer, each `[N, H', W', C']`.
        target: features of the ground truth, the same layers and shapes.

    Returns:
        `[N]` float32; 0 for equal features, about 1 for unrelated ones.
    """

    def relative(a: jax.Array, b: jax.Array) -> jax.Array:
        a, b = a.astype(jnp.float32), b.astype(jnp.float32)
        scale = jnp.mean(jnp.abs(b), axis=(1, 2, 3))
        return jnp.mean(jnp.abs(a - b), axis=(1, 2, 3)) / jnp.maximum(scale, _FEATURELESS)

    return jnp.mean(jnp.stack([relative(output[layer], target[layer]) for layer in target]), axis=0)
