"""DISTS: known values of genuine weights, worked by hand, against NumPy, files that are taken and refused."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from photograph_pairs import folder_of_genuine_weights, pairs

from experiments.evaluate.opening import open_distances
from experiments.evaluate.options import Options
from pconv_jax.common.errors import InputError
from pconv_jax.evaluation import dists, torchvision_weights
from pconv_jax.evaluation.dists import Dists, dists_distance, l2_pool
from pconv_jax.models.vgg import KERNEL_SHAPES

# By the authors' package, DISTS-pytorch 0.1 on PyTorch 2.13 in float64, with torchvision's weights.
KNOWN = {
    "blur 64": 0.284269366,
    "noise 128": 0.293507842,
    "hole 128": 0.148641933,
    "shift 97x133": 0.089018851,
    "other 32": 0.494782060,
}


def test_with_genuine_weights_it_is_that_of_its_authors():
    distance = Dists(folder_of_genuine_weights())
    for pair, (output, truth) in pairs().items():
        np.testing.assert_allclose(distance(output[None], truth[None]), [KNOWN[pair]], rtol=1e-6, err_msg=pair)


def test_worked_by_hand():
    # One channel of 1x2 places: means 2 and 3, varying by (-1, 1) and (-1, 1).
    output, truth = np.float32([[[1], [3]]]), np.float32([[[2], [4]]])
    weights = np.float32([10]), np.float32([100])
    found = dists_distance([output], [truth], *([each] for each in weights))
    np.testing.assert_allclose(found, 10 * (2 - 3) ** 2 / (2**2 + 3**2), rtol=1e-6)
    # Turned round, both vary against each other: 1 less a correlation of -1.
    found = dists_distance([output], [truth[:, ::-1]], *([each] for each in weights))
    np.testing.assert_allclose(found, 10 / 13 + 100 * 2, rtol=1e-6)
    # Two channels and two layers are added up; equal ones, and such without any feature, add nothing.
    none = np.zeros((1, 2, 1), np.float32)
    both = np.concatenate([output, output], -1), np.concatenate([truth, output], -1)
    found = dists_distance(
        [both[0], none], [both[1], none], [np.float32([10, 20]), weights[0]], [np.float32([100, 200]), weights[1]]
    )
    np.testing.assert_allclose(found, 10 / 13, rtol=1e-6)


def test_pooling_worked_by_hand():
    # Around the first place of 3x3 lie its own square in full, of those beside it a half, and a quarter across.
    x = np.float32([[1, 2, 0], [3, 4, 0], [0, 0, 8]])[None, ..., None]
    expected = [
        [np.sqrt((1 + 4 / 2 + 9 / 2 + 16 / 4) / 4), np.sqrt((4 / 2 + 16 / 4) / 4)],
        [np.sqrt((9 / 2 + 16 / 4) / 4), np.sqrt((64 + 16 / 4) / 4)],
    ]
    np.testing.assert_allclose(np.asarray(l2_pool(x))[0, ..., 0], expected, rtol=1e-6)
    assert l2_pool(np.ones((2, 4, 7, 3), np.float32)).shape == (2, 2, 4, 3)


def test_the_weights_are_those_of_its_authors():
    found = safetensors.numpy.load_file(Path(dists.__file__).with_name("dists_weights.safetensors"))
    assert {name: value.shape for name, value in found.items()} == {"alpha": (1475,), "beta": (1475,)}
    assert all((value >= 0).all() for value in found.values())
    np.testing.assert_allclose([found["alpha"].sum(), found["beta"].sum()], [0.87604958, 0.12395021], rtol=1e-6)


# Random weights in the place of torchvision's.

PLACES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)


@pytest.fixture(scope="module")
def entries():
    """Names and arrays as in torchvision's VGG16."""
    rng = np.random.default_rng(1)
    found = {"classifier.0.bias": np.zeros(2, np.float32)}
    for index, (height, width, i, o) in zip(PLACES, KERNEL_SHAPES.values(), strict=True):
        kernel = rng.standard_normal((o, i, height, width), np.float32) * np.float32(np.sqrt(2 / (9 * i)))
        found |= {f"features.{index}.weight": kernel, f"features.{index}.bias": np.full(o, 0.1, np.float32)}
    return found


@pytest.fixture
def weights(tmp_path, monkeypatch, entries):
    """A folder of them that counts as original."""
    np.savez(tmp_path / "vgg16.npz", **entries)
    with pytest.raises(InputError, match=r"not 40acdda7.*, and DISTS is a metric by particular weights: give torch"):
        Dists(tmp_path / "vgg16.npz")
    numbers = [entries[f"features.{i}.{key}"].tobytes() for i in PLACES for key in ("weight", "bias")]
    monkeypatch.setitem(torchvision_weights._SHA256, "vgg", hashlib.sha256(b"".join(numbers)).hexdigest())
    return tmp_path


def convolved(x, kernel):
    """[H, W, I] with zeros around, by [O, I, 3, 3]."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((1, 1), (1, 1), (0, 0))), (3, 3), axis=(0, 1))
    return np.tensordot(windows, kernel, ((2, 3, 4), (1, 2, 3)))


def reference(entries, image):
    """The image and five layers of features, as the authors' package computes them."""
    x, found = (image - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225), [image]
    hann = np.outer([1, 2, 1], [1, 2, 1]) / 16
    for index in PLACES:
        if index in (5, 10, 17, 24):
            found.append(x)
            one = np.eye(x.shape[-1])[:, :, None, None] * hann
            x = np.sqrt(convolved(x**2, one)[::2, ::2] + 1e-12)
        x = np.maximum(convolved(x, entries[f"features.{index}.weight"]) + entries[f"features.{index}.bias"], 0)
    return [*found, x]


def test_is_that_of_numpy_for_one_image_and_for_many(weights, entries):
    rng = np.random.default_rng(2)
    truth = rng.random((2, 17, 20, 3))
    output = np.clip(truth + rng.normal(0, 0.1, truth.shape), 0, 1)
    distance = Dists(weights)

    channels = safetensors.numpy.load_file(Path(dists.__file__).with_name("dists_weights.safetensors"))
    alpha, beta = (channels[name].astype(np.float64) for name in ("alpha", "beta"))
    expected = []
    for pair in zip(output, truth, strict=True):
        seen = zip(*(reference(entries, image) for image in pair), strict=True)
        statistics = []
        for a, b in seen:
            means, variances = [x.mean((0, 1)) for x in (a, b)], [x.var((0, 1)) for x in (a, b)]
            covariance = (a * b).mean((0, 1)) - means[0] * means[1]
            texture = (2 * means[0] * means[1] + 1e-6) / (means[0] ** 2 + means[1] ** 2 + 1e-6)
            statistics.append((texture, (2 * covariance + 1e-6) / (sum(variances) + 1e-6)))
        similar = [np.concatenate(each) for each in zip(*statistics, strict=True)]
        expected.append(1 - (alpha @ similar[0] + beta @ similar[1]) / (alpha.sum() + beta.sum()))

    compiled = distance._seen._cache_size()
    found = distance(output, truth)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_array_equal(distance(output[1:2], truth[1:2]), found[1:2])
    np.testing.assert_array_equal(distance(truth, truth), 0)
    assert distance(output[:0], truth[:0]).shape == (0,)
    assert distance._seen._cache_size() == compiled + 1  # once for a size

    with pytest.raises(InputError, match="at least 16x16 pixels, not 20x15"):
        distance(output[:, :15], truth[:, :15])
    with pytest.raises(InputError, match=r"DISTS takes.*\(2, 17, 20, 1\): repeat a single channel"):
        distance(output[..., :1], truth[..., :1])


def test_the_evaluation_has_a_column_for_it(weights):
    (found,) = open_distances(Options(dists_weights=weights))
    assert (found.name, found.identity) == ("DISTS", {})
    with pytest.raises(InputError, match="at least 16x16 pixels, not 12x12"):
        open_distances(Options(dists_weights=weights, image_size=12))


def test_other_files_are_refused_with_the_way_out(tmp_path, entries):
    wanted = "give torchvision's ImageNet weights of VGG16, as .npz or .safetensors"
    with pytest.raises(InputError) as error:
        Dists(tmp_path / "none.npz")
    assert str(error.value) == f"the weights file {tmp_path}/none.npz for DISTS does not exist: {wanted}"
    with pytest.raises(InputError) as error:
        Dists(tmp_path)
    names = "vgg16.npz, vgg16.safetensors"
    assert str(error.value) == f"the folder {tmp_path} has no weights for DISTS ({names}): {wanted}"
    np.savez(tmp_path / "alexnet.npz", **{"features.0.weight": entries["features.0.weight"]})
    with pytest.raises(InputError, match=r"alexnet.npz does not hold the convolutions of VGG16 under torchvision's"):
        Dists(tmp_path / "alexnet.npz")
