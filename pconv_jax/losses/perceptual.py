"""The perceptual loss: distances between the features of a pretrained network (`pconv_jax.models.vgg`)."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

# Smaller mean features carry no information (a flat image under random weights has none): such an image must not drown
# the others of its batch. Those of photographs are a hundred times as large and more.
_SMALLEST_SCALE = 0.01


def perceptual_loss(output: Mapping[str, jax.Array], target: Mapping[str, jax.Array]) -> jax.Array:
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
    """The perceptual loss of each image by itself: mean |a - b| / mean |b|, averaged over the layers.

    Args:
        output: features of the images by layer, each `[N, H', W', C']`.
        target: features of the ground truth, the same layers and shapes.

    Returns:
        `[N]` float32; 0 for equal features, about 1 for unrelated ones.
    """
    return jnp.mean(jnp.stack([_relative_l1(output[layer], target[layer]) for layer in target]), axis=0)


def _relative_l1(a: jax.Array, b: jax.Array) -> jax.Array:
    a, b = a.astype(jnp.float32), b.astype(jnp.float32)
    scale = jnp.mean(jnp.abs(b), axis=(1, 2, 3))
    return jnp.mean(jnp.abs(a - b), axis=(1, 2, 3)) / jnp.maximum(scale, _SMALLEST_SCALE)
