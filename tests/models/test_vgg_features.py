"""VGG16: literals, parity with plain NumPy and PyTorch, gradients, precision, mistakes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageFilter
from vgg_reference import NAMES, assert_close, images, numbers, reference

from pconv_jax.common.errors import InputError
from pconv_jax.models.vgg import (
    KERNEL_SHAPES,
    LAYERS,
    VGG16,
    deepest,
    features,
    layers_through,
    preprocess,
    random_weights,
)
from pconv_jax.models.vgg_weights import load_vgg_weights

# --- literals


def test_layers_are_the_keras_names_in_order():
    assert list(LAYERS) == NAMES
    assert sum(np.prod(s) + s[3] for s in KERNEL_SHAPES.values()) == 14_714_688  # Keras' count without the top
    assert layers_through("block1_pool") == ("block1_conv1", "block1_conv2", "block1_pool")
    assert deepest(["block3_pool", "block1_pool", "block2_pool"]) == "block3_pool"


def test_preprocessing_of_one_orange_pixel():
    pixel = jnp.asarray([[[[1.0, 0.5, 0.0]]]])
    np.testing.assert_allclose(preprocess(pixel, "caffe").ravel(), [-103.939, 10.721, 131.32], rtol=1e-6)
    expected = [2.2489083, 0.19642857, -1.8044444]
    np.testing.assert_allclose(preprocess(pixel, "torchvision").ravel(), expected, rtol=1e-5)
    with pytest.raises(InputError, match="not 'imagenet'"):
        preprocess(pixel, "imagenet")


def test_convolution_and_pool_by_hand():
    """One tap, top left, of the third input channel: Caffe's red, moved down and right, zeros coming in."""
    kernel = np.zeros((3, 3, 3, 64), np.float32)
    kernel[0, 0, 2, 0] = 1
    second = np.zeros((3, 3, 64, 64), np.float32)
    second[1, 1, 0, 0] = 2
    bias = np.zeros(64, np.float32)
    bias[0] = -1.32  # red 1.0 arrives as 255 - 123.68 = 131.32, so 130 after the bias
    vgg = VGG16(
        {
            "block1_conv1": {"kernel": jnp.asarray(kernel), "bias": jnp.asarray(bias)},
            "block1_conv2": {"kernel": jnp.asarray(second), "bias": jnp.zeros(64)},
        },
        "caffe",
        "by hand",
    )
    red = np.zeros((1, 4, 5, 3), np.float32)
    red[0, 0, 0, 0] = red[0, 2, 1, 0] = 1
    red[0, 1, 1, 2] = 1  # blue: must not be seen
    found = features(vgg, jnp.asarray(red), ["block1_conv1", "block1_pool"])
    expected = np.zeros((4, 5))
    expected[1, 1] = expected[3, 2] = 130
    np.testing.assert_allclose(found["block1_conv1"][0, :, :, 0], expected, rtol=1e-5)
    np.testing.assert_allclose(found["block1_pool"][0, :, :, 0], [[260, 0], [0, 260]], rtol=1e-5)
    assert not found["block1_conv1"][..., 1:].any()


# --- parity


@pytest.mark.parametrize("preprocessing", ["caffe", "torchvision"])
def test_every_layer_agrees_with_numpy(preprocessing):
    params = numbers("block5_pool")
    for layer in params.values():  # He's scale, so that five blocks neither vanish nor explode
        layer["kernel"] *= np.sqrt(2 / np.prod(layer["kernel"].shape[:3])) / 0.1
    vgg = VGG16(jax.tree.map(jnp.asarray, params), preprocessing, "test")
    rgb = images()
    found = jax.jit(features, static_argnames="layers")(vgg, rgb, layers=LAYERS)
    assert sorted(found) == sorted(NAMES)
    assert found["block5_pool"].shape == (2, 1, 1, 512)
    assert_close(found, reference(params, rgb, preprocessing), 1e-5)


@pytest.mark.parametrize("preprocessing", ["caffe", "torchvision"])
def test_features_and_gradient_agree_with_pytorch(preprocessing):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    params = numbers("block3_conv2")
    vgg = VGG16(jax.tree.map(jnp.asarray, params), preprocessing, "test")
    rgb = images()
    rgb_torch = torch.from_numpy(rgb.transpose(0, 3, 1, 2)).clone().requires_grad_()
    if preprocessing == "caffe":
        x = rgb_torch.flip(1) * 255 - torch.tensor([103.939, 116.779, 123.68])[:, None, None]
    else:
        mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[:, :, None, None]
        x = (rgb_torch - mean) / std
    expected = {}
    for name in layers_through("block3_conv2"):
        if name.endswith("pool"):
            x = functional.max_pool2d(x, 2)
        else:
            kernel = torch.from_numpy(params[name]["kernel"].transpose(3, 2, 0, 1).copy())
            x = functional.relu(functional.conv2d(x, kernel, torch.from_numpy(params[name]["bias"]), padding=1))
        expected[name] = x
    x.square().mean().backward()

    def energy(rgb):
        found = features(vgg, rgb, list(expected))
        return jnp.square(found["block3_conv2"]).mean(), found

    gradient, found = jax.grad(energy, has_aux=True)(jnp.asarray(rgb))
    assert_close(found, {k: v.detach().numpy().transpose(0, 2, 3, 1) for k, v in expected.items()}, 1e-5)
    assert_close({"g": gradient}, {"g": rgb_torch.grad.numpy().transpose(0, 2, 3, 1)}, 1e-4)


def test_real_weights_on_a_real_photograph(shared):
    vgg = load_vgg_weights(shared / "weights" / "vgg16_conv1_1_to_conv2_2.npz", through="block2_pool")
    assert vgg.preprocessing == "caffe" and "vgg16_conv1_1_to_conv2_2.npz" in vgg.source
    # Two numbers of the original weights as others print them.
    np.testing.assert_allclose(vgg.params["block1_conv1"]["kernel"][0, 0, 0, 0], 0.42947057, rtol=1e-6)
    np.testing.assert_allclose(vgg.params["block1_conv1"]["bias"][0], 0.73429835, atol=2.0**-12)

    photo = Image.open(shared / "data/photos/train/cc0/roman-colosseum.jpg").convert("RGB")
    box = (592, 312, 656, 376)
    sharp = np.asarray(photo.crop(box), np.float32)[None] / 255 * 0.8 + 0.1
    layers = ("block1_conv1", "block1_pool", "block2_conv2", "block2_pool")
    found = features(vgg, sharp, layers)
    assert_close(found, reference(vgg.params, sharp, "caffe"), 1e-5)
    assert 0.2 < float((found["block2_conv2"] > 0).mean()) < 0.8

    # What trained features are for: blur is seen far better than a change of brightness of the same L2 size.
    blurred = np.asarray(photo.filter(ImageFilter.GaussianBlur(1.5)).crop(box), np.float32)[None] / 255 * 0.8 + 0.1
    brighter = sharp + np.sqrt(np.mean((sharp - blurred) ** 2))

    def seen(vgg):
        of = [features(vgg, x, ["block2_conv2"])["block2_conv2"] for x in (sharp, blurred, brighter)]
        return float(jnp.mean((of[0] - of[1]) ** 2) / jnp.mean((of[0] - of[2]) ** 2))

    assert seen(vgg) > 10
    assert seen(random_weights(0, through="block2_pool")) < 4


# --- behaviour of `features`


def test_runs_no_deeper_than_asked():
    vgg = random_weights(0, through="block3_conv1")
    program = str(jax.make_jaxpr(lambda v, x: features(v, x, ["block2_conv1", "block1_conv1"]))(vgg, images()))
    assert program.count("conv_general_dilated[") == 3


def test_weights_travel_through_jit_as_arguments():
    step = jax.jit(lambda vgg, x: features(vgg, x, ["block1_pool"])["block1_pool"])
    one = VGG16(jax.tree.map(jnp.asarray, numbers(seed=1)), "caffe", "test")
    two = VGG16(jax.tree.map(jnp.asarray, numbers(seed=2)), "caffe", "test")
    x = jnp.asarray(images(8, 8))
    for vgg in (one, two):
        np.testing.assert_allclose(step(vgg, x), features(vgg, x, ["block1_pool"])["block1_pool"], rtol=1e-5, atol=1e-4)
    assert step._cache_size() == 1
    normalised = VGG16(one.params, "torchvision", "test")
    assert not np.allclose(step(normalised, x), step(one, x))
    assert len(jax.tree.leaves(one)) == 4


def test_gradients_reach_images_and_not_weights():
    vgg = random_weights(0, through="block3_pool")
    x = jnp.asarray(images(16, 16)).at[0].set(0.5)  # a flat image too

    def loss(vgg, x):
        return sum(jnp.mean(jnp.abs(f)) for f in features(vgg, x, ["block2_pool", "block3_pool"]).values())

    of_vgg, of_x = jax.jit(jax.grad(loss, argnums=(0, 1)))(vgg, x)
    assert np.isfinite(of_x).all() and (np.abs(of_x).max(axis=(1, 2, 3)) > 0).all()
    assert not any(leaf.any() for leaf in jax.tree.leaves(of_vgg))


def test_bfloat16_is_close():
    vgg, x, layers = random_weights(0, through="block2_pool"), images(16, 16), ["block1_conv1", "block2_pool"]
    exact = features(vgg, x, layers)
    for name, value in features(vgg, x, layers, dtype=jnp.bfloat16).items():
        assert value.dtype == jnp.bfloat16
        difference = value.astype(jnp.float32) - exact[name]
        assert jnp.linalg.norm(difference.ravel()) < 0.02 * jnp.linalg.norm(exact[name].ravel())


@pytest.mark.parametrize(
    ("x", "layers", "words"),
    [
        (images(), ["relu1_1"], "no layer 'relu1_1': choose from block1_conv1, "),
        (images(), [], "no VGG16 layer was named"),
        (images(), ["block2_conv2"], "block2_conv2 needs block2_conv1, block2_conv2, .*seed 0.* through="),
        (images()[0], ["block1_conv1"], r"not \[37, 41, 3\]"),
        (images()[..., :1], ["block1_conv1"], r"not \[2, 37, 41, 1\]"),
        (images(1, 9), ["block1_pool"], "at least 2x2 pixels, not 9x1"),
        (np.zeros((1, 8, 8, 3), np.uint8), ["block1_conv1"], "not uint8: divide 8-bit images by 255"),
    ],
)
def test_mistakes_are_named(x, layers, words):
    with pytest.raises(InputError, match=words):
        features(random_weights(0, through="block1_pool"), x, layers)


def test_random_weights_repeat():
    short, long = random_weights(7, through="block1_conv1"), random_weights(7, through="block3_conv1")
    np.testing.assert_array_equal(*(v.params["block1_conv1"]["kernel"] for v in (short, long)))
    first = np.asarray(random_weights(0, through="block1_conv1").params["block1_conv1"]["kernel"]).ravel()[:3]
    np.testing.assert_allclose(first, [0.3041782, -0.3775276, -0.11609809], rtol=1e-6)
    kernel = long.params["block3_conv1"]["kernel"]
    assert (
        abs(float(kernel.std()) / np.sqrt(2 / (9 * 128)) - 1) < 0.01 and not long.params["block3_conv1"]["bias"].any()
    )
    assert not np.array_equal(random_weights(8, through="block1_conv1").params["block1_conv1"]["kernel"][0], kernel[0])
    other = random_weights(7, through="block1_conv1", preprocessing="torchvision")
    np.testing.assert_array_equal(*(v.params["block1_conv1"]["kernel"] for v in (short, other)))
    assert (short.preprocessing, other.preprocessing) == ("caffe", "torchvision")
    assert "seed 7" in long.source and "untrained" in long.source
    with pytest.raises(InputError, match="-1"):
        random_weights(-1)
