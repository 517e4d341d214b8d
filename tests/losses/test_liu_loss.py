"""The loss of Liu et al.: worked by hand, against NumPy with genuine VGG16 weights, mistakes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pconv_jax.common.errors import InputError
from pconv_jax.losses import LiuLosses, check_vgg, weighted_sum
from pconv_jax.losses.liu import composite
from pconv_jax.models.vgg import features
from pconv_jax.models.vgg_weights import load_vgg_weights

NO_FEATURES = LiuLosses(perceptual_weight=0.0, style_weight=0.0)


def refused(image):
    raise AssertionError("no features are needed")


def images(seed=0, batch=2, side=16):
    """Output, target and mask; the first image has a broad hole, the second scattered ones."""
    rng = np.random.default_rng(seed)
    output, target = rng.random((2, batch, side, side, 3)).astype(np.float32)
    mask = (rng.random((batch, side, side, 1)) < 0.8).astype(np.float32)
    mask[0] = 1
    mask[0, 4:10, 5:11] = 0
    return output, target, mask


# Worked by hand.


def test_worked_by_hand():
    """One row of four grey pixels; the third is a hole."""
    output = jnp.array([0.5, 0.25, 0.75, 0.0]).reshape(1, 1, 4, 1)
    target = jnp.array([0.5, 0.5, 0.25, 0.5]).reshape(1, 1, 4, 1)
    mask = jnp.array([1, 1, 0, 1]).reshape(1, 1, 4, 1)
    np.testing.assert_array_equal(composite(output, target, mask).ravel(), [0.5, 0.5, 0.75, 0.5])

    # The features are the pixels doubled: one layer, one channel.
    terms = LiuLosses().terms(output, target, mask, features=lambda image: {"x": 2 * image})
    assert terms["valid"] == (0 + 0.25 + 0.5) / 4
    assert terms["hole"] == 0.5 / 4
    assert terms["perceptual"] == 2 * (0 + 0.25 + 0.5 + 0.5) / 4 + 2 * 0.5 / 4  # output, composite
    # Gram: sums of squares over C * H * W = 4, of the target 3.25, of the output 3.5, of the composite 5.25.
    assert terms["style"] == (3.5 - 3.25) / 4 + (5.25 - 3.25) / 4
    # Composite, between its second, third and fourth pixel.
    assert terms["tv"] == (0.25 + 0.25) / 4
    total = weighted_sum(terms, LiuLosses().weights)
    np.testing.assert_allclose(total, 0.1875 + 6 * 0.125 + 0.05 * 0.875 + 120 * 0.5625 + 0.1 * 0.125, rtol=1e-6)


def test_the_composite_takes_the_clean_target():
    output, target, mask = images()
    filled = np.asarray(composite(output, target, mask))
    holes = np.broadcast_to(mask == 0, output.shape)
    np.testing.assert_array_equal(filled[holes], output[holes])
    np.testing.assert_array_equal(filled[~holes], target[~holes])


def test_a_perfect_output_costs_its_own_variation_only():
    _, target, mask = images()
    terms = LiuLosses().terms(target, target, mask, features=lambda image: {"x": image})
    assert {name for name, value in terms.items() if value} == {"tv"}


def test_terms_without_weight_are_not_computed():
    output, target, mask = images()
    assert set(NO_FEATURES.terms(output, target, mask, features=refused)) == {"valid", "hole", "tv"}
    losses = LiuLosses(valid_weight=0.0, style_weight=0.0, tv_weight=0.0)
    assert set(losses.terms(output, target, mask, features=lambda x: {"x": x})) == {"hole", "perceptual"}


# Against NumPy.


def numpy_features(params, image, blocks):
    """VGG16's pools in float64: 3x3 convolutions by shifted products, ReLU, 2x2 maxima; Caffe's preprocessing."""
    x = image.astype(np.float64)[..., ::-1] * 255 - (103.939, 116.779, 123.68)
    found = {}
    for block in blocks:
        for conv in (1, 2):
            kernel, bias = (
                np.asarray(params[f"block{block}_conv{conv}"][key], np.float64) for key in ("kernel", "bias")
            )
            height, width = x.shape[1:3]
            padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
            windows = ((row, column) for row in range(3) for column in range(3))
            x = sum(padded[:, r : r + height, c : c + width] @ kernel[r, c] for r, c in windows) + bias
            x = np.maximum(x, 0)
        x = x.reshape(len(x), height // 2, 2, width // 2, 2, -1).max((2, 4))
        found[f"block{block}_pool"] = x
    return found


def numpy_terms(output, target, mask, see):
    output, target = output.astype(np.float64), target.astype(np.float64)
    filled = mask * target + (1 - mask) * output
    wanted, perceptual, style = see(target), 0.0, 0.0

    def gram(x):
        flat = x.reshape(len(x), -1, x.shape[-1])
        return np.einsum("npc,npd->ncd", flat, flat) / flat[0].size

    for image in (output, filled):
        for layer, seen in see(image).items():
            perceptual += np.abs(seen - wanted[layer]).mean()
            style += np.abs(gram(seen) - gram(wanted[layer])).mean()
    region = np.pad(mask == 0, ((0, 0), (1, 1), (1, 1), (0, 0)))
    side = mask.shape[1]
    region = np.logical_or.reduce([region[:, r : r + side, c : c + side] for r in range(3) for c in range(3)])
    down = np.abs(np.diff(filled, axis=1)) * (region[:, 1:] & region[:, :-1])
    right = np.abs(np.diff(filled, axis=2)) * (region[:, :, 1:] & region[:, :, :-1])
    return {
        "valid": np.abs(mask * (output - target)).mean(),
        "hole": np.abs((1 - mask) * (output - target)).mean(),
        "perceptual": perceptual,
        "style": style,
        "tv": (down.sum() + right.sum()) / filled.size,
    }


def test_is_that_of_numpy_with_genuine_weights(shared):
    # These are Caffe's: the formulas are the same for any features; see `check_preprocessing`.
    vgg = load_vgg_weights(shared / "weights" / "vgg16_conv1_1_to_conv2_2.npz", through="block2_pool")
    output, target, mask = images()
    layers = ("block1_pool", "block2_pool")

    @jax.jit
    def terms(vgg, output, target, mask):
        return LiuLosses().terms(output, target, mask, features=lambda image: features(vgg, image, layers))

    expected = numpy_terms(output, target, mask, functools.partial(numpy_features, vgg.params, blocks=(1, 2)))
    found = terms(vgg, output, target, mask)
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=2e-4, err_msg=name)
    total = sum(
        weight * expected[name]
        for name, weight in {"valid": 1, "hole": 6, "perceptual": 0.05, "style": 120, "tv": 0.1}.items()
    )
    np.testing.assert_allclose(weighted_sum(found, LiuLosses().weights), total, rtol=2e-4)


# Mistakes.


def test_features_of_caffe_are_refused():
    check_vgg(LiuLosses(), "torchvision", "vgg16.npz")
    check_vgg(NO_FEATURES, "caffe", "download")
    with pytest.raises(InputError) as error:
        check_vgg(LiuLosses(), "caffe", "download")
    assert str(error.value) == (
        "the VGG16 weights from download expect caffe preprocessing, but the weights of losses liu belong to "
        "torchvision's features (Caffe's are 60 times as large as torchvision's and more, their Gram matrices 2900 "
        "times): give a file of torchvision's VGG16"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hole_weight": -1.0}, "the weight of the hole loss is -1.0, but it must be finite and at least 0"),
        ({"tv_weight": float("inf")}, "the weight of the tv loss is inf, but it must be finite and at least 0"),
        ({"style_weight": float("nan")}, "the weight of the style loss is nan, but it must be finite and at least 0"),
        (
            {"hole_weight": 0.0, "valid_weight": 0.0},
            "the weights of the valid and the hole loss cannot both be 0: nothing asks for the image",
        ),
    ],
)
def test_weights_that_make_no_sense_are_refused(change, message):
    with pytest.raises(InputError) as error:
        LiuLosses(**change).check()
    assert str(error.value) == message
