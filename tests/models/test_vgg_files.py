"""VGG16 weights from files: every form, half precision, damaged files, nothing heavy imported."""

import os
import pickle
import subprocess
import sys
import zipfile

import h5py
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from vgg_files import SAVERS, flat, save_h5, save_npz
from vgg_reference import assert_close, assert_same_params, images, numbers, reference

from pconv_jax.common.errors import InputError
from pconv_jax.common.peak_memory import PeakMemory
from pconv_jax.models import array_files
from pconv_jax.models.vgg import features
from pconv_jax.models.vgg_weights import load_vgg_weights


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
        (lambda path: path.mkdir(), "the VGG16 weights file .* is a folder: give a file$"),
        (lambda path: None, "the VGG16 weights file .* does not exist: give a file$"),
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


def test_import_is_light():
    heavy = "{'h5py', 'safetensors', 'pooch', 'requests', 'torch', 'tensorflow'}"
    code = f"import sys, pconv_jax.models.vgg_weights; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def claiming_h5(path):
    """Terabytes, none of which are in the file: they would read as zeros."""
    save_h5(path, flat(numbers("block1_conv1"), "caffe"))
    with h5py.File(path, "a") as file:
        del file["block1_conv1/kernel"]
        file.create_dataset("block1_conv1/kernel", shape=(3, 3, 3, 1 << 40), dtype="f4", chunks=(3, 3, 3, 64))


def outside_h5(path):
    """Numbers that lie in a file of the system."""
    save_h5(path, flat(numbers("block1_conv1"), "caffe"))
    with h5py.File(path, "a") as file:
        del file["block1_conv1/kernel"]
        file.create_dataset("block1_conv1/kernel", shape=(3, 3, 3, 64), dtype="f4", external=[("/dev/zero", 0, 6912)])


def claiming_npz(path):
    """A member that unpacks to ten times what the file has."""
    kernel = np.zeros((3, 3, 3, 1 << 14), np.float32)
    with path.open("wb") as stream:
        np.savez_compressed(stream, **flat(numbers("block1_conv1"), "caffe") | {"block1_conv1/kernel": kernel})
    assert path.stat().st_size < kernel.nbytes / 10


@pytest.mark.parametrize(
    ("save", "words"),
    [
        (claiming_h5, r"kernel claims 118,747,255,799,808 bytes, and 1,048,576 are the most"),
        (outside_h5, r"kernel lies in another file"),
        (claiming_npz, r"block1_conv1/kernel claims 1,769,\d+ bytes, and 1,048,576 are the most"),
    ],
)
def test_small_files_that_claim_to_be_huge_do_not_fill_the_memory(save, words, tmp_path, monkeypatch):
    save(tmp_path / "weights")
    monkeypatch.setattr(array_files, "_MOST_BYTES", 2**20)
    with PeakMemory() as memory, pytest.raises(InputError, match=words):
        load_vgg_weights(tmp_path / "weights", through="block1_conv1")
    assert memory.mib is None or memory.mib < 100
