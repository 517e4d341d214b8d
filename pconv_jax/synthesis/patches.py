"""3x3 patches of features: which belong to the hole, which may be copied, and the nearest of these for each of those.

Features are `[h, w, C]`; a patch is named by its upper left cell, so there are `[h - 2, w - 2]` of them.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

_SHORTEST = 1e-8  # length below which a patch has no direction
_CHUNK = 64  # patches that are compared with all others at once


class Roles(NamedTuple):
    """What each patch is; both bool `[h - 2, w - 2]`.

    Attributes:
        targets: patches with a cell in the core, which is refined.
        candidates: patches without a cell in any hole: what may be copied.
    """

    targets: np.ndarray
    candidates: np.ndarray


class Votes(NamedTuple):
    """What the nearest patches say of each cell.

    Attributes:
        mean: `[h, w, C]`: mean of the features that they put there.
        voters: `[h, w, 1]`: how many say so.
        spread: scalar: sum of the squared distances of what they say to that mean.
        unit: scalar: mean square of the features of candidates, times the number of entries of all targets.
    """

    mean: Array
    voters: Array
    spread: Array
    unit: Array


def patch_roles(core: np.ndarray, hole: np.ndarray, stride: int) -> Roles:
    """Roles of the patches of a layer.

    A cell is in the hole if any of its pixels is. Cells nearby still see the hole, as it is filled at the moment,
    through their receptive fields (24 px in relu3_1): without them hardly a patch would be left around a broad hole.

    Args:
        core: bool `[H, W]`, multiples of `stride`: the pixels to refine.
        hole: bool `[H, W]`: the pixels that are not to be copied, the core among them.
        stride: pixels a cell.

    Returns:
        The roles.
    """

    def met(pixels: np.ndarray) -> np.ndarray:
        cells = pixels.reshape(pixels.shape[0] // stride, stride, -1, stride).any(axis=(1, 3))
        if min(cells.shape) < 3:
            return np.zeros((0, 0), bool)
        return np.asarray(np.lib.stride_tricks.sliding_window_view(cells, (3, 3)).any(axis=(2, 3)))

    return Roles(met(core), ~met(hole))


def extract_patches(features: Array) -> Array:
    """All 3x3 patches: `[h, w, C]` to `[h - 2, w - 2, 9 C]`."""
    numbers = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated_patches(features[None], (3, 3), (1, 1), "VALID", dimension_numbers=numbers)[0]


def nearest_patches(patches: Array, targets: Array, candidates: Array) -> Array:
    """The nearest candidate of each target: the one of highest normalised cross-correlation, which is the cosine.

    As in the authors' release. By Euclidean distance the blurred patches of a hole would find the flattest candidates.

    Args:
        patches: `[P, D]` float32.
        targets: bool `[P]`.
        candidates: bool `[P]`, at least one.

    Returns:
        `[P]` int32: for each target the number of its nearest candidate, 0 elsewhere.
    """
    count = len(patches)
    (order,) = jnp.nonzero(targets, size=count + -count % _CHUNK, fill_value=0)
    lengths = jnp.linalg.norm(patches, axis=1, keepdims=True)
    directions = patches / jnp.maximum(lengths, _SHORTEST)
    penalty = jnp.where(candidates, 0.0, jnp.inf)

    def search(chunk: Array, found: Array) -> Array:
        own = lax.dynamic_slice(order, (chunk * _CHUNK,), (_CHUNK,))
        products = jnp.matmul(directions[own], directions.T, precision=lax.Precision.HIGHEST)
        return found.at[own].set(jnp.argmax(products - penalty[None], axis=1).astype(jnp.int32))

    chunks = (jnp.sum(targets) + _CHUNK - 1) // _CHUNK
    found = lax.fori_loop(0, chunks, search, jnp.zeros(count, jnp.int32))
    return jnp.where(targets, found, 0)


def vote(features: Array, targets: Array, candidates: Array) -> Votes:
    """Lets the nearest candidate of each target say what its nine cells should be.

    Args:
        features: `[h, w, C]`.
        targets: bool `[h - 2, w - 2]`.
        candidates: bool `[h - 2, w - 2]`, at least one.

    Returns:
        The votes; constants to differentiation.
    """
    features = lax.stop_gradient(features)
    patches = extract_patches(features).reshape(targets.size, -1)
    numbers = nearest_patches(patches, targets.ravel(), candidates.ravel())
    chosen = jnp.where(targets.reshape(-1, 1), patches[numbers], 0)

    def gather(values: Array) -> Array:
        shape = jax.ShapeDtypeStruct((*features.shape[:2], values.shape[-1] // 9), values.dtype)
        return jax.linear_transpose(extract_patches, shape)(values.reshape(*targets.shape, -1))[0]

    voters = gather(jnp.repeat(targets.reshape(-1, 1).astype(jnp.float32), 9, axis=1))
    mean = gather(chosen) / jnp.maximum(voters, 1)
    size = jnp.sum(jnp.where(candidates.reshape(-1, 1), patches**2, 0)) / jnp.maximum(jnp.sum(candidates), 1)
    return Votes(mean, voters, jnp.sum(chosen**2) - jnp.sum(voters * mean**2), size * jnp.sum(targets))
