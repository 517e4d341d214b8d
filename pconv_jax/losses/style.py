"""The style loss: distance of the Gram matrices of features."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp


def gram(features: jax.Array) -> jax.Array:
    """How much the channels of each image occur together: F' F / (C * H * W), in float32 whatever the input.

    Args:
        features: `[N, H, W, C]`.

    Returns:
        `[N, C, C]`, float32.
    """
    _, height, width, channels = features.shape
    features = features.astype(jnp.float32)
    # The highest precision: the default of GPUs and TPUs rounds the factors to 10 or 8 bits.
    products = jnp.einsum("nhwc,nhwd->ncd", features, features, precision=jax.lax.Precision.HIGHEST)
    return products / (channels * height * width)


def style(output: Mapping[str, jax.Array], target: Mapping[str, jax.Array]) -> jax.Array:
    """Sum over the layers of mean |G(a) - G(b)|, the mean over the C x C entries and the batch.

    Args:
        output: features of the generator's output by layer, each `[N, H', W', C]`.
        target: features of the ground truth, the same layers and shapes.

    Returns:
        Scalar, float32.

    References:
        Liu et al., Image Inpainting for Irregular Holes Using Partial Convolutions, ECCV 2018, equations 4 and 5; Gatys
        et al., Image Style Transfer Using Convolutional Neural Networks, CVPR 2016.
    """
    distances = [jnp.mean(jnp.abs(gram(output[layer]) - gram(target[layer]))) for layer in target]
    return jnp.sum(jnp.stack(distances))
