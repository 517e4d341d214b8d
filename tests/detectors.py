"""Damage detectors without any training, such as one that finds pale pixels, and pictures with pale lines on them."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from pconv_jax.checkpoints.detector_file import TrainedDetector
from pconv_jax.models.detector import DetectorConfig

PIXELWISE = DetectorConfig(widths=(8,), blocks=(0,))


class Pretended:
    """A function of the image, where it is inside, and the margin in place of a network."""

    config, leaves = "pretended", ()

    def __init__(self, function):
        self.function = function

    def program(self, margin, *, quick):
        return lambda leaves, image, inside: self.function(image, inside, margin)


def pale_detector(*, gain=60.0, least=0.9, opacity=0.75) -> TrainedDetector:
    """The logit of damage is `gain` x (brightness - `least`) at each pixel, whatever is around it."""
    graph, params = nnx.split(nnx.eval_shape(lambda: PIXELWISE.build(rngs=nnx.Rngs(0))), nnx.Param)
    model = nnx.merge(graph, jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), params))
    stem, head = np.zeros((3, 3, 12, 8), np.float32), np.zeros((3, 3, 8, 8), np.float32)
    for pixel in range(4):  # of two by two; what is above and what is below `least` in channels of their own
        for sign, channel in ((1, 2 * pixel), (-1, 2 * pixel + 1)):
            stem[1, 1, 3 * pixel : 3 * pixel + 3, channel] = sign / 3
            head[1, 1, channel, 2 * pixel] = sign * gain / 1.1  # the LeakyReLU lets a tenth through
    model.stem.conv.kernel[...], model.head.conv.kernel[...] = jnp.asarray(stem), jnp.asarray(head)
    model.stem.conv.bias[...] = jnp.asarray((0.5 - least) * np.tile([1.0, -1.0], 4), jnp.float32)
    model.head.conv.bias[...] = jnp.asarray(np.tile([0, np.log(opacity / (1 - opacity))], 4), jnp.float32)
    return TrainedDetector(PIXELWISE, nnx.state(model, nnx.Param), about={"step": 7})


def random_detector(config: DetectorConfig, *, seed=1) -> TrainedDetector:
    """Parameters large enough that every one of them matters."""
    shapes = nnx.state(nnx.eval_shape(lambda: config.build(rngs=nnx.Rngs(0))), nnx.Param)
    rng = np.random.default_rng(seed)

    def number(leaf):
        return jnp.asarray(rng.normal(0, np.sqrt(1 / np.prod(leaf.shape[:-1])), leaf.shape), jnp.float32)

    return TrainedDetector(config, jax.tree.map(number, shapes))


def scratched(picture: np.ndarray, *, rows=(10, 12), columns=(6, 30)) -> tuple[np.ndarray, np.ndarray]:
    """A picture with a white line, and the line: bool `[H, W]`."""
    line = np.zeros(picture.shape[:2], bool)
    line[slice(*rows), slice(*columns)] = True
    damaged = picture.copy()
    damaged[line] = np.iinfo(picture.dtype).max
    return damaged, line


def grown(line, by=2):
    """A straight line with a disc around each of its pixels; 2 px is the default."""
    rows, columns = np.flatnonzero(line.any(axis=1)), np.flatnonzero(line.any(axis=0))
    wide = np.zeros_like(line)
    for up in range(by + 1):
        aside = int((by**2 - up**2) ** 0.5)
        wide[rows[0] - up : rows[-1] + 1 + up, columns[0] - aside : columns[-1] + 1 + aside] = True
    return wide
