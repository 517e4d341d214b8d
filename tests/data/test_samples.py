"""The photographs of scikit-image, and the choice of a source: which images are used, and in which split."""

import pickle

import numpy as np
import pytest
import skimage
from photograph_files import picture
from PIL import Image

from pconv_jax import data
from pconv_jax.common.errors import InputError
from pconv_jax.data import samples
from pconv_jax.data.source import Subset, take


class TestSamples:
    def test_the_splits_share_no_photograph_and_no_scene(self):
        used = [name for names in samples.PHOTOGRAPHS.values() for name in names]
        assert len(used) == len(set(used))
        assert {"motorcycle_left.png", "motorcycle_right.png"} <= set(samples.PHOTOGRAPHS["train"])

    def test_training_images_are_whole_photographs(self):
        source = data.open_source("samples", "train")
        assert len(source) == 9 and source.name == "samples"
        assert source[0].shape == (512, 512, 3) and source[len(source) - 1].shape == (1411, 1411, 3)
        assert source[0] is source[0]  # decoded once
        assert not source[0].flags.writeable
        assert np.array_equal(source[0], skimage.data.astronaut())

    @pytest.mark.parametrize(("split", "count"), [("validation", 31), ("test", 40)])
    def test_tiles_do_not_overlap_and_show_every_photograph_first(self, split, count):
        source = data.open_source("samples", split)
        assert len(source) == count
        tiles = [source[i] for i in range(count)]
        assert {tile.shape for tile in tiles} == {(128, 128, 3)}
        names = samples.PHOTOGRAPHS[split]
        for name in names:
            whole = samples.photograph(name)
            seen = np.zeros(whole.shape[:2], int)
            for tile in tiles:
                if np.shares_memory(tile, whole):
                    offset = tile.ctypes.data - whole.ctypes.data
                    top, left = offset // whole.strides[0], offset % whole.strides[0] // 3
                    seen[top : top + 128, left : left + 128] += 1
            assert seen.max() == 1
            assert seen.sum() == whole.shape[0] // 128 * (whole.shape[1] // 128) * 128**2
        assert all(np.shares_memory(tile, samples.photograph(name)) for tile, name in zip(tiles, names, strict=False))

    def test_scores_of_tiles_are_said_to_be_of_few_photographs(self):
        notes = {split: data.open_source("samples", split).note for split in data.SPLITS}
        assert notes["train"] == ""
        assert notes["validation"].startswith("tiles of 2 photographs: intervals are over tiles, and say little of")
        assert notes["test"].startswith("tiles of 4 photographs: ")

    def test_pickling(self):
        source = data.open_source("samples", "test")
        assert len(pickle.dumps(source)) < 5000  # names and places, no pixels
        copy = pickle.loads(pickle.dumps(source))  # noqa: S301
        assert repr(copy) == repr(source) and np.array_equal(copy[17], source[17])

    def test_a_scikit_image_without_the_photographs_is_named(self, monkeypatch):
        monkeypatch.setitem(samples.PHOTOGRAPHS, "test", ("no_such_photograph.png",))
        with pytest.raises(InputError, match=r"no_such_photograph\.png, which scikit-image"):
            data.open_source("samples", "test")


class TestChoosing:
    def test_a_limit_is_a_seeded_choice_of_training_images_that_grows(self):
        whole = data.open_source("samples", "train")
        three, five = (data.open_source("samples", "train", limit=limit, seed=1) for limit in (3, 5))
        assert len(three) == 3 and three.name == "samples"
        assert all(np.shares_memory(three[i], five[i]) for i in range(3))
        other = data.open_source("samples", "train", limit=3, seed=2)
        assert repr(other) != repr(three) and repr(three) == repr(take(whole, 3, seed=1))
        assert repr(data.open_source("samples", "train", limit=9)) == repr(whole)
        assert len(data.open_source("samples", "train", limit=100)) == 9

    def test_the_other_splits_stay_whole(self):
        assert len(data.open_source("samples", "test", limit=3)) == 40

    def test_a_subset_passes_on_smaller_images(self, tmp_path):
        for i in range(8):
            Image.fromarray(picture(seed=i)).save(tmp_path / f"{i}.jpg")
        source = Subset(data.open_source("folder", "train", data_dir=tmp_path), [2, 0])
        assert source.at_least(5)[1].shape == (5, 8, 3)

    def test_unknown_names_are_refused_with_the_known_ones(self):
        with pytest.raises(InputError, match="'imagenet' must be one of samples, folder, dtd"):
            data.open_source("imagenet", "train")
        with pytest.raises(InputError, match="'dev' must be one of train, validation, test"):
            data.open_source("samples", "dev")

    def test_misuse_is_refused(self, tmp_path):
        with pytest.raises(InputError, match="limit=0"):
            data.open_source("samples", "train", limit=0)
        with pytest.raises(InputError, match="seed=-1"):
            data.open_source("samples", "train", limit=2, seed=-1)
        with pytest.raises(InputError, match="samples takes no --data-dir"):
            data.open_source("samples", "train", data_dir=tmp_path)
