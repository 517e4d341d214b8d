"""LPIPS: known values of genuine weights, worked by hand, against NumPy, files that are taken and refused."""

import hashlib
import re
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from alexnet_reference import TORCHVISION_WIDTHS, reference
from photograph_pairs import folder_of_genuine_weights, pairs

from experiments.evaluate.opening import open_distances
from experiments.evaluate.options import Options
from pconv_jax.common.errors import InputError
from pconv_jax.evaluation import torchvision_weights
from pconv_jax.evaluation.lpips import Lpips, open_lpips
from pconv_jax.losses.lpips import LPIPS_LAYERS, linear_weights, lpips_loss
from pconv_jax.models.vgg import features
from pconv_jax.models.vgg_weights import load_vgg_weights

# By the authors' library, lpips 0.1.4 on PyTorch 2.13 in float64, with torchvision's weights.
KNOWN = {
    "LPIPS (alex)": {
        "blur 64": 0.410891757,
        "noise 128": 0.344513049,
        "hole 128": 0.119439890,
        "shift 97x133": 0.050680514,
        "other 32": 0.382511981,
    },
    "LPIPS (vgg)": {
        "blur 64": 0.334890246,
        "noise 128": 0.455725733,
        "hole 128": 0.153084521,
        "shift 97x133": 0.139977415,
        "other 32": 0.750697624,
    },
}


def test_with_genuine_weights_it_is_that_of_its_authors():
    found = {distance.name: distance for distance in open_lpips(folder_of_genuine_weights())}
    assert found.keys() == KNOWN.keys()
    for name, values in KNOWN.items():
        for pair, (output, truth) in pairs().items():
            np.testing.assert_allclose(found[name](output[None], truth[None]), [values[pair]], rtol=1e-5, err_msg=pair)


def test_the_loss_is_the_metric():
    file = Path(folder_of_genuine_weights(), "vgg16.npz")
    vgg, metric = load_vgg_weights(file), Lpips(file)
    for name, (output, truth) in pairs().items():
        seen = [features(vgg, jnp.asarray(image[None], jnp.float32), LPIPS_LAYERS) for image in (output, truth)]
        np.testing.assert_allclose(lpips_loss(*seen), metric(output[None], truth[None])[0], rtol=1e-5, err_msg=name)


SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # as the authors write it, for images in [-1, 1]


# Random weights in the place of torchvision's.


@pytest.fixture(scope="module")
def entries():
    """Names and arrays as in torchvision's AlexNet, its classifier cut short."""
    rng = np.random.default_rng(1)
    found = {"classifier.1.bias": np.zeros(2, np.float32)}
    widths = (3, *TORCHVISION_WIDTHS)
    for index, size, i in zip((0, 3, 6, 8, 10), (11, 5, 3, 3, 3), range(5), strict=True):
        kernel = rng.normal(0, np.sqrt(2 / (widths[i] * size**2)), (widths[i + 1], widths[i], size, size))
        found[f"features.{index}.weight"] = kernel.astype(np.float32)
        found[f"features.{index}.bias"] = rng.normal(0, 0.1, widths[i + 1]).astype(np.float32)
    return found


@pytest.fixture
def weights(tmp_path, monkeypatch, entries):
    """A folder of them that counts as original."""
    np.savez(tmp_path / "alexnet.npz", **entries)
    with pytest.raises(InputError) as refusal:
        Lpips(tmp_path / "alexnet.npz")
    assert re.search(
        r"alexnet.npz are not torchvision's \(their SHA-256 begins with \w{8}, not 2b566cc3\), and LPIPS is a metric "
        r"by particular weights: give torchvision's",
        str(refusal.value),
    )
    numbers = [entries[f"features.{i}.{key}"].tobytes() for i in (0, 3, 6, 8, 10) for key in ("weight", "bias")]
    monkeypatch.setitem(torchvision_weights._SHA256, "alex", hashlib.sha256(b"".join(numbers)).hexdigest())
    return tmp_path


def test_is_that_of_numpy_for_one_image_and_for_many(weights, entries):
    rng = np.random.default_rng(2)
    truth = rng.random((3, 34, 40, 3))
    output = np.clip(truth + rng.normal(0, 0.1, truth.shape), 0, 1)
    (distance,) = open_lpips(weights)
    assert distance.name == "LPIPS (alex)"

    layers = [
        (entries[f"features.{i}.weight"].transpose(2, 3, 1, 0), entries[f"features.{i}.bias"]) for i in (0, 3, 6, 8, 10)
    ]
    expected = 0
    seen = [reference(layers, (2 * x - 1 - SHIFT) / SCALE, two_groups=False) for x in (output, truth)]
    for place, (a, b) in enumerate(zip(*seen, strict=True)):
        a, b = (x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (a, b))
        expected += ((a - b) ** 2 @ linear_weights("alex")[place].astype(np.float64)).mean((1, 2))

    found = distance(output, truth)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_array_equal(distance(output[1:2], truth[1:2]), found[1:2])
    np.testing.assert_array_equal(distance(truth, truth), 0)
    assert distance(output[:0], truth[:0]).shape == (0,)
    assert distance._seen._cache_size() == 1  # compiled once for a size

    with pytest.raises(InputError, match="at least 32 x 32 pixels, not 40 x 31: use larger ones"):
        distance(output[:, :31], truth[:, :31])
    with pytest.raises(InputError, match=r"LPIPS takes.*\(3, 34, 40, 1\): repeat a single channel"):
        distance(output[..., :1], truth[..., :1])


def test_a_safetensors_file_is_the_same(weights, entries):
    safetensors.numpy.save_file(entries, weights / "other.safetensors")
    pair = np.random.default_rng(3).random((2, 1, 34, 40, 3))
    np.testing.assert_array_equal(Lpips(weights / "other.safetensors")(*pair), Lpips(weights / "alexnet.npz")(*pair))


def test_other_files_are_refused_with_the_way_out(tmp_path, entries):
    wanted = "give torchvision's ImageNet weights of AlexNet or VGG16, as .npz or .safetensors"
    with pytest.raises(InputError) as error:
        open_lpips(tmp_path / "none.npz")
    assert str(error.value) == f"the weights file {tmp_path}/none.npz for LPIPS does not exist: {wanted}"
    with pytest.raises(InputError, match="for LPIPS is a folder: "):
        Lpips(tmp_path)
    with pytest.raises(InputError) as error:
        open_lpips(tmp_path)
    names = "alexnet.npz, alexnet.safetensors, vgg16.npz, vgg16.safetensors"
    assert str(error.value) == f"the folder {tmp_path} has no weights for LPIPS ({names}): {wanted}"
    (tmp_path / "alexnet-owt-7be5be79.pth").write_bytes(b"\x80\x02")
    with pytest.raises(InputError, match=r"is a pickle .*convert it .*safetensors.torch.save_file\(torch.load"):
        open_lpips(tmp_path / "alexnet-owt-7be5be79.pth")
    del (others := dict(entries))["features.3.bias"]
    np.savez(tmp_path / "others.npz", **others)
    with pytest.raises(InputError, match=r"does not hold the convolutions of AlexNet or VGG16 under torchvision's"):
        Lpips(tmp_path / "others.npz")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "others.npz").read_bytes()[:1000])
    with pytest.raises(InputError, match=r"cut.npz is damaged or incomplete .*: get it again"):
        Lpips(tmp_path / "cut.npz")


def test_the_evaluation_has_a_column_for_each_network_that_there_are_weights_for(weights):
    (found,) = open_distances(Options(lpips_weights=weights))
    assert (found.name, found.identity) == ("LPIPS (alex)", {})
    pair = np.random.default_rng(3).random((2, 1, 34, 40, 3))
    assert found.distance(*pair).shape == (1,)
