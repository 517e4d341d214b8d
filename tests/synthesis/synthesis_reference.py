"""The synthesis once more, in plain NumPy and float64, patch by patch; a VGG of random numbers to compare on."""

import jax.numpy as jnp
import numpy as np

from pconv_jax.models.vgg import KERNEL_SHAPES, VGG16
from pconv_jax.synthesis.settings import SynthesisSettings

CONVOLUTIONS = ("block1_conv1", "block1_conv2", "block2_conv1")
TINY = SynthesisSettings(
    scales=1,
    layers=("block1_conv1",),
    iterations=2,
    match_every=1,
    window=32,
    context=8,
    texture=1.0,
    content=0.1,
    total_variation=1.0,
)


def tiny_vgg(through="block2_conv1", trained=True):
    """Random weights that claim to be trained."""
    rng, params = np.random.default_rng(0), {}
    for name in CONVOLUTIONS[: CONVOLUTIONS.index(through) + 1]:
        shape = KERNEL_SHAPES[name]
        kernel = rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[:3]))
        params[name] = {
            "kernel": jnp.asarray(kernel, jnp.float32),
            "bias": jnp.asarray(rng.normal(0, 0.1, shape[3:]), jnp.float32),
        }
    return VGG16(params, "torchvision", "numbers", trained=trained)


def features(vgg, image):
    """Features of the three convolutions, `[h, w, C]`, of one image in [0, 1]."""
    x = (image.astype(np.float64) - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    found = {}
    for name, layer in vgg.params.items():
        if name == "block2_conv1":
            x = x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2, -1).max(axis=(1, 3))
        height, width = x.shape[:2]
        padded, kernel = np.pad(x, ((1, 1), (1, 1), (0, 0))), np.asarray(layer["kernel"], np.float64)
        x = sum(padded[i : i + height, j : j + width] @ kernel[i, j] for i in range(3) for j in range(3))
        found[name] = x = np.maximum(x + np.asarray(layer["bias"], np.float64), 0)
    return found


def patches(cells):
    """{(row, column): the nine cells of the patch there}."""
    height, width = cells.shape[:2]
    return {(i, j): cells[i : i + 3, j : j + 3] for i in range(height - 2) for j in range(width - 2)}


def roles(core, hole, stride):
    """Places of the patches to be moved, and of those to copy, looking at every pixel."""

    def meets(pixels, i, j):
        return pixels[i * stride : (i + 3) * stride, j * stride : (j + 3) * stride].any()

    places = [(i, j) for i in range(len(core) // stride - 2) for j in range(core.shape[1] // stride - 2)]
    return [at for at in places if meets(core, *at)], [at for at in places if not meets(hole, *at)]


def correlation(one, other):
    return (one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum())


def objective(vgg, image, start, matched, hole, settings):
    """The objective of `image` with the nearest patches of the image `matched`, all of one scale."""
    pixels = hole.sum()
    content = ((image - start)[hole] ** 2).sum() / (3 * pixels)
    variation = 0.0
    for i, j in np.ndindex(hole.shape):
        for k, m in ((i + 1, j), (i, j + 1)):
            if k < len(hole) and m < hole.shape[1] and (hole[i, j] or hole[k, m]):
                variation += ((image[i, j] - image[k, m]) ** 2).mean()
    total = settings.content * content + settings.total_variation * variation / pixels
    now, then = features(vgg, image), features(vgg, matched)
    for name in settings.layers:
        moved, copied = roles(hole, hole, 2 if name == "block2_conv1" else 1)
        own, known = patches(now[name]), patches(then[name])
        texture = 0.0
        for at in moved:
            nearest = max(copied, key=lambda other: correlation(known[at], known[other]))
            texture += ((own[at] - known[nearest]) ** 2).sum()
        unit = np.mean([(known[at] ** 2).sum() for at in copied]) * len(moved)
        total += settings.texture * texture / unit / len(settings.layers)
    return total
