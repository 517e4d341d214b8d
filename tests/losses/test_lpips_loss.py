"""LPIPS as a loss: worked by hand, its linear weights, gradients that stay finite."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from alexnet_reference import TORCHVISION_WIDTHS

from pconv_jax.common.errors import InputError
from pconv_jax.losses import PaperLosses, check_vgg
from pconv_jax.losses.lpips import LPIPS_LAYERS, linear_weights, lpips_distance, lpips_loss, unit_vectors

WIDTHS = (64, 128, 256, 512, 512)


def test_worked_by_hand():
    # One layer of two channels, 1x2 places. Unit vectors (1, 0) against (0.6, 0.8), and equal ones of other lengths.
    output, truth = unit_vectors(np.float32([[[5, 0], [1, 1]]])), unit_vectors(np.float32([[[3, 4], [2, 2]]]))
    weights = np.float32([10, 100])
    expected = (10 * 0.4**2 + 100 * 0.8**2) / 2
    np.testing.assert_allclose(lpips_distance([output], [truth], [weights]), expected, rtol=1e-6)
    # Layers add up; no feature at all is a vector of zeros.
    some, none = unit_vectors(np.float32([[[0, 3]]])), unit_vectors(np.zeros((1, 1, 2), np.float32))
    found = lpips_distance([output, some], [truth, none], [weights, weights])
    np.testing.assert_allclose(found, expected + 100, rtol=1e-6)


def test_the_linear_weights_are_those_of_version_0_1():
    found = {network: linear_weights(network) for network in ("alex", "vgg")}
    assert [len(weights) for weights in found["alex"]] == list(TORCHVISION_WIDTHS)
    assert [len(weights) for weights in found["vgg"]] == list(WIDTHS)
    assert all((weights >= 0).all() for network in found.values() for weights in network)
    sums = [[float(weights.sum()) for weights in network] for network in found.values()]
    np.testing.assert_allclose(
        sums,
        [[2.349532, 16.143026, 39.268440, 27.197178, 20.317177], [6.925992, 8.858334, 17.515005, 51.521324, 47.034855]],
        rtol=1e-5,
    )


@pytest.fixture
def layers():
    """Features of two images at each layer, two by two places."""
    rng = np.random.default_rng(0)
    widths = dict(zip(LPIPS_LAYERS, WIDTHS, strict=True))
    return [
        {name: jnp.asarray(rng.random((2, 2, 2, width)), jnp.float32) for name, width in widths.items()}
        for _ in range(2)
    ]


def test_of_a_batch_it_is_the_mean_over_the_images(layers):
    output, target = layers
    single = [lpips_loss(*({name: x[at : at + 1] for name, x in each.items()} for each in layers)) for at in range(2)]
    np.testing.assert_allclose(lpips_loss(output, target), np.mean(single), rtol=1e-6)
    assert lpips_loss(output, output) == 0
    scaled = {name: 3 * x for name, x in target.items()}
    np.testing.assert_allclose(lpips_loss(output, scaled), lpips_loss(output, target), rtol=1e-5)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_features_that_are_0_have_a_finite_gradient(layers, dtype):
    output, target = ({name: x.astype(dtype) for name, x in each.items()} for each in layers)
    output["block1_conv2"] = jnp.zeros_like(output["block1_conv2"])
    value, gradients = jax.value_and_grad(lpips_loss)(output, target)
    assert value.dtype == jnp.float32 and np.isfinite(value)
    for name, gradient in gradients.items():
        values = np.asarray(gradient, np.float32)
        assert np.isfinite(values).all() and (values.any() or name == "block1_conv2"), name


def test_the_loss_of_the_paper_takes_it_with_layers_of_its_own(layers):
    output, target = layers
    losses = PaperLosses(perceptual_distance="lpips", perceptual_layers=("block1_pool",))
    losses.check()
    assert losses.layers == LPIPS_LAYERS and PaperLosses().layers == ("block1_pool", "block2_pool", "block3_pool")
    images = {0: target, 1: output}
    pair = (jnp.full((2, 16, 16, 3), float(name)) for name in (1, 0))
    terms = losses.terms(
        *pair,
        jnp.ones((2, 16, 16, 1)),
        features=lambda image: images[int(image[0, 0, 0, 0])],
        judge=lambda image: image.mean((1, 2, 3)),
    )
    np.testing.assert_allclose(terms["perceptual"], lpips_loss(output, target), rtol=1e-6)


def test_other_weights_and_other_distances_are_refused():
    losses = PaperLosses(perceptual_distance="lpips")
    check_vgg(losses, "torchvision", "a.npz")
    with pytest.raises(InputError, match=r"a\.npz expect caffe preprocessing.*give a file of torchvision's VGG16"):
        check_vgg(losses, "caffe", "a.npz")
    check_vgg(PaperLosses(perceptual_distance="lpips", perceptual_weight=0.0), "caffe", "a.npz")
    with pytest.raises(InputError, match="perceptual_distance='l2' must be one of relative, lpips"):
        PaperLosses(perceptual_distance="l2").check()  # type: ignore[arg-type]


def test_it_is_float32_where_jax_counts_in_64_bits(layers):
    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"):
        assert lpips_loss(*layers).dtype == jnp.float32


def test_the_gradient_of_features_that_are_0_is_0():
    x = jnp.zeros((1, 2, 2, 3)).at[0, 0, 0].set(jnp.asarray([3.0, 0, 4.0]))
    gradient = jax.grad(lambda x: (unit_vectors(x) @ jnp.asarray([1.0, 2, 3])).sum())(x)
    assert (np.asarray(gradient)[0, 1:] == 0).all() and np.asarray(gradient)[0, 0, 0].any()
    curvature = jax.jvp(jax.grad(lambda x: (unit_vectors(x) ** 2).sum()), (x,), (jnp.ones_like(x),))[1]
    assert np.isfinite(curvature).all()
