"""dtd, oxford_flowers102 and celeb_a through upstream's builders: offline, without TensorFlow, on small archives.

Nothing here leaves the machine: downloads come from a server on 127.0.0.1 or are refused there.
"""

import functools
import hashlib
import http.server
import importlib.abc
import importlib.util
import io
import json
import pickle
import resource
import sys
import tarfile
import threading
import time
import zipfile

import numpy as np
import pytest
import scipy.io
from PIL import Image

from pconv_jax import data
from pconv_jax.common.errors import InputError
from pconv_jax.data.tfds import prepare, runtime

tfds = runtime.import_tfds()


class PretendedTensorFlow(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """A TensorFlow that looks installed, and remembers it if somebody imports it."""

    def __init__(self):
        self.installed, self.imported = True, False

    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_loader(name, self) if name == "tensorflow" and self.installed else None

    def exec_module(self, module):
        self.imported = True
        raise ImportError("TensorFlow must not be imported")


@pytest.fixture(autouse=True)
def tensorflow(monkeypatch, tmp_path_factory):
    """No test may import TensorFlow, or touch the user's cache."""
    pretended = PretendedTensorFlow()
    monkeypatch.setattr(sys, "meta_path", [pretended, *sys.meta_path])
    monkeypatch.setenv("PCONV_JAX_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield pretended
    assert not pretended.imported and "tensorflow" not in sys.modules


def jpeg(shade, size=(12, 10)):
    stream = io.BytesIO()
    Image.new("RGB", size, (shade, 2 * shade, 255 - shade)).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def shades(source):
    """The shade that each image was drawn in."""
    return sorted(round(float(source[i][..., 0].mean())) for i in range(len(source)))


def near(found, expected):
    return len(found) == len(expected) and np.abs(np.subtract(found, expected)).max() <= 2


def opened(name, folder, **options):
    return {split: data.open_source(name, split, data_dir=folder, download=False, **options) for split in data.SPLITS}


def dtd_files():
    """The official archive's layout, two classes: shades 10 and 20 in train, 30 and 40 in val, 50 and 60 in test."""
    files, shade = {}, 0
    for split in ("train1", "val1", "test1"):
        names = []
        for label in ("banded", "zigzagged"):
            shade += 10
            names.append(f"{label}/{label}_{shade:04}.jpg")
            files[f"dtd/images/{names[-1]}"] = jpeg(shade)
        files[f"dtd/labels/{split}.txt"] = "".join(f"{name}\n" for name in names).encode()
    return files


def tar(path, files, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def unpack(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def flowers(folder, images=range(1, 8)):
    """Seven images: 1 and 5 in train, 2 in validation, the others in test."""
    tar(folder / "102flowers.tgz", {f"jpg/image_{i:05}.jpg": jpeg(10 * i) for i in images}, "w:gz")
    scipy.io.savemat(folder / "imagelabels.mat", {"labels": np.array([[77, 1, 102, 4, 5, 6, 7]], np.uint8)})
    scipy.io.savemat(
        folder / "setid.mat",
        {"trnid": np.array([[1, 5]]), "valid": np.array([[2]]), "tstid": np.array([[3, 4, 6, 7]])},
    )


def celeb_a(folder, count=6, parts=(0, 1, 2, 0, 0, 2), lists=True):
    """Images 000001.jpg and so on, shades 10, 20, ..., and upstream's four lists."""
    names = [f"{i:06}.jpg" for i in range(1, count + 1)]
    with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
        for i, name in enumerate(names, start=1):
            archive.writestr(f"img_align_celeba/{name}", jpeg(10 * i, (178, 218)))
        archive.writestr("__MACOSX/img_align_celeba/._000001.jpg", b"")
    if not lists:
        return
    from tensorflow_datasets.datasets.celeb_a import celeb_a_dataset_builder as upstream

    def table(headings, row):
        return f"{count}\n{' '.join(headings)}\n" + "".join(f"{n}  {row(i)}\n" for i, n in enumerate(names))

    (folder / "list_eval_partition.txt").write_text(
        "".join(f"{name} {part}\n" for name, part in zip(names, parts, strict=True))
    )
    signs = functools.partial(table, upstream.ATTR_HEADINGS)
    (folder / "list_attr_celeba.txt").write_text(signs(lambda i: " ".join(["1" if i == 3 else "-1"] * 40)))
    (folder / "list_landmarks_align_celeba.txt").write_text(
        table(upstream.LANDMARK_HEADINGS, lambda i: " ".join(str(i + k) for k in range(10)))
    )
    (folder / "identity_CelebA.txt").write_text("".join(f"{n} {100 + i}\n" for i, n in enumerate(names)))


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

    def test_features_are_upstreams(self, tmp_path):
        tar(tmp_path / "dtd-r1.0.1.tar.gz", dtd_files())
        directory = opened("dtd", tmp_path)["train"].directory
        info = tfds.builder_from_directory(directory).info
        assert directory.parts[-2:] == ("dtd", str(tfds.builder_cls("dtd").VERSION))
        assert set(info.features) == {"file_name", "image", "label"} and info.features["label"].num_classes == 47
        examples = list(tfds.builder_from_directory(directory).as_data_source("test"))
        names = {example["file_name"].decode(): int(example["label"]) for example in examples}
        assert names == {"banded/banded_0050.jpg": 0, "zigzagged/zigzagged_0060.jpg": 46}

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


class TestCelebA:
    def test_the_official_files(self, tmp_path):
        celeb_a(tmp_path)
        sources = opened("celeb_a", tmp_path)
        assert near(shades(sources["train"]), [10, 40, 50])
        assert near(shades(sources["validation"]), [20])
        assert near(shades(sources["test"]), [30, 60])
        assert sources["train"][0].shape == (218, 178, 3)
        assert sources["train"].note.endswith("3 train images, officially 162770")
        builder = tfds.builder_from_directory(sources["train"].directory)
        assert builder.name == "celeb_a"
        four = next(e for e in builder.as_data_source("train") if e["landmarks"]["lefteye_x"] == 3)
        assert all(four["attributes"].values()) and four["identity"]["Identity_No"] == 103

    def test_images_alone_under_a_name_that_says_it_is_a_part(self, tmp_path):
        celeb_a(tmp_path, count=30, lists=False)
        (tmp_path / "img_align_celeba.zip").rename(tmp_path / "img_align_celeba_30.zip")
        sources = opened("celeb_a", tmp_path)
        found = [shade for source in sources.values() for shade in shades(source)]
        assert len(found) == 30 and all(map(len, sources.values()))
        assert {source.name for source in sources.values()} == {"celeb_a"}
        note = sources["test"].note
        assert "split 80/10/10 by the hash of file names, since there is no list_eval_partition.txt" in note
        assert "one person may be in two splits" in note
        # What is not all of celeb_a does not go by its name.
        assert tfds.builder_from_directory(sources["train"].directory).name == "celeb_a_images"

    def test_lists_that_know_more_images_than_there_are(self, tmp_path):
        celeb_a(tmp_path)
        with (tmp_path / "list_eval_partition.txt").open("a") as stream:
            stream.write("000007.jpg 2\n202599.jpg 2\n")
        assert near(shades(opened("celeb_a", tmp_path)["test"]), [30, 60])

    def test_images_that_are_all_in_one_official_split_are_split_anew(self, tmp_path):
        celeb_a(tmp_path, count=20, parts=[0] * 20)
        sources = opened("celeb_a", tmp_path)
        assert sum(map(len, sources.values())) == 20 and all(map(len, sources.values()))
        assert "since by list_eval_partition.txt the images here would not fill three splits" in sources["train"].note

    def test_unpacked(self, tmp_path):
        celeb_a(tmp_path)
        with zipfile.ZipFile(tmp_path / "img_align_celeba.zip") as archive:
            archive.extractall(tmp_path)
        (tmp_path / "img_align_celeba.zip").unlink()
        assert near(shades(opened("celeb_a", tmp_path)["train"]), [10, 40, 50])

    def test_what_cannot_be_used_is_named(self, tmp_path):
        celeb_a(tmp_path)
        attributes = (tmp_path / "list_attr_celeba.txt").read_text()
        (tmp_path / "list_attr_celeba.txt").write_text("\n".join(attributes.splitlines()[:4]) + "\n")
        with pytest.raises(InputError, match=r"has no entry for '000004\.jpg'"):
            opened("celeb_a", tmp_path)
        (tmp_path / "list_attr_celeba.txt").write_text("1\nBald\n" + "".join(f"{i:06}.jpg 1\n" for i in range(1, 7)))
        with pytest.raises(InputError, match=r"cannot be prepared .*\"attributes\": '\w+'"):
            opened("celeb_a", tmp_path)
        (tmp_path / "list_eval_partition.txt").write_text("<html>quota exceeded</html>\n")
        with pytest.raises(InputError, match=r"list_eval_partition\.txt does not list splits"):
            opened("celeb_a", tmp_path)
        (tmp_path / "img_align_celeba.zip").write_bytes(b"<html>quota exceeded</html>")
        with pytest.raises(InputError, match=r"img_align_celeba\.zip is damaged or not a ZIP file"):
            opened("celeb_a", tmp_path)


class TestPrepared:
    @pytest.fixture
    def prepared(self, tmp_path):
        """A folder of TFDS in which somebody has prepared dtd."""
        unpack(tmp_path / "files", dtd_files())
        builder = tfds.builder_cls("dtd")(data_dir=tmp_path / "tfds")
        given = dict.fromkeys(builder.url_infos, tmp_path / "files")
        runtime.run_builder(builder, download_dir=tmp_path / "work", given=given)
        return tmp_path / "tfds"

    def test_it_is_used_without_network(self, prepared):
        sources = opened("dtd", prepared)
        assert near(shades(sources["validation"]), [30, 40]) and sources["test"].note == ""
        assert prepared in sources["test"].directory.parents

    def test_a_format_that_needs_tensorflow_is_refused(self, prepared):
        info = next(prepared.rglob("dataset_info.json"))
        described = json.loads(info.read_text())
        described["fileFormat"] = "tfrecord"
        info.write_text(json.dumps(described))
        with pytest.raises(InputError, match="contains dtd as tfrecord, which only TensorFlow can read"):
            opened("dtd", prepared)


class TestDownload:
    @pytest.mark.parametrize("name", data.DATASETS[2:])
    def test_switched_off(self, tmp_path, name):
        with pytest.raises(InputError, match="switched off") as caught:
            data.open_source(name, "train", data_dir=tmp_path, download=False)
        message = str(caught.value)
        for file, url in prepare._addresses(name).items():
            assert f"{url} as {file}" in message
        assert "--data-dir" in message and "\n" not in message
        assert not list(tmp_path.iterdir())

    def test_no_network_is_said_at_once(self, tmp_path, monkeypatch):
        for variable in ("https_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(variable, "http://127.0.0.1:9")  # nobody listens there
        start = time.monotonic()
        for name in data.DATASETS[2:]:
            with pytest.raises(InputError, match=rf"{name} is not prepared .* \(no answer, ProxyError\)"):
                data.open_source(name, "train", data_dir=tmp_path)
        assert time.monotonic() - start < 20

    @pytest.fixture
    def server(self, tmp_path, monkeypatch):
        """Serves the folder that it returns in upstream's place, under upstream's checksum of a small archive."""
        folder = tmp_path / "served"
        folder.mkdir()
        tar(folder / "dtd-r1.0.1.tar.gz", dtd_files())

        class Quiet(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *arguments):
                pass

        served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
        upstream = tfds.builder_cls("dtd")
        ((official, info),) = upstream.url_infos.items()
        content = (folder / "dtd-r1.0.1.tar.gz").read_bytes()
        address = f"http://127.0.0.1:{served.server_port}/dtd-r1.0.1.tar.gz"
        here = type(info)(size=len(content), checksum=hashlib.sha256(content).hexdigest(), filename=info.filename)
        monkeypatch.setattr(sys.modules[upstream.__module__], "_DATA_URL", address)
        monkeypatch.delitem(upstream.url_infos, official)
        monkeypatch.setitem(upstream.url_infos, address, here)
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield folder
        served.shutdown()
        served.server_close()
        thread.join()

    def test_download_check_prepare_and_read(self, tmp_path, server):
        train = data.open_source("dtd", "train", data_dir=tmp_path / "tfds")
        assert near(shades(train), [10, 20]) and train.note == ""
        (server / "dtd-r1.0.1.tar.gz").unlink()  # the second time nothing is fetched
        assert near(shades(data.open_source("dtd", "test", data_dir=tmp_path / "tfds")), [50, 60])

    def test_a_file_that_is_not_upstreams_is_refused(self, tmp_path, server):
        tar(server / "dtd-r1.0.1.tar.gz", {"dtd/evil": b""})
        with pytest.raises(InputError, match=r"dtd is not prepared .*cannot be downloaded \(.*: on a machine with"):
            data.open_source("dtd", "train", data_dir=tmp_path / "tfds")
        assert not list((tmp_path / "tfds").rglob("*.array_record*"))

    def test_a_file_that_is_gone_from_the_server(self, tmp_path, server):
        (server / "dtd-r1.0.1.tar.gz").unlink()
        with pytest.raises(InputError, match=r"cannot be downloaded \(.*404"):
            data.open_source("dtd", "train", data_dir=tmp_path / "tfds")


class TestReal:
    def test_textures(self, shared):
        sources = opened("dtd", shared / "data/dtd")
        assert [len(source) for source in sources.values()] == [400, 400, 400]
        assert "400 test images, officially 1880" in sources["test"].note
        images = [sources["train"][i] for i in range(0, 400, 25)]
        assert min(min(image.shape[:2]) for image in images) >= 200
        assert np.mean([image.std() for image in images]) > 20  # textures, and no grey fill

    def test_faces(self, shared):
        sources = opened("celeb_a", shared / "data/celeba")
        assert sum(map(len, sources.values())) == 10_000
        chosen = data.open_source("celeb_a", "train", data_dir=shared / "data/celeba", limit=64, seed=3)
        assert len(chosen) == 64 and chosen[63].shape == (109, 89, 3)
        batches = data.eval_batches(
            sources["test"],
            image_size=64,
            batch_size=16,
            seed=0,
            damage=data.Damage(line_count=(2, 4), line_thickness=(1, 3), noise=0),
            limit=32,
        )
        seen = np.concatenate([batch["image"] for batch in batches])
        assert seen.shape == (32, 64, 64, 3)
        skin = seen[:, 24:40, 24:40].mean(axis=(0, 1, 2))  # the middle of an aligned face: red above green above blue
        assert skin[0] > skin[1] > skin[2]
