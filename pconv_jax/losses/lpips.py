"""LPIPS v0.1, a learned distance of features of a pretrained network: a loss, and `pconv_jax.evaluation.lpips`.

References:
    Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR 2018.
"""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from pconv_jax.losses.interface import Features

LPIPS_LAYERS = ("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv3")
"""The layers of VGG16 that it compares."""

_LINEAR = Path(__file__).with_name("lpips_linear.safetensors")
_EPS = 1e-10


@functools.cache
def linear_weights(network: Literal["alex", "vgg"]) -> tuple[np.ndarray, ...]:
    """Its linear weights for torchvision's AlexNet or VGG16: `[C]` for each of five layers, from the image upwards."""
    from safetensors.numpy import load_file  # few losses need it

    found = load_file(_LINEAR)
    return tuple(found[f"{network}.lin{place}"] for place in range(5))


def lpips_distance(
    output: Sequence[jax.Array], truth: Sequence[jax.Array], linear: Sequence[jax.Array | np.ndarray]
) -> jax.Array:
    """The definition, from the features of two images, see `unit_vectors`.

    Args:
        output: unit vectors of features `[..., h, w, C]` of one image or several, for each layer.
        truth: those of the others.
        linear: weights `[C]`, for each layer.

    Returns:
        Scalar: at each place the squared difference of both vectors, weighted by channel; its mean over the places and
        the images, added over the layers.
    """
    layers = zip(output, truth, linear, strict=True)
    return sum((jnp.mean(jnp.square(a - b) @ weights) for a, b, weights in layers), jnp.zeros((), jnp.float32))


def unit_vectors(features: jax.Array) -> jax.Array:
    """Features `[..., C]` over their length, float32; 0 where they are, with a gradient that is 0 there too."""
    features = features.astype(jnp.float32)
    square = jnp.sum(jnp.square(features), axis=-1, keepdims=True)
    return jnp.where(square > 0, features * jax.lax.rsqrt(jnp.where(square > 0, square, 1) + _EPS**2), 0)


def lpips_loss(output: Features, target: Features) -> jax.Array:
    """LPIPS by torchvision's VGG16, as a loss.

    Args:
        output: features of the generator's output at `LPIPS_LAYERS`, each `[N, H', W', C']`.
        target: features of the ground truth, the same layers and shapes.

    Returns:
        Scalar, the mean over the images; 0 for equal features.
    """
    seen, wanted = ([unit_vectors(found[layer]) for layer in LPIPS_LAYERS] for found in (output, target))
    return lpips_distance(seen, wanted, linear_weights("vgg"))
