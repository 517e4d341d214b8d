"""FID: which file it takes, a missing library, against the library and worked by hand."""

import hashlib
import math
import sys

import numpy as np
import pytest

from pconv_jax.common.errors import InputError
from pconv_jax.evaluation import fid as module
from pconv_jax.evaluation.fid import Fid


def original(monkeypatch, path):
    """Let the file stand for the original one."""
    monkeypatch.setattr(module, "_SHA256", hashlib.sha256(path.read_bytes()).hexdigest()[:8])
    return path


def test_no_other_file_computes_it(tmp_path):
    file = "pt_inception-2015-12-05-6726825d.pth"
    path = tmp_path / file
    with pytest.raises(InputError, match=rf"the weights file .*{file} for FID does not exist: save https://.*{file}"):
        Fid(path)
    path.write_bytes(b"other weights")
    digest = hashlib.sha256(b"other weights").hexdigest()[:8]
    with pytest.raises(InputError, match=rf"{file} is not the original.*{digest}.*save https://.*{file}"):
        Fid(path)


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"")
    for name in ("torch", "torch_fidelity.feature_extractor_inceptionv3", "torch_fidelity"):
        monkeypatch.setitem(sys.modules, name, None)  # makes `import` raise ModuleNotFoundError
    with pytest.raises(InputError, match=r"needs torch-fidelity, .*make install EXTRAS=perceptual"):
        Fid(original(monkeypatch, path))


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
    fid = Fid(original(monkeypatch, path))
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
