"""The distance of VGG16 features: worked by hand, against NumPy, names, sensible order, mistakes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
from PIL import Image

from pconv_jax.common.errors import InputError
from pconv_jax.evaluation.perceptual_distance import VggDistance
from pconv_jax.models.vgg import KERNEL_SHAPES, VGG16, random_weights
from pconv_jax.models.vgg_weights import load_vgg_weights


def tiny(preprocessing="torchvision", source="test", through="block1_conv2"):
    """The first convolution shows red in channel 0 and twice green in channel 1; the second passes them on."""
    params = {}
    for name in list(KERNEL_SHAPES)[: list(KERNEL_SHAPES).index(through) + 1]:
        kernel = np.zeros(KERNEL_SHAPES[name], np.float32)
        kernel[1, 1, 0, 0], kernel[1, 1, 1, 1] = 1, 2 if name == "block1_conv1" else 1
        params[name] = {"kernel": kernel, "bias": np.zeros(KERNEL_SHAPES[name][3], np.float32)}
    return VGG16(jax.tree.map(jnp.asarray, params), preprocessing, source)


def colours(*pixels):
    """Flat images of these normalised torchvision colours, [N, 4, 4, 3]."""
    colour = np.array(pixels)[:, None, None] * (0.229, 0.224, 0.225) + (0.485, 0.456, 0.406)
    return np.broadcast_to(colour, (len(pixels), 4, 4, 3))


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    truth = rng.random((5, 24, 20, 3))
    return np.clip(truth + rng.normal(0, 0.1, truth.shape), 0, 1), truth


@pytest.fixture(scope="module")
def photo(shared):
    """One photograph, [1, 128, 160, 3]."""
    path = shared / "data/photos/train/cc0/roman-colosseum.jpg"
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").crop((500, 280, 660, 408)), np.float64)[None] / 255


def test_worked_by_hand():
    # Features (red, 2 green) after the ReLU: truth (1, 2), (1, 0) and (0.5, 2); output (0.5, 1), (0, 4) and the truth.
    truth = colours((1, 1, 0), (1, -1, 0), (0.5, 1, 2))
    output = colours((0.5, 0.5, 1), (-1, 2, 0), (0.5, 1, 1))
    expected = [(0.5 + 1) / 3, (1 + 4) / 1, 0]
    for layers in (["block1_conv1"], ["block1_conv2"], ["block1_conv1", "block1_conv2"]):
        np.testing.assert_allclose(VggDistance(tiny(), layers)(output, truth), expected, rtol=1e-5, atol=1e-6)
    # No feature at all: measured against 0.01. The mean over 64 channels of the output's is 3/64.
    nothing = VggDistance(tiny(), ["block1_conv1"])(colours((1, 1, 0)), colours((-1, -1, 0)))
    np.testing.assert_allclose(nothing, [3 / 64 / 0.01], rtol=1e-5)


def reference(params, image, layers):
    """Features of one image [H, W, 3] in float64: plain loops over the taps, Caffe's colours."""
    x = image[..., ::-1] * 255 - (103.939, 116.779, 123.68)
    found = []
    for name in ("block1_conv1", "block1_conv2", "block1_pool"):
        if name.endswith("pool"):
            x = np.max([x[i::2, j::2] for i in (0, 1) for j in (0, 1)], axis=0)
        else:
            kernel, bias = (np.float64(params[name][key]) for key in ("kernel", "bias"))
            height, width = x.shape[:2]
            padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
            taps = [padded[i : i + height, j : j + width] @ kernel[i, j] for i in range(3) for j in range(3)]
            x = np.maximum(np.sum(taps, axis=0) + bias, 0)
        if name in layers:
            found.append(x)
    return found


def test_is_that_of_numpy(pair):
    vgg = random_weights(1, through="block1_pool")
    layers = ("block1_conv1", "block1_pool")
    expected = []
    for a, b in zip(*pair, strict=True):
        features = zip(reference(vgg.params, a, layers), reference(vgg.params, b, layers), strict=True)
        expected.append(np.mean([np.abs(x - y).mean() / np.abs(y).mean() for x, y in features]))
    np.testing.assert_allclose(VggDistance(vgg, layers)(*pair), expected, rtol=1e-4)


def test_batch_changes_nothing(pair):
    output, truth = pair
    distance = VggDistance(random_weights(0, through="block2_pool"), ["block1_pool", "block2_pool"])
    found = distance(output, truth)
    assert (found.shape, found.dtype) == ((5,), np.float64)
    assert (found > 0).all()
    np.testing.assert_array_equal([distance(output[i : i + 1], truth[i : i + 1])[0] for i in range(5)], found)
    np.testing.assert_array_equal(distance(output[::-1], truth[::-1]), found[::-1])
    np.testing.assert_array_equal(distance(output[3:], truth[3:]), found[3:])
    np.testing.assert_array_equal(distance(truth, truth), 0)
    assert distance(output[:0], truth[:0]).shape == (0,)


@pytest.mark.parametrize(
    ("vgg", "layers", "name"),
    [
        (tiny("caffe"), ["block1_conv2", "block1_conv1"], "vgg16_caffe block1_conv1+block1_conv2"),
        (tiny(source="random.npz"), ["block1_conv1"], "vgg16_torchvision block1_conv1"),
        (random_weights(3, through="block1_conv1"), ["block1_conv1"], "vgg16_random block1_conv1"),
    ],
)
def test_names_say_what_computed_the_figure(vgg, layers, name):
    assert VggDistance(vgg, layers).name == name


def test_real_weights_order_real_damage(shared, photo):
    vgg = load_vgg_weights(shared / "weights" / "vgg16_conv1_1_to_conv2_2.npz", through="block2_pool")
    distance = VggDistance(vgg, ["block1_pool", "block2_pool"])
    assert distance.name == "vgg16_caffe block1_pool+block2_pool"
    noise = np.random.default_rng(0).normal(0, 1, photo.shape)
    blurred = [scipy.ndimage.gaussian_filter(photo, (0, sigma, sigma, 0)) for sigma in (0.5, 1, 2, 4)]
    noisy = [np.clip(photo + size * noise, 0, 1) for size in (0.005, 0.05)]
    images = np.concatenate([photo, *blurred, *noisy])
    figures = distance(images, np.repeat(photo, len(images), axis=0))
    assert figures[0] == 0
    by_blur, by_noise = figures[1:5], figures[5:]
    assert list(by_blur) == sorted(by_blur) and list(by_noise) == sorted(by_noise)
    assert by_noise[0] < by_blur[0] / 2 and by_blur[1] > 0.1


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([], "no VGG16 layer"),
        (["block9_pool"], "no layer 'block9_pool'"),
        (["block1_conv1", "block2_conv1"], r"block2_conv1 needs block2_conv1.*test lack"),
    ],
)
def test_layers_that_are_none(layers, message):
    with pytest.raises(InputError, match=message):
        VggDistance(tiny(), layers)


def test_images_that_do_not_fit(pair):
    distance = VggDistance(tiny(), ["block1_conv1"])
    output, truth = pair
    with pytest.raises(InputError, match=r"\(5, 24, 20, 3\).*\(4, 24, 20, 3\)"):
        distance(output, truth[1:])
    with pytest.raises(InputError, match=r"truth.*between 0\.0 and 25.*: clip"):
        distance(output, np.where(truth < 0.5, 0, 255 * truth))
    distance.check_size(1, 1)
    deep = VggDistance(tiny(), ["block1_pool"])
    deep.check_size(2, 3)
    with pytest.raises(InputError, match="block1_pool needs images of at least 2x2 pixels, not 3x1"):
        deep.check_size(1, 3)
    with pytest.raises(InputError, match=r"\[1, 24, 20, 1\]"):
        distance(output[..., :1], truth[..., :1])
