"""oxford_flowers102 through upstream's builder: offline, without TensorFlow, on small archives."""

import re
import tarfile
import tempfile

import numpy as np
import pytest
import scipy.io
from official_archives import flowers, near, opened, shades

from pconv_jax import data
from pconv_jax.common.errors import InputError
from pconv_jax.data.tfds import runtime

tfds = runtime.import_tfds()


class TestFlowers:
    def test_the_official_files(self, tmp_path, monkeypatch):
        (tmp_path / "temporary").mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
        flowers(tmp_path)
        sources = opened("oxford_flowers102", tmp_path)
        assert near(shades(sources["train"]), [10, 50])
        assert near(shades(sources["validation"]), [20])
        assert near(shades(sources["test"]), [30, 40, 60, 70])
        reader = tfds.builder_from_directory(sources["train"].directory).as_data_source("train")
        labels = {example["file_name"].decode(): int(example["label"]) for example in reader}
        assert labels == {"image_00001.jpg": 76, "image_00005.jpg": 4}  # upstream counts labels from 0
        assert list((tmp_path / "temporary").iterdir()) == []

    def test_unpacked(self, tmp_path):
        flowers(tmp_path)
        with tarfile.open(tmp_path / "102flowers.tgz") as archive:
            archive.extractall(tmp_path, filter="data")
        (tmp_path / "102flowers.tgz").unlink()
        assert near(shades(opened("oxford_flowers102", tmp_path)["test"]), [30, 40, 60, 70])

    def test_a_part_of_the_files_is_not_enough(self, tmp_path):
        flowers(tmp_path)
        (tmp_path / "setid.mat").unlink()
        with pytest.raises(InputError, match=r"but not setid\.mat: .*https://www\.robots.*/setid\.mat"):
            opened("oxford_flowers102", tmp_path)

    def test_an_image_that_the_lists_name_but_the_archive_lacks(self, tmp_path):
        flowers(tmp_path, images=range(1, 6))
        with pytest.raises(InputError, match=r"image_0000[67]\.jpg"):
            opened("oxford_flowers102", tmp_path)


def flipped(content, byte, bit):
    return content[:byte] + bytes([content[byte] ^ 1 << bit]) + content[byte + 1 :]


def test_a_damaged_list_is_named_with_the_way_out(tmp_path):
    flowers(tmp_path)
    labels, splits = tmp_path / "imagelabels.mat", tmp_path / "setid.mat"
    good = {path: path.read_bytes() for path in (labels, splits)}
    parts = {name: values for name, values in scipy.io.loadmat(splits).items() if name[0] != "_"}

    def with_splits(valid):
        scipy.io.savemat(splits, {**parts, "valid": np.array(valid)})
        return splits.read_bytes()

    none = r"is damaged or not a MATLAB file \(.+\)"
    damaged = [
        (splits, good[splits][:150], none),
        (labels, b"<html>404</html>" * 20, none),
        (splits, flipped(good[splits], 128, 3), none),  # the type of its first element
        (labels, flipped(good[labels], 184, 1), none),  # a segmentation fault of SciPy
        (labels, good[splits], "has no variable 'labels'"),
        (splits, with_splits([[2.5]]), "has a variable 'valid' that is not one row of whole numbers"),
        (splits, with_splits([[2, 8]]), "has 8 in 'valid', which is not within 1 to 7"),
        (splits, with_splits([[5]]), "has an image in two splits"),
    ]
    splits.write_bytes(good[splits])
    for path, content, said in damaged:
        path.write_bytes(content)
        with pytest.raises(InputError, match=f"^{re.escape(str(path))} {said}: copy it again$"):
            data.open_source("oxford_flowers102", "train", data_dir=tmp_path, download=False)
        path.write_bytes(good[path])
