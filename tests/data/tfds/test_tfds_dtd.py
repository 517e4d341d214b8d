"""dtd through upstream's builder: offline, without TensorFlow, on small archives."""

import pickle
import resource
import sys

import numpy as np
import pytest
from official_archives import dtd_files, jpeg, near, opened, shades, tar, unpack

from pconv_jax import data
from pconv_jax.common.errors import InputError
from pconv_jax.data.tfds import prepare, runtime

tfds = runtime.import_tfds()


class TestDtd:
    # Upstream: "the extension is .tar.gz, but it is actually a .tar file".
    @pytest.mark.parametrize("installed", [True, False])
    @pytest.mark.parametrize("mode", ["w", "w:gz"])
    def test_the_packed_archive(self, tmp_path, mode, installed, tensorflow):
        tensorflow.installed = installed
        tar(tmp_path / "dtd-r1.0.1.tar.gz", dtd_files(), mode)
        sources = opened("dtd", tmp_path)
        assert near(shades(sources["train"]), [10, 20])
        assert near(shades(sources["validation"]), [30, 40])
        assert near(shades(sources["test"]), [50, 60])
        image = sources["train"][0]
        assert image.shape == (10, 12, 3) and image.dtype == np.uint8
        assert np.abs(image[0, 0].astype(int) - (image[0, 0, 0], 2 * image[0, 0, 0], 255 - image[0, 0, 0])).max() < 5
        assert sources["train"].name == "dtd"
        assert sources["train"].note.endswith("2 train images, officially 1880")

    def test_the_unpacked_archive_is_left_as_it_is(self, tmp_path, capfd):
        unpack(tmp_path / "textures", dtd_files())
        before = sorted(tmp_path.rglob("*"))
        sources = opened("dtd", tmp_path / "textures", prepared_dir=tmp_path.parent / f"{tmp_path.name}-kept")
        assert near(shades(sources["test"]), [50, 60])
        assert sorted(tmp_path.rglob("*")) == before
        assert "train examples" in (printed := capfd.readouterr()).err  # the progress bar stays
        assert printed.out == ""

    @pytest.mark.parametrize("below", ["dtd", "dtd/images"])
    def test_one_level_too_deep_names_the_folder_to_give(self, tmp_path, below):
        unpack(tmp_path, dtd_files())
        with pytest.raises(InputError, match=f"{below} is a part of dtd as it is unpacked: give {tmp_path}$"):
            opened("dtd", tmp_path / below)

    def test_features_are_upstreams(self, tmp_path):
        tar(tmp_path / "dtd-r1.0.1.tar.gz", dtd_files())
        directory = opened("dtd", tmp_path)["train"].directory
        info = tfds.builder_from_directory(directory).info
        assert directory.parts[-2:] == ("dtd", str(tfds.builder_cls("dtd").VERSION))
        assert set(info.features) == {"file_name", "image", "label"} and info.features["label"].num_classes == 47
        examples = list(tfds.builder_from_directory(directory).as_data_source("test"))
        names = {example["file_name"].decode(): int(example["label"]) for example in examples}
        assert names == {"banded/banded_0050.jpg": 0, "zigzagged/zigzagged_0060.jpg": 46}

    def test_other_images_with_the_same_names_are_stored_otherwise(self, tmp_path):
        files = dtd_files()
        for place in "ab":
            (tmp_path / place).mkdir()
        tar(tmp_path / "a" / "dtd-r1.0.1.tar.gz", files)
        larger = {name: jpeg(90, size=(40, 30)) if name.endswith(".jpg") else data for name, data in files.items()}
        tar(tmp_path / "b" / "dtd-r1.0.1.tar.gz", larger)
        first, second, again = (opened("dtd", tmp_path / place) for place in "aba")
        for split, source in first.items():
            assert source.fingerprint() == second[split].fingerprint()
            assert source.stored() == again[split].stored() != second[split].stored()
            assert data.Subset(source, (0,)).stored() == source.stored()
        merged = [data.MergedSource("dtd", each["train"].directory, "train") for each in (first, second)]
        assert merged[0].stored() == ", ".join(first[each].stored() for each in ("train", "validation", "test"))
        assert merged[0].stored() != merged[1].stored()

    def test_it_is_prepared_once_and_anew_when_the_files_change(self, tmp_path, monkeypatch):
        unpack(tmp_path, dtd_files())
        first = opened("dtd", tmp_path)["train"]
        run = monkeypatch.setattr(prepare, "run_builder", None)
        assert opened("dtd", tmp_path)["train"].directory == first.directory
        monkeypatch.undo()
        assert run is None
        (tmp_path / "dtd/images/banded/banded_0010.jpg").write_bytes(jpeg(90, (30, 20)))
        second = opened("dtd", tmp_path, prepared_dir=first.directory.parents[2])["train"]
        assert second.directory != first.directory and near(shades(second), [20, 90])

    def test_splits_larger_than_memory_go_through_files(self, tmp_path, monkeypatch):
        from tensorflow_datasets.core import shuffle

        unpack(tmp_path, dtd_files())
        expected = [image.tobytes() for image in opened("dtd", tmp_path)["train"]]
        monkeypatch.setattr(shuffle, "MAX_MEM_BUFFER_SIZE", 1)
        filed = opened("dtd", tmp_path, prepared_dir=tmp_path / "kept")["train"]
        assert [image.tobytes() for image in filed] == expected

    def test_all_that_was_replaced_for_the_builder_is_put_back(self, tmp_path):
        from tensorflow_datasets.core import download, shuffle
        from tensorflow_datasets.core.download import downloader, extractor

        module = sys.modules[tfds.builder_cls("dtd").__module__]
        places = [(m, "tf") for m in (module, extractor, shuffle)]
        places += [(download, "DownloadManager"), (downloader, "MAX_RETRIES")]
        before = [getattr(*place) for place in places], resource.getrlimit(resource.RLIMIT_NOFILE)
        tar(tmp_path / "dtd-r1.0.1.tar.gz", dtd_files())
        opened("dtd", tmp_path)
        after = [getattr(*place) for place in places], resource.getrlimit(resource.RLIMIT_NOFILE)
        assert all(x is y for x, y in zip(before[0], after[0], strict=True)) and before[1] == after[1]

    def test_a_missing_image_and_a_damaged_archive_are_named_and_leave_nothing_behind(self, tmp_path):
        files = dtd_files()
        del files["dtd/images/banded/banded_0030.jpg"]
        unpack(tmp_path / "a", files)
        with pytest.raises(InputError, match=r"dtd cannot be prepared from .*a: .*banded_0030\.jpg"):
            opened("dtd", tmp_path / "a", prepared_dir=tmp_path / "kept")
        (tmp_path / "b").mkdir()
        (tmp_path / "b/dtd-r1.0.1.tar.gz").write_bytes(b"no archive at all")
        with pytest.raises(InputError, match=r"dtd cannot be prepared from .*dtd-r1\.0\.1\.tar\.gz"):
            opened("dtd", tmp_path / "b", prepared_dir=tmp_path / "kept")
        left = [path.name for path in (tmp_path / "kept").rglob("*") if path.is_file()]
        assert set(left) == {"lock"}

    def test_a_damaged_image_is_named_when_it_is_read(self, tmp_path):
        files = dtd_files()
        files["dtd/images/banded/banded_0010.jpg"] = jpeg(10)[:-40]
        unpack(tmp_path, files)
        train = opened("dtd", tmp_path)["train"]
        with pytest.raises(InputError, match=r"dtd train\[[01]\] is damaged or cut off .*[Tt]runcated"):
            shades(train)

    def test_pickling_smaller_images_and_batches(self, tmp_path):
        files = dtd_files()
        for name in files:
            if name.endswith(".jpg"):
                files[name] = jpeg(100, (800, 600))
        unpack(tmp_path, files)
        source = opened("dtd", tmp_path)["train"]
        assert source[0].shape == (600, 800, 3) and source.at_least(80)[0].shape == (150, 200, 3)
        copy = pickle.loads(pickle.dumps(source))  # noqa: S301 (Grain does this to start its workers)
        assert repr(copy) == repr(source) == "TfdsSource(dtd/3.0.1, split='train', images=2)"
        assert np.array_equal(copy[1], source[1])
        batches = data.train_batches(
            source,
            image_size=32,
            batch_size=2,
            seed=0,
            damage=data.Damage(line_count=(1, 2), line_thickness=(1, 2), noise=0),
        )
        batch = next(iter(batches))["image"] * 255
        assert batch.shape == (2, 32, 32, 3) and batch.mean(axis=(0, 1, 2)) == pytest.approx([100, 200, 155], abs=2)
