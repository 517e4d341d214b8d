"""An untrained network, damaged images, and what the network makes of them whole."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from pconv_jax.checkpoints.trained import TrainedGenerator
from pconv_jax.masks import random_strokes
from pconv_jax.models import FillCorrectingConfig

CONFIG = FillCorrectingConfig(widths=(4, 6), blocks=(1, 1))
SMALL = (96, 128)  # of those in use, as all in these tests: programs that other tests compile too


def untrained(config=CONFIG, **about):
    shapes = nnx.eval_shape(lambda: config.build(rngs=nnx.Rngs(0)))  # JAX takes seconds to draw the numbers
    rng = np.random.default_rng(0)

    def number(path, leaf):
        if "scale" in str(path) or "var" in str(path):
            return jnp.ones(leaf.shape, jnp.float32)
        # Large enough that the network, not the fill, makes the picture.
        return jnp.asarray(rng.normal(0.02, np.sqrt(1 / np.prod(leaf.shape[:-1])), leaf.shape), jnp.float32)

    params, stats = (
        jax.tree_util.tree_map_with_path(number, nnx.state(shapes, kind)) for kind in (nnx.Param, nnx.BatchStat)
    )
    return TrainedGenerator(config, params, stats, about=about)


def damaged(height, width, *, seed=0, channels=3, dtype=np.uint8, spots=4):
    """A smooth random image with some detail, and strokes in a few places."""
    rng = np.random.default_rng(seed)
    rows, columns = np.arange(height)[:, None, None], np.arange(width)[None, :, None]
    phase = rng.uniform(0, 6, channels)
    image = (
        0.5 + 0.3 * np.sin(rows / 17 + phase) * np.cos(columns / 11) + rng.normal(0, 0.02, (height, width, channels))
    )
    mask = np.ones((height, width), np.uint8)
    for _ in range(spots):
        y, x = rng.integers(0, max(1, height - 40)), rng.integers(0, max(1, width - 40))
        part = mask[y : y + 64, x : x + 64]
        part &= random_strokes(rng, 64, 64, count=(1, 3), thickness=(1, 12))[: part.shape[0], : part.shape[1], 0] > 0
    mask[0, -1] = 1
    image = image.clip(0, 1)
    if np.dtype(dtype).kind == "u":
        image = np.rint(image * np.iinfo(dtype).max)
    return image.astype(dtype), mask


def as_batch(image, mask):
    """An image of 8 bits and its mask as a network takes them."""
    return (image * mask[..., None]).astype(np.float32)[None] / 255, mask[None, ..., None].astype(np.float32)


def whole(model, image, mask):
    """What the network makes of the whole image at once, as 8-bit pixels."""
    return np.rint(model.raw(*as_batch(image, mask))[0][0] * 255)
