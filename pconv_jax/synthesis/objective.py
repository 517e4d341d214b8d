"""What the synthesis minimises in one window at one scale: texture, content and total variation."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pconv_jax.models.vgg import VGG16, features
from pconv_jax.synthesis.patches import Roles, Votes, vote
from pconv_jax.synthesis.settings import SynthesisSettings


class Part(NamedTuple):
    """One window at one scale.

    Attributes:
        start: `[H, W, C]` in [0, 1], C = 1 or 3: what the pixels of the hole are kept close to.
        hole: `[H, W, 1]` float32, 1 = hole: the pixels that may change, the core of the window.
        roles: of the patches, by layer; without a layer that has nothing to copy.
    """

    start: np.ndarray
    hole: np.ndarray
    roles: dict[str, Roles]


class Weights(NamedTuple):
    """Weights of the objective.

    Attributes:
        texture: of the texture of each layer.
        content: of the content.
        total_variation: of the total variation.
    """

    texture: float
    content: float
    total_variation: float


def weights_of(settings: SynthesisSettings) -> Weights:
    """The weights of some settings: the texture's is shared by the layers."""
    return Weights(settings.texture / len(settings.layers), settings.content, settings.total_variation)


def layer_features(vgg: VGG16, image: Array, layers: tuple[str, ...]) -> dict[str, Array]:
    """Features `[h, w, C]` of one image `[H, W, 1 or 3]` by layer."""
    colour = jnp.broadcast_to(image, (*image.shape[:2], 3))
    return {name: found[0] for name, found in features(vgg, colour[None], layers).items()} if layers else {}


def all_votes(vgg: VGG16, image: Array, part: Part) -> dict[str, Votes]:
    """The nearest patches in an image, for each layer of a part."""
    found = layer_features(vgg, image, tuple(part.roles))
    return {name: vote(found[name], *map(jnp.asarray, roles)) for name, roles in part.roles.items()}


def objective(image: Array, vgg: VGG16, part: Part, votes: dict[str, Votes], weights: Weights) -> Array:
    """The weighted sum, for fixed nearest patches.

    A cell's distances to what n patches want of it are n times its squared distance to their mean, plus a constant:
    the texture needs no patches, only means.

    Args:
        image: `[H, W, C]`.
        vgg: the weights.
        part: the window.
        votes: by layer.
        weights: from `weights_of`.

    Returns:
        Scalar.

    References:
        Yang et al., High-Resolution Image Inpainting using Multi-Scale Neural Patch Synthesis, CVPR 2017, equation 1.
    """
    pixels = jnp.sum(part.hole)
    content = jnp.sum(part.hole * (image - part.start) ** 2) / (pixels * image.shape[-1])
    total = weights.content * content + weights.total_variation * _roughness(image, part.hole) / pixels
    found = layer_features(vgg, image, tuple(votes))
    for name, (mean, voters, spread, unit) in votes.items():
        distance = jnp.sum(voters * (found[name] - mean) ** 2) + spread
        total += weights.texture * distance / unit
    return total


def _roughness(image: Array, hole: ArrayLike) -> Array:
    """Sum of squared differences of neighbours, one of them at least in the hole, averaged over channels."""
    hole = jnp.asarray(hole)
    rows = jnp.maximum(hole[1:], hole[:-1]) * (image[1:] - image[:-1]) ** 2
    columns = jnp.maximum(hole[:, 1:], hole[:, :-1]) * (image[:, 1:] - image[:, :-1]) ** 2
    return (jnp.sum(rows) + jnp.sum(columns)) / image.shape[-1]
