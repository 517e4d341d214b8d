"""VGG19: its files are told from VGG16's, and its fourth convolutions are run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from vgg_files import save_npz
from vgg_reference import images

from pconv_jax.common.errors import InputError
from pconv_jax.models.vgg import VGG16, convs_through, features, kernel_shapes, layers_through
from pconv_jax.models.vgg_weights import load_vgg_weights

THROUGH = "block3_conv4"
# Places in torchvision's VGG19, from its printed architecture.
PLACES = dict(zip(convs_through(THROUGH, network="VGG19"), (0, 2, 5, 7, 10, 12, 14, 16), strict=True))


@pytest.fixture(scope="module")
def params():
    rng = np.random.default_rng(0)
    return {
        name: {
            "kernel": (rng.standard_normal(shape, np.float32) * np.sqrt(2 / np.prod(shape[:3]))).astype(np.float32),
            "bias": rng.normal(0, 0.1, shape[3:]).astype(np.float32),
        }
        for name, shape in kernel_shapes("VGG19").items()
        if name in PLACES
    }


def entries(params, kind):
    if kind == "caffe":
        return {f"{name}/{key}": value for name, layer in params.items() for key, value in layer.items()}
    return {
        f"features.{PLACES[name]}.{'weight' if key == 'kernel' else 'bias'}": (
            value.transpose(3, 2, 0, 1) if key == "kernel" else value
        )
        for name, layer in params.items()
        for key, value in layer.items()
    }


def test_three_convolutions_more_than_vgg16():
    more = set(layers_through("block5_pool", network="VGG19")) - set(layers_through("block5_pool"))
    assert more == {"block3_conv4", "block4_conv4", "block5_conv4"}
    count = sum(np.prod(shape) + shape[3] for shape in kernel_shapes("VGG19").values())
    assert count == 20_024_384  # Keras' count without the top
    with pytest.raises(InputError, match="VGG16 has no layer 'block4_conv4'"):
        layers_through("block4_conv4")


@pytest.mark.parametrize("kind", ["caffe", "torchvision"])
def test_files_are_recognised_and_refused_where_vgg16_is_needed(params, kind, tmp_path):
    save_npz(tmp_path / "vgg19.npz", entries(params, kind))
    vgg = load_vgg_weights(tmp_path / "vgg19.npz", through=THROUGH, networks=("VGG16", "VGG19"))
    assert (vgg.network, vgg.preprocessing, vgg.trained) == ("VGG19", kind, True)
    assert list(vgg.params) == list(params)
    np.testing.assert_array_equal(vgg.params[THROUGH]["kernel"], params[THROUGH]["kernel"])
    with pytest.raises(InputError, match=r"is VGG19, not VGG16 \(it has"):
        load_vgg_weights(tmp_path / "vgg19.npz", through="block3_conv1")
    with pytest.raises(InputError, match="lacks block4_conv1, which VGG19 needs for block4_conv1"):
        load_vgg_weights(tmp_path / "vgg19.npz", through="block4_conv1", networks=("VGG16", "VGG19"))
    # Up to the third convolution of the third block nothing tells the two apart, and nothing differs.
    shorter = {name: layer for name, layer in params.items() if name != THROUGH}
    save_npz(tmp_path / "shorter.npz", entries(shorter, kind))
    assert load_vgg_weights(tmp_path / "shorter.npz", through="block3_conv3").network == "VGG16"


def test_other_networks_are_neither(tmp_path):
    both = {f"features.{place}.bias": np.zeros(4, np.float32) for place in (0, 16, 17)}
    save_npz(tmp_path / "w.npz", both)
    with pytest.raises(InputError, match=r"another network, not VGG16 or VGG19 \(it has features\.16\)"):
        load_vgg_weights(tmp_path / "w.npz", through="block1_conv1", networks=("VGG16", "VGG19"))


def test_the_fourth_convolution_agrees_with_numpy(params):
    vgg = VGG16(jax.tree.map(jnp.asarray, params), "caffe", "numbers", "VGG19")
    rgb = images(12, 16, batch=1)
    third = VGG16({name: layer for name, layer in vgg.params.items() if name != THROUGH}, "caffe", "numbers")
    x = np.asarray(features(third, rgb, ["block3_conv3"])["block3_conv3"], np.float64)
    padded, kernel = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), params[THROUGH]["kernel"].astype(np.float64)
    height, width = x.shape[1:3]
    expected = sum(padded[:, i : i + height, j : j + width] @ kernel[i, j] for i in range(3) for j in range(3))
    expected = np.maximum(expected + params[THROUGH]["bias"], 0)
    found = features(vgg, rgb, [THROUGH, "block3_pool"])
    np.testing.assert_allclose(found[THROUGH], expected, rtol=1e-4, atol=1e-4 * expected.max())
    assert found["block3_pool"].shape == (1, 1, 2, 256)
    with pytest.raises(InputError, match="VGG19 layer block4_conv1 needs block4_conv1"):
        features(vgg, rgb, ["block4_conv1"])


def test_real_weights(shared):
    path = shared / "weights" / "vgg19_conv1_1_to_conv3_4.npz"
    vgg = load_vgg_weights(path, through="block3_conv4", networks=("VGG16", "VGG19"))
    assert (vgg.network, vgg.preprocessing) == ("VGG19", "caffe")
