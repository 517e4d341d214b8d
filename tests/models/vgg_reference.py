"""VGG16 once more, in plain NumPy, with random images and weights to compare on."""

import jax.numpy as jnp
import numpy as np

from pconv_jax.models.vgg import KERNEL_SHAPES, convs_through

# Configuration D of the paper, written out here so that the reference below shares nothing with the module.
CONFIGURATION_D = [64, 64, "M", 128, 128, "M", *[256] * 3, "M", *[512] * 3, "M", *[512] * 3, "M"]
NAMES = [
    *("block1_conv1", "block1_conv2", "block1_pool"),
    *("block2_conv1", "block2_conv2", "block2_pool"),
    *("block3_conv1", "block3_conv2", "block3_conv3", "block3_pool"),
    *("block4_conv1", "block4_conv2", "block4_conv3", "block4_pool"),
    *("block5_conv1", "block5_conv2", "block5_conv3", "block5_pool"),
]


def images(height=37, width=41, batch=2, seed=5):
    return np.random.default_rng(seed).random((batch, height, width, 3), np.float32)


def numbers(through="block1_pool", seed=3):
    """Random weights as nested dict of NumPy arrays, with biases that are not zero."""
    rng = np.random.default_rng(seed)
    return {
        name: {
            "kernel": rng.normal(0, 0.1, KERNEL_SHAPES[name]).astype(np.float32),
            "bias": rng.normal(0, 0.5, KERNEL_SHAPES[name][3:]).astype(np.float32),
        }
        for name in convs_through(through)
    }


def assert_same_params(vgg, expected):
    assert list(vgg.params) == list(expected)
    for name, layer in expected.items():
        assert set(vgg.params[name]) == {"kernel", "bias"}
        for key, value in layer.items():
            assert vgg.params[name][key].dtype == jnp.float32
            np.testing.assert_array_equal(vgg.params[name][key], value)


def reference(params, rgb, preprocessing):
    """Every layer's features in float64 from slices and products of NumPy alone."""
    x = rgb.astype(np.float64)
    if preprocessing == "caffe":
        x = np.stack([x[..., 2] * 255 - 103.939, x[..., 1] * 255 - 116.779, x[..., 0] * 255 - 123.68], axis=-1)
    else:
        x = np.stack([(x[..., c] - m) / s for c, m, s in ((0, 0.485, 0.229), (1, 0.456, 0.224), (2, 0.406, 0.225))], -1)
    out = {}
    for name, width in zip(NAMES, CONFIGURATION_D, strict=True):
        n, h, w, _ = x.shape
        if width == "M":
            x = x[:, : h // 2 * 2, : w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, -1).max(axis=(2, 4))
        elif name in params:
            kernel = np.asarray(params[name]["kernel"], np.float64)
            padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
            y = sum(padded[:, i : i + h, j : j + w] @ kernel[i, j] for i in range(3) for j in range(3))
            x = np.maximum(y + np.asarray(params[name]["bias"], np.float64), 0)
            assert x.shape[-1] == width
        else:
            return out
        out[name] = x
    return out


def assert_close(found, expected, tolerance):
    for name, value in found.items():
        assert value.shape == expected[name].shape
        error = np.abs(np.asarray(value, np.float64) - expected[name]).max() / np.abs(expected[name]).max()
        assert error < tolerance, (name, error)
