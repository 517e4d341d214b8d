"""oxford_flowers102 through upstream's builder: offline, without TensorFlow, on small archives."""

import tarfile

import pytest
from official_archives import flowers, near, opened, shades

from pconv_jax.common.errors import InputError
from pconv_jax.data.tfds import runtime

tfds = runtime.import_tfds()


class TestFlowers:
    def test_the_official_files(self, tmp_path):
        flowers(tmp_path)
        sources = opened("oxford_flowers102", tmp_path)
        assert near(shades(sources["train"]), [10, 50])
        assert near(shades(sources["validation"]), [20])
        assert near(shades(sources["test"]), [30, 40, 60, 70])
        reader = tfds.builder_from_directory(sources["train"].directory).as_data_source("train")
        labels = {example["file_name"].decode(): int(example["label"]) for example in reader}
        assert labels == {"image_00001.jpg": 76, "image_00005.jpg": 4}  # upstream counts labels from 0

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
