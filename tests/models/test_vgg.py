"""VGG16: literals, parity with plain NumPy and PyTorch, every form of weights file, and the download."""

import hashlib
import http.server
import os
import pickle
import socket
import subprocess
import sys
import threading
import zipfile

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from PIL import Image, ImageFilter

from pconv_jax.common.errors import InputError
from pconv_jax.models import vgg_weights
from pconv_jax.models.vgg import (
    KERNEL_SHAPES,
    LAYERS,
    VGG16,
    convs_through,
    deepest,
    features,
    layers_through,
    preprocess,
    random_weights,
)
from pconv_jax.models.vgg_weights import default_weights, load_vgg_weights, resolve_weights

# Configuration D of the paper, written out here so that the reference below shares nothing with the module.
CONFIGURATION_D = [64, 64, "M", 128, 128, "M", *[256] * 3, "M", *[512] * 3, "M", *[512] * 3, "M"]
NAMES = [
    *("block1_conv1", "block1_conv2", "block1_pool"),
    *("block2_conv1", "block2_conv2", "block2_pool"),
    *("block3_conv1", "block3_conv2", "block3_conv3", "block3_pool"),
    *("block4_conv1", "block4_conv2", "block4_conv3", "block4_pool"),
    *("block5_conv1", "block5_conv2", "block5_conv3", "block5_pool"),
]
TORCHVISION = dict(
    zip([n for n in NAMES if "conv" in n], (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28), strict=True)
)


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
        (images(1, 9), ["block1_pool"], "at least 2x2 pixels, not 1x9"),
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
    assert "seed 7" in long.source and "untrained" in long.source
    with pytest.raises(InputError, match="-1"):
        random_weights(-1)


# --- files


def flat(params, preprocessing):
    """Names and arrays of a Keras-like or a torchvision-like file."""
    if preprocessing == "caffe":
        return {f"{name}/{key}": value for name, layer in params.items() for key, value in layer.items()}
    entries = {}
    for name, layer in params.items():
        entries[f"features.{TORCHVISION[name]}.weight"] = np.ascontiguousarray(layer["kernel"].transpose(3, 2, 0, 1))
        entries[f"features.{TORCHVISION[name]}.bias"] = layer["bias"]
    return entries


def save_h5(path, entries):
    with h5py.File(path, "w") as file:
        for name, value in entries.items():
            file[name] = value


def save_npz(path, entries):
    with open(path, "wb") as stream:  # given a name, np.savez would add .npz to it
        np.savez(stream, **entries)


def published(params):
    names = {"kernel": "W", "bias": "b"}
    return {f"{n}/{n}_{names[k]}_1:0": v for n, layer in params.items() for k, v in layer.items()}


def whole_model(params):
    entries = {f"model_weights/{n}/vgg16/{n}/{k}:0": v for n, layer in params.items() for k, v in layer.items()}
    moments = {f"optimizer_weights/adam/m/{n}/{k}:0": v + 1 for n, layer in params.items() for k, v in layer.items()}
    return entries | moments


SAVERS = {
    "caffe h5 as published": lambda p, w: save_h5(
        p, published(w) | {"block1_pool/note": 0, "fc1/fc1_b_1:0": np.ones(4)}
    ),
    "caffe h5 later": lambda p, w: save_h5(p, {f"{n}/{n}/{k}:0": v for n, x in w.items() for k, v in x.items()}),
    "caffe h5 whole model": lambda p, w: save_h5(p, whole_model(w)),
    "caffe npz": lambda p, w: save_npz(p, flat(w, "caffe")),
    "caffe safetensors": lambda p, w: safetensors.numpy.save_file(flat(w, "caffe"), p),
    "torchvision npz": lambda p, w: save_npz(p, flat(w, "torchvision")),
    "torchvision safetensors": lambda p, w: safetensors.numpy.save_file(
        flat(w, "torchvision") | {"classifier.6.bias": np.zeros(1000, np.float32)}, p
    ),
}


@pytest.mark.parametrize("form", SAVERS)
def test_each_form_of_file_is_read(form, tmp_path):
    weights = numbers("block2_conv1")
    path = tmp_path / "weights.h5"  # the wrong extension for most: it must not matter
    SAVERS[form](path, weights)
    vgg = load_vgg_weights(path, through="block2_conv1")
    assert vgg.preprocessing == form.split()[0]
    assert form.split()[0] in vgg.source and "weights.h5" in vgg.source
    assert_same_params(vgg, weights)
    assert_same_params(load_vgg_weights(str(path), through="block1_pool"), numbers("block1_pool"))  # only what is asked
    with pytest.raises(InputError, match="lacks block2_conv2, block3_conv1, which VGG16 needs for block3_conv1"):
        load_vgg_weights(path, through="block3_conv1")
    with pytest.raises(InputError, match="no layer 'conv9'"):
        load_vgg_weights(path, through="conv9")


def test_same_numbers_in_both_forms_are_fed_differently(tmp_path):
    weights, rgb, found = numbers(), images(8, 8), {}
    for kind in ("caffe", "torchvision"):
        safetensors.numpy.save_file(flat(weights, kind), tmp_path / kind)
        found[kind] = features(load_vgg_weights(tmp_path / kind, through="block1_pool"), rgb, ["block1_pool"])
        assert_close(found[kind], reference(weights, rgb, kind), 1e-5)
    assert float(found["caffe"]["block1_pool"].mean() / found["torchvision"]["block1_pool"].mean()) > 10


def test_half_precision_files_are_widened(tmp_path):
    weights = {name: {k: v.astype(jnp.bfloat16) for k, v in x.items()} for name, x in numbers().items()}
    safetensors.numpy.save_file(flat(weights, "torchvision"), tmp_path / "half")
    vgg = load_vgg_weights(tmp_path / "half", through="block1_pool")
    assert_same_params(vgg, {name: {k: v.astype(np.float32) for k, v in x.items()} for name, x in weights.items()})


CAFFE_BIASES = [0.73429835, 0.093403675, 0.06775674, 0.8862966]
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
        (with_first_biases("caffe", TORCHVISION_BIASES), "torchvision weights under caffe names"),
    ],
)
def test_other_networks_and_numbers_are_refused(entries, words, tmp_path):
    np.savez(tmp_path / "weights.npz", **entries)
    with pytest.raises(InputError, match=words):
        load_vgg_weights(tmp_path / "weights.npz", through="block1_pool")


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


class Exploit:
    def __reduce__(self):
        return os._exit, (3,)


def torch_file(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("vgg16/data.pkl", pickle.dumps(Exploit()))


def object_npz(path):
    save_npz(path, flat(numbers(), "caffe") | {"block1_conv1/kernel": np.array([Exploit()], object)})


def unclosed_header(path):
    save_npz(path, flat(numbers(), "caffe"))
    path.write_bytes(path.read_bytes().replace(b"64), }", b"64 , }"))


def cut(form, share):
    def save(path):
        SAVERS[form](path, numbers())
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])

    return save


@pytest.mark.parametrize(
    ("save", "words"),
    [
        (torch_file, "is a pickle .*safetensors.torch.save_file.*'weights.safetensors'"),
        (lambda path: path.write_bytes(pickle.dumps(Exploit())), "is a pickle"),
        (object_npz, "damaged or incomplete"),
        (unclosed_header, "damaged or incomplete"),
        (lambda path: path.write_bytes(b""), "neither HDF5, npz nor safetensors"),
        (lambda path: path.write_text("<html>Not Found</html>"), "neither HDF5, npz nor safetensors"),
        (lambda path: path.mkdir(), "there is no VGG16 weights file"),
        (lambda path: None, "there is no VGG16 weights file .*'download', or 'random'"),
        *[(cut(form, share), "damaged or incomplete") for form in SAVERS for share in (0.01, 0.5, 0.999)],
    ],
)
def test_unreadable_files_are_one_clear_error(save, words, tmp_path):
    path = tmp_path / "weights.pth"
    save(path)
    with pytest.raises(InputError, match=words):
        load_vgg_weights(path, through="block1_pool")


def test_damaged_bytes_never_escape_as_another_error(tmp_path):
    """Headers damaged at seeded places: either the file still loads or the error is an InputError."""
    path, rng, refused = tmp_path / "weights", np.random.default_rng(0), 0
    for form in ("caffe h5 later", "caffe npz", "caffe safetensors"):
        SAVERS[form](path, numbers("block1_conv1"))
        whole = path.read_bytes()
        for place in rng.integers(0, 400, 60):
            path.write_bytes(whole[:place] + bytes([rng.integers(256)]) + whole[place + 1 :])
            try:
                load_vgg_weights(path, through="block1_conv1")
            except InputError:
                refused += 1
    assert refused > 50


# --- the download


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A web server here in place of the publisher; `body`, `status` and `short` set its answers."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.requests += 1
            self.send_response(self.server.status)
            self.send_header("Content-Length", str(len(self.server.body) + self.server.short))
            self.end_headers()
            self.wfile.write(self.server.body)

        def log_message(self, *_):
            pass

    save_h5(tmp_path / "source.h5", published(numbers()))
    good = (tmp_path / "source.h5").read_bytes()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.good = httpd.body = good
        httpd.requests, httpd.status, httpd.short = 0, 200, 0
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(vgg_weights, "KERAS_URL", f"http://127.0.0.1:{httpd.server_port}/v0.1/vgg16_notop.h5")
        monkeypatch.setattr(vgg_weights, "KERAS_MD5", hashlib.md5(good).hexdigest())
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield httpd
        httpd.shutdown()
        thread.join()


def test_downloads_once_and_checks_every_time(server, tmp_path, capsys):
    folder = tmp_path / "cache"
    path = default_weights(cache_dir=folder)
    assert path == folder / "vgg16_notop.h5" and path.read_bytes() == server.good
    assert "100%" in capsys.readouterr().err
    assert default_weights(cache_dir=folder) == path and server.requests == 1
    path.write_bytes(server.good[:-1] + b"?")  # rotten in the cache: fetched again
    assert default_weights(cache_dir=folder, progress=False).read_bytes() == server.good and server.requests == 2
    assert "%" not in capsys.readouterr().err
    assert os.listdir(folder) == ["vgg16_notop.h5"]
    vgg = resolve_weights("download", seed=0, through="block1_pool", cache_dir=folder)
    assert_same_params(vgg, numbers())


def damage(server):
    server.body = server.good[:-1] + b"?"


def truncate(server):
    server.body, server.short = server.good[:1000], len(server.good) - 1000


def withdraw(server):
    server.body, server.status = b"gone", 404


@pytest.mark.parametrize(
    ("mishap", "words"),
    [(damage, "another MD5"), (truncate, "Error from 127"), (withdraw, "HTTPError 404 from 127")],
)
@pytest.mark.parametrize("cached", [None, b"half a file"])
def test_failed_downloads_leave_nothing_new(server, mishap, words, cached, tmp_path):
    mishap(server)
    if cached:
        (tmp_path / "vgg16_notop.h5").write_bytes(cached)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(InputError, match=words) as caught:
        default_weights(cache_dir=tmp_path)
    assert sorted(os.listdir(tmp_path)) == before and server.requests == 1
    assert ("the 11 bytes there now are not the published file" in str(caught.value)) == bool(cached)


def test_without_network_one_sentence_says_what_to_put_where(monkeypatch, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/vgg16_notop.h5"
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(vgg_weights, "KERAS_URL", url)
        with pytest.raises(InputError) as caught:
            resolve_weights("download", seed=0, cache_dir=tmp_path)
    said = str(caught.value)
    for part in (
        "ConnectionError from 127.0.0.1",
        url,
        "58,889,256 bytes, MD5 6d6bbae143d832006294945121d1f1fc",
        str(tmp_path / "vgg16_notop.h5"),
        "--vgg-weights PATH",
        "--vgg-weights random",
    ):
        assert part in said
    assert "\n" not in said and said.count(". ") == 0
    assert os.listdir(tmp_path) == []


def test_a_cache_that_cannot_be_written_is_named(server, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="file/cache"):
        default_weights(cache_dir=tmp_path / "file" / "cache")


def test_where_the_cache_is(server, monkeypatch, tmp_path):
    for name in ("PCONV_JAX_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    expected = [tmp_path / "home" / ".cache" / "pconv_jax"]
    found = [default_weights(progress=False).parent]
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # the XDG specification: to be ignored
    expected, found = [*expected, expected[0]], [*found, default_weights(progress=False).parent]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    expected, found = (
        [*expected, tmp_path / "xdg" / "pconv_jax"],
        [*found, default_weights(progress=False).parent],
    )
    monkeypatch.setenv("PCONV_JAX_CACHE", str(tmp_path / "own"))
    expected, found = [*expected, tmp_path / "own"], [*found, default_weights(progress=False).parent]
    assert found == expected


def test_resolve_weights_takes_random_and_paths_and_needs_no_network(server, tmp_path):
    assert_same_params(
        resolve_weights("random", seed=4, through="block1_conv1"),
        random_weights(4, through="block1_conv1").params,
    )
    (tmp_path / "w.h5").write_bytes(server.good)
    assert_same_params(resolve_weights(str(tmp_path / "w.h5"), seed=0, through="block1_pool"), numbers())
    with pytest.raises(InputError, match="no layer 'conv9'"):
        resolve_weights("download", seed=0, through="conv9", cache_dir=tmp_path)
    assert server.requests == 0


def test_import_is_light():
    heavy = "{'h5py', 'safetensors', 'pooch', 'requests', 'torch', 'tensorflow'}"
    code = f"import sys, pconv_jax.models.vgg_weights; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
