"""Folders of images: which are used, and in which split."""

import pickle
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
from photograph_files import difference, encoded, picture
from PIL import Image

from pconv_jax import data
from pconv_jax.common.errors import InputError, NotEnoughMemory
from pconv_jax.data import readable
from pconv_jax.data.checking import faults_of
from pconv_jax.data.source import hash_fraction, split_by_hash
from pconv_jax.imaging import limits


def make_images(root, *names):
    """Images of different colours."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), zlib.crc32(name.encode()) % 2**24).save(root / name)


class TestFolder:
    @pytest.fixture
    def mixed(self, tmp_path):
        """The folder of the worst case: what is usable, by name, with the pixels expected of it."""
        colours = {name: picture(seed=seed) for seed, name in enumerate(("a.png", "sub/b.jpg", "sub/c d.PNG"))}
        (tmp_path / "sub").mkdir()
        for name, image in colours.items():
            kind = "JPEG" if name.endswith("jpg") else "PNG"
            (tmp_path / name).write_bytes(
                encoded(image, kind, **({"quality": 100, "subsampling": 0} if kind == "JPEG" else {}))
            )
        cv2.imwrite(str(tmp_path / "deep.png"), np.full((40, 60), 30000, np.uint16))
        colours["deep.png"] = np.full((40, 60, 3), 117, np.uint8)  # 30000 / 257 = 116.7
        Image.fromarray(picture()[..., 0]).save(tmp_path / "grey.png")
        colours["grey.png"] = np.repeat(picture()[..., :1], 3, axis=-1)
        palette = Image.new("P", (60, 40), 0)
        palette.putpalette([9, 9, 9, 40, 50, 60])
        palette.paste(1, (0, 0, 30, 40))
        palette.save(tmp_path / "palette.png", transparency=0)
        colours["palette.png"] = np.full((40, 60, 3), 255, np.uint8)
        colours["palette.png"][:, :30] = (40, 50, 60)
        Image.fromarray(picture(seed=7)).convert("CMYK").save(tmp_path / "inks.jpg", quality=100, subsampling=0)
        colours["inks.jpg"] = picture(seed=7)
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(np.ascontiguousarray(np.rot90(picture(seed=8)))).save(tmp_path / "turned.png", exif=exif)
        colours["turned.png"] = picture(seed=8)
        (tmp_path / "notes.txt").write_text("a text file")
        (tmp_path / "text.jpg").write_text("a text file that says it is a photograph")
        (tmp_path / "cut.jpg").write_bytes(encoded(picture(200, 300), "JPEG")[:-500])
        (tmp_path / ".hidden.jpg").write_text("")
        return tmp_path, colours

    def test_usable_files_are_used_rightly_and_the_others_named_once(self, mixed):
        root, colours = mixed
        with pytest.warns(UserWarning, match="cannot be used") as caught:
            sources = [data.open_source("folder", split, data_dir=root) for split in data.SPLITS]
        assert len(caught) == 1
        message = str(caught[0].message)
        assert "2 of the 10 image files" in message
        assert "cut.jpg is damaged or cut off (image file is truncated" in message
        assert "text.jpg is not an image, or of a kind that cannot be read" in message
        found = {file: source[i] for source in sources for i, file in enumerate(source.files)}
        assert found.keys() == colours.keys()
        for file, pixels in colours.items():
            tolerance = 4 if file.endswith("jpg") else 0
            assert difference(found[file], pixels).max() <= tolerance, file

    def test_splits_do_not_overlap_are_never_empty_and_have_no_seed(self, tmp_path):
        for number in range(3, 12):
            make_images(tmp_path, f"{number}.png")
            if number < 5:
                continue
            splits = [data.open_source("folder", split, data_dir=tmp_path).files for split in data.SPLITS]
            assert all(splits) and len(set().union(*splits)) == sum(map(len, splits)) == number - 2
            again = data.open_source("folder", "test", data_dir=tmp_path, seed=number)
            assert again.files == splits[2]

    def test_a_new_file_moves_no_other_one(self):
        names = [f"{i}.jpg" for i in range(500)]
        before = split_by_hash(names)
        after = split_by_hash([*names, "new.jpg"])
        for split in data.SPLITS:
            assert set(after[split]) - set(before[split]) <= {"new.jpg"} and set(before[split]) <= set(after[split])
        assert [len(before[split]) / 500 for split in data.SPLITS] == pytest.approx([0.8, 0.1, 0.1], abs=0.04)
        # Literals: a change of the hash would silently mix up the splits of every finished run.
        assert hash_fraction("a.jpg") == pytest.approx(0.42344, abs=1e-5)
        # At 0.26, 0.63 and 0.996; the empty validation split gets its neighbour b.
        assert split_by_hash("abc") == {"train": ["a"], "validation": ["b"], "test": ["c"]}
        assert split_by_hash("abcf") == {"train": ["a", "b"], "validation": ["f"], "test": ["c"]}  # f is at 0.89

    @pytest.mark.parametrize(
        ("folders", "expected"),
        [
            ({"train": 20, "val": 5, "test": 4}, (20, 5, 4)),
            ({"train": 20, "test": 4}, (18, 2, 4)),
            ({"train": 5, "validation": 4}, (4, 4, 1)),
            ({"Train": 5, "Test": 3}, (4, 1, 3)),
            ({"TRAIN": 5, "VAL": 4, "TEST": 3}, (5, 4, 3)),
            ({"training": 5, "Validation": 4, "testing": 3}, (5, 4, 3)),
        ],
    )
    def test_folders_named_as_splits_are_the_splits(self, tmp_path, folders, expected):
        for folder, count in folders.items():
            make_images(tmp_path, *(f"{folder}/deeper/{i}.png" for i in range(count)))
        sources = [data.open_source("folder", split, data_dir=tmp_path) for split in data.SPLITS]
        assert tuple(map(len, sources)) == expected
        assert all(file.lower().startswith("test") for file in sources[2].files if "validation" not in folders)
        files = [file for source in sources for file in source.files]
        assert len(files) == len(set(files))

    @pytest.mark.parametrize(("given", "missing"), [("val", "test"), ("test", "validation")])
    def test_a_new_file_moves_no_other_one_where_a_split_has_no_folder(self, tmp_path, given, missing):
        def splits(count):
            make_images(tmp_path, f"{given}/a.png", *(f"train/{i}.png" for i in range(count)))
            return {split: set(data.FolderSource(tmp_path, split).files) for split in data.SPLITS}

        before, after = splits(100), splits(200)
        assert all(before[split] <= after[split] for split in data.SPLITS)
        assert len(before[missing]) == 14  # whose hashes are at 0.9 or more
        assert len(after[missing]) == 20

    def test_folders_of_other_names_are_not(self, tmp_path):
        make_images(tmp_path, *(f"{folder}/{i}.png" for folder in ("train", "cats", "dogs") for i in range(10)))
        assert sum(len(data.open_source("folder", split, data_dir=tmp_path)) for split in data.SPLITS) == 30

    @pytest.mark.parametrize(
        ("folders", "message"),
        [
            (
                ("set/train", "set/val", "set/test"),
                r"\(set/test, set/train, set/val\), .*: give --data-dir .*/set, or",
            ),
            (("images/train", "images/Test"), r"give --data-dir .*/images, or rename them if they are not splits"),
            (("photos", "val", "test"), r"\(test, val\), but not train beside .* itself: put them beside each other"),
            (
                ("one/train", "two/test"),
                r"\(one/train, two/test\), .*: put them beside each other, that of",
            ),
        ],
    )
    def test_images_for_testing_are_never_trained_on(self, tmp_path, folders, message):
        make_images(tmp_path, *(f"{folder}/{i}.png" for folder in folders for i in range(4)))
        for split in data.SPLITS:
            with pytest.raises(InputError, match=message):
                data.open_source("folder", split, data_dir=tmp_path)
        assert len(data.FolderSource(tmp_path, "all")) == 4 * len(folders)

    def test_one_folder_named_as_a_split_is_divided_and_said(self, tmp_path):
        make_images(tmp_path, *(f"2019/test/{i}.png" for i in range(4)))
        assert sum(len(data.open_source("folder", split, data_dir=tmp_path)) for split in data.SPLITS) == 4
        make_images(tmp_path, "2020/0.png")
        with pytest.warns(UserWarning, match=r"divided like the other images \(1: 2019/test\): put those") as caught:
            sources = [data.open_source("folder", split, data_dir=tmp_path) for split in data.SPLITS]
        assert sum(map(len, sources)) == 5 and len(caught) == 1

    def test_images_beside_folders_of_splits_are_left_out_and_named(self, tmp_path):
        make_images(tmp_path, *(f"{folder}/{i}.png" for folder in ("train", "valid", "test") for i in range(3)))
        make_images(tmp_path, "more/a.png", "b.png")
        with pytest.warns(UserWarning, match=r"beside its folders of splits \(2: b.png, more/a.png\): move") as caught:
            sources = [data.open_source("folder", split, data_dir=tmp_path) for split in data.SPLITS]
        assert list(map(len, sources)) == [3, 3, 3] and len(caught) == 1

    def test_links_are_followed_once(self, tmp_path):
        inside, outside = tmp_path / "inside", tmp_path / "outside"
        make_images(tmp_path, *(f"{folder}/{i}.png" for folder in ("inside", "outside") for i in range(2)))
        (inside / "more").symlink_to(outside)
        (outside / "back").symlink_to(inside)
        (inside / "nowhere.png").symlink_to(tmp_path / "gone.png")
        with pytest.warns(UserWarning, match=r"1 of the 5 .*nowhere\.png does not exist$"):
            sources = [data.open_source("folder", split, data_dir=inside) for split in data.SPLITS]
        assert sorted(file for source in sources for file in source.files) == [
            "0.png",
            "1.png",
            "more/0.png",
            "more/1.png",
        ]

    def test_a_warning_names_ten_files_and_counts_the_rest(self, tmp_path):
        for i in range(14):
            (tmp_path / f"broken{i:02}.jpg").write_text("")
        make_images(tmp_path, *(f"{i}.png" for i in range(3)))
        with pytest.warns(UserWarning, match=r"14 of the 17 .*; broken09\.jpg is empty and 4 more$"):
            data.open_source("folder", "train", data_dir=tmp_path)

    def test_raw_files_of_cameras_are_counted_once(self, tmp_path):
        for name in ("a.CR2", "b.nef", "notes.txt", ".c.dng"):
            (tmp_path / name).write_text("")
        with pytest.raises(InputError, match="holds raw files of cameras, but no images"):
            data.open_source("folder", "train", data_dir=tmp_path)
        make_images(tmp_path, *(f"{i}.png" for i in range(3)))
        with pytest.warns(UserWarning, match=r"are left out, .* \(2: a\.CR2, b\.nef\): save them as PNG") as caught:
            _ = [data.open_source("folder", split, data_dir=tmp_path) for split in data.SPLITS]
        assert len(caught) == 1

    def test_whole_files_are_not_decoded_to_check_them(self, tmp_path, monkeypatch):
        for i in range(4):
            Image.fromarray(picture(seed=i)).save(tmp_path / f"{i}.{('png', 'jpg')[i % 2]}")
        content = encoded(picture(), "PNG")
        (tmp_path / "bit.png").write_bytes(content[:200] + bytes([content[200] ^ 1]) + content[201:])
        (tmp_path / "cut.png").write_bytes(content[:-12])
        (tmp_path / "end.jpg").write_bytes(encoded(picture(), "JPEG") + bytes(100))
        decoded = []
        original = data.folder.decode_image
        monkeypatch.setattr(
            data.folder,
            "decode_image",
            lambda *args, **names: decoded.append(names["name"]) or original(*args, **names),
        )
        with pytest.warns(UserWarning, match=r"2 of the 7 image files .*bit\.png is damaged .*cut\.png is damaged"):
            source = data.FolderSource(tmp_path, "all")
        assert sorted(decoded) == ["bit.png", "cut.png"]
        assert len(source) == 5

    def test_what_is_too_large_for_the_memory_of_the_moment_is_not_left_out(self, tmp_path, monkeypatch):
        for i in range(4):
            Image.new("RGB", (8, 8), i).save(tmp_path / f"{i}.tif")
        monkeypatch.setattr(limits, "_SMALL", 0)
        memory = [10]
        monkeypatch.setattr(limits, "available_memory", lambda: memory[0])
        way = r"0\.tif has 8 x 8 = 64 pixels, .* are available: close other programs, or move it out of "
        with pytest.raises(InputError, match=way):
            data.open_source("folder", "train", data_dir=tmp_path)
        memory[0] = 10**6
        source = data.FolderSource(tmp_path, "all")
        assert len(source) == 4
        first = iter([10])
        monkeypatch.setattr(limits, "available_memory", lambda: next(first, 10**6))
        with pytest.raises(NotEnoughMemory):  # rather than the next image in its place
            readable.Readable(source)[0]

    def test_files_that_lacked_memory_beside_others_are_checked_again_alone(self):
        def check(file):
            calls.append(file)
            if file == "large" and calls.count(file) == 1:
                raise NotEnoughMemory(file)

        calls = []
        assert faults_of(["small", "large"], check, what="", unit="") == [None, None]
        assert calls.count("large") == 2 and calls.count("small") == 1

    def test_a_changed_file_is_checked_again(self, tmp_path):
        make_images(tmp_path, *(f"{i}.png" for i in range(4)))
        data.open_source("folder", "train", data_dir=tmp_path)
        (tmp_path / "0.png").write_text("gone bad")
        with pytest.warns(UserWarning, match=r"1 of the 4 .*0\.png"):
            data.open_source("folder", "train", data_dir=tmp_path)

    def test_an_empty_a_missing_and_a_nearly_empty_folder_are_clear_errors(self, tmp_path):
        with pytest.raises(InputError, match=r"holds no images .*\.jpg"):
            data.open_source("folder", "train", data_dir=tmp_path)
        with pytest.raises(InputError, match="nowhere is not a folder"):
            data.open_source("folder", "train", data_dir=tmp_path / "nowhere")
        make_images(tmp_path, "1.png", "2.png")
        with pytest.raises(InputError, match="holds 2 usable image files"):
            data.open_source("folder", "train", data_dir=tmp_path)
        with pytest.raises(InputError, match="needs --data-dir"):
            data.open_source("folder", "train")

    def test_a_source_survives_pickling_and_says_the_same(self, tmp_path):
        for i in range(5):
            Image.fromarray(picture(seed=i)).save(tmp_path / f"{i}.jpg")
        source = data.open_source("folder", "train", data_dir=tmp_path)
        copy = pickle.loads(pickle.dumps(source))  # noqa: S301 (Grain does this to start its workers)
        assert repr(copy) == repr(source) and np.array_equal(copy[0], source[0])
        assert source.at_least(5)[0].shape == (5, 8, 3) and source[0].shape == (40, 60, 3)

    def test_real_photographs(self, shared):
        sources = [
            data.open_source("folder", split, data_dir=shared / "data/photos/train/cc0") for split in data.SPLITS
        ]
        assert sum(map(len, sources)) == 23 and all(map(len, sources))
        assert all(source[0].dtype == np.uint8 and max(source[0].shape) == 1280 for source in sources)


def test_importing_the_package_loads_no_heavy_library():
    heavy = ["tensorflow", "tensorflow_datasets", "grain", "cv2", "PIL", "skimage", "requests", "jax", "absl", "tqdm"]
    code = f"import sys, pconv_jax.data; print(sorted(set({heavy}) & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
