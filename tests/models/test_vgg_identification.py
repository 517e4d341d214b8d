"""VGG16 weights: other networks, other numbers and a wrong preprocessing are found out."""

import jax
import numpy as np
import pytest
from vgg_files import flat
from vgg_reference import numbers

from pconv_jax.common.errors import InputError
from pconv_jax.models.vgg_weights import load_vgg_weights

CAFFE_BIASES = [0.73429835, 0.093403675, 0.06775674, 0.8862966]
CAFFE_VGG19_BIASES = [0.7301776, 0.06493629, 0.03428847, 0.8260386]
TORCHVISION_BIASES = [0.4034, 0.3778, 0.4644, -0.3228]


def with_first_biases(kind, values):
    weights = numbers()
    weights["block1_conv1"]["bias"][:4] = values
    return flat(weights, kind)


def vgg19(kind):
    entries = flat(numbers("block2_conv1"), kind)
    fourth = {"caffe": "block3_conv4/bias", "torchvision": "features.16.bias"}[kind]
    return entries | {fourth: np.zeros(256, np.float32)}


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (vgg19("caffe"), "VGG19, not VGG16 .*block3_conv4"),
        (vgg19("torchvision"), r"VGG19, not VGG16 .*features\.16"),
        # VGG16 with batch normalisation: convolutions at 0, 3, 7 ..., normalisation at 1, 4, 8 ...
        (
            {f"features.{i}.bias": np.zeros(4, np.float32) for i in (0, 1, 3, 4, 7, 30, 34)},
            r"another network, not VGG16 \(it has features\.1, features\.3,",
        ),
        (flat(numbers(), "caffe") | flat(numbers(), "torchvision"), "has both Keras names"),
        (
            {"conv1_1_W": np.zeros((3, 3, 3, 64), np.float32)},
            "has neither Keras names .* nor torchvision names",
        ),
        (
            {k: v.transpose(3, 2, 0, 1) if v.ndim == 4 else v for k, v in flat(numbers(), "caffe").items()},
            r"block1_conv1 must be a bias \[64\] and a kernel \[3, 3, 3, 64\], not .64. and \[64, 3, 3, 3\]",
        ),
        (
            flat(numbers(), "caffe") | {"block1_conv1/gamma": np.ones(64, np.float32)},
            r"not \[64\] and \[64\] and",
        ),
        (flat(numbers(), "caffe") | {"block1_conv2/bias": np.ones(64, np.int8)}, "block1_conv2 holds values"),
        (with_first_biases("caffe", np.nan), "not finite"),
        (with_first_biases("torchvision", CAFFE_BIASES), "caffe weights under torchvision names"),
        (with_first_biases("torchvision", CAFFE_VGG19_BIASES), "caffe weights under torchvision names"),
        (with_first_biases("caffe", TORCHVISION_BIASES), "torchvision weights under caffe names"),
    ],
)
def test_other_networks_and_numbers_are_refused(entries, words, tmp_path):
    np.savez(tmp_path / "weights.npz", **entries)
    with pytest.raises(InputError, match=words):
        load_vgg_weights(tmp_path / "weights.npz", through="block1_pool")


def test_networks_are_named(tmp_path):
    with pytest.raises(InputError, match="networks has 'VGG', and can have VGG16, VGG19"):
        load_vgg_weights(tmp_path / "weights.npz", networks=("VGG",))


def test_the_right_first_biases_are_accepted(tmp_path):
    for kind, values in (("caffe", CAFFE_BIASES), ("torchvision", TORCHVISION_BIASES)):
        np.savez(tmp_path / "weights.npz", **with_first_biases(kind, values))
        assert load_vgg_weights(tmp_path / "weights.npz", through="block1_pool").preprocessing == kind


def test_real_files_that_are_not_what_they_seem(shared, tmp_path):
    with pytest.raises(InputError, match=r"conv3_4\.npz is VGG19, not VGG16"):
        load_vgg_weights(shared / "weights" / "vgg19_conv1_1_to_conv3_4.npz", through="block2_pool")
    caffe = load_vgg_weights(shared / "weights" / "vgg16_conv1_1_to_conv2_2.npz", through="block1_pool")
    renamed = flat(jax.tree.map(np.asarray, caffe.params), "torchvision")
    np.savez(tmp_path / "renamed.npz", **renamed)
    with pytest.raises(InputError, match="caffe weights under torchvision names"):
        load_vgg_weights(tmp_path / "renamed.npz", through="block1_pool")
