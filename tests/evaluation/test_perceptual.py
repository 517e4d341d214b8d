"""Perceptual distances: worked by hand, against NumPy and PyTorch, names, sensible order, mistakes."""

import hashlib
import math
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
from PIL import Image

from pconv_jax.common.errors import InputError
from pconv_jax.evaluation import reference_metrics
from pconv_jax.evaluation.perceptual_distance import VggDistance
from pconv_jax.evaluation.reference_metrics import Fid, Lpips
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


# VGG16.


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
    with pytest.raises(InputError, match=r"truth.*between 0 and 25.*: clip"):
        distance(output, np.where(truth < 0.5, 0, 255 * truth))
    with pytest.raises(InputError, match=r"\[1, 24, 20, 1\]"):
        distance(output[..., :1], truth[..., :1])


# LPIPS and FID: what can be seen without the libraries, then with them, on random weights in the place of the original.


def original(monkeypatch, path, table, network):
    """Let the file stand for an original one."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(reference_metrics, table, {digest[:8]: (network, "https://original")})
    return path


@pytest.mark.parametrize(
    ("figure", "file"), [(Lpips, "vgg16-397923af.pth"), (Fid, "pt_inception-2015-12-05-6726825d.pth")]
)
def test_no_other_file_computes_the_figure(figure, file, tmp_path):
    path = tmp_path / file
    with pytest.raises(
        InputError, match=rf"no weights file .*{file} for {figure.__name__.upper()}: save https://.*{file}"
    ):
        figure(path)
    path.write_bytes(b"other weights")
    digest = hashlib.sha256(b"other weights").hexdigest()[:8]
    with pytest.raises(InputError, match=rf"{file} is not an original.*{digest}.*save https://.*{file}"):
        figure(path)


@pytest.mark.parametrize(
    ("figure", "table", "library"), [(Lpips, "_LPIPS_FILES", "lpips"), (Fid, "_FID_FILES", "torch_fidelity")]
)
def test_a_missing_library_is_named(figure, table, library, tmp_path, monkeypatch):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"")
    for name in ("torch", "torch_fidelity.feature_extractor_inceptionv3", library):
        monkeypatch.setitem(sys.modules, name, None)  # makes `import` raise ModuleNotFoundError
    with pytest.raises(InputError, match=rf"needs {library.replace('_', '-')}, .*make install EXTRAS=perceptual"):
        figure(original(monkeypatch, path, table, "alex"))


def alexnet(tmp_path, torch):
    """A file with the names and shapes of torchvision's AlexNet, classifier cut short, and its convolutions."""
    rng = np.random.default_rng(1)
    state = {"classifier.1.bias": torch.zeros(2)}
    widths = (3, 64, 192, 384, 256, 256)
    for index, size, i in zip((0, 3, 6, 8, 10), (11, 5, 3, 3, 3), range(5), strict=True):
        kernel = rng.normal(0, math.sqrt(2 / (widths[i] * size**2)), (widths[i + 1], widths[i], size, size))
        state[f"features.{index}.weight"] = torch.from_numpy(kernel.astype(np.float32))
        state[f"features.{index}.bias"] = torch.from_numpy(rng.normal(0, 0.1, widths[i + 1]).astype(np.float32))
    torch.save(state, tmp_path / "alexnet.pth")
    return tmp_path / "alexnet.pth", state


def test_lpips_is_that_of_the_paper(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    lpips = pytest.importorskip("lpips")
    functional = torch.nn.functional
    path, state = alexnet(tmp_path, torch)
    distance = Lpips(original(monkeypatch, path, "_LPIPS_FILES", "alex"))
    assert distance.name == "LPIPS (alex)"
    rng = np.random.default_rng(2)
    truth = rng.random((3, 64, 70, 3))
    output = np.clip(truth + rng.normal(0, 0.1, truth.shape), 0, 1)

    def seen(images):
        x = torch.from_numpy(images.astype(np.float32).transpose(0, 3, 1, 2).copy())
        mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[:, :, None, None]
        x = (x - mean) / std
        for index, stride, padding in ((0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1)):
            x = functional.max_pool2d(x, 3, 2) if index in (3, 6) else x
            weight, bias = (state[f"features.{index}.{key}"] for key in ("weight", "bias"))
            x = functional.relu(functional.conv2d(x, weight, bias, stride=stride, padding=padding))
            yield x / x.norm(dim=1, keepdim=True)

    heads = torch.load(f"{lpips.__path__[0]}/weights/v0.1/alex.pth", "cpu", weights_only=True)
    expected = sum(
        ((a - b) ** 2 * heads[f"lin{i}.model.1.weight"]).sum(1).mean((1, 2))
        for i, (a, b) in enumerate(zip(seen(output), seen(truth), strict=True))
    )
    found = distance(output, truth)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4)
    np.testing.assert_array_equal(distance(output[1:2], truth[1:2]), found[1:2])
    np.testing.assert_array_equal(distance(truth, truth), 0)
    with pytest.raises(InputError, match="32 x 32 pixels, not 31 x 70"):
        distance(output[:, :31], truth[:, :31])
    with pytest.raises(InputError, match=r"LPIPS takes.*\(3, 64, 70, 1\)"):
        distance(output[..., :1], truth[..., :1])


def test_lpips_knows_torchvisions_vgg16(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    pytest.importorskip("lpips")
    indices = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    vgg = random_weights(0)
    state = {}
    for index, layer in zip(indices, vgg.params.values(), strict=True):
        state[f"features.{index}.weight"] = torch.from_numpy(np.asarray(layer["kernel"]).transpose(3, 2, 0, 1).copy())
        state[f"features.{index}.bias"] = torch.from_numpy(np.array(layer["bias"]))
    torch.save(state, tmp_path / "vgg.pth", _use_new_zipfile_serialization=False)  # the original file is that old
    distance = Lpips(original(monkeypatch, tmp_path / "vgg.pth", "_LPIPS_FILES", "vgg"))
    assert distance.name == "LPIPS (vgg)"
    truth = np.random.default_rng(3).random((1, 32, 32, 3))
    assert distance(1 - truth, truth) > distance(0.9 * truth, truth) > 0


def inception(tmp_path, torch, monkeypatch):
    """A file of random weights under the names of the original one."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    with monkeypatch.context() as patch:  # the library builds no network without a file
        patch.setattr(torch, "load", lambda *_, **__: {})
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        network = FeatureExtractorInceptionV3("random", ["2048"], feature_extractor_weights_path="")
    torch.save(network.state_dict(), tmp_path / "inception.pth")
    return tmp_path / "inception.pth", network


def test_fid_is_that_of_the_library(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    pytest.importorskip("torch_fidelity")
    torch.manual_seed(0)
    path, network = inception(tmp_path, torch, monkeypatch)
    fid = Fid(original(monkeypatch, path, "_FID_FILES", "inception"))
    assert fid.name == "FID"
    eight_bit = np.random.default_rng(4).integers(0, 256, (3, 40, 50, 3), np.uint8)
    found = fid.features(eight_bit / 255)
    (expected,) = network(torch.from_numpy(eight_bit.transpose(0, 3, 1, 2).copy()))
    assert (found.shape, found.dtype) == ((3, 2048), np.float64)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(fid.features(eight_bit[1:2] / 255), found[1:2])

    # Worked by hand: means 3 and 4 apart; variances 2 and 8, 18 and 2, without correlation.
    square = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])  # sample variance 4/3
    a, b = square * np.sqrt([1.5, 13.5]), square * np.sqrt([6, 1.5]) + (3, 4)
    expected = 9 + 16 + (math.sqrt(2) - math.sqrt(8)) ** 2 + (math.sqrt(18) - math.sqrt(2)) ** 2
    np.testing.assert_allclose(fid.distance(a, b), expected, rtol=1e-9)
    np.testing.assert_allclose(fid.distance(a, a), 0, atol=1e-9)
    with pytest.raises(InputError, match=r"at least 2 images.* 4 and 1"):
        fid.distance(a, b[:1])
    with pytest.raises(InputError, match=r"\(4, 2\) with \(4, 1\)"):
        fid.distance(a, b[:, :1])
