"""Mask sets by name and from a folder: buckets, order, hash, polarity."""

import json
import pickle
import shutil

import numpy as np
import pytest
from mask_pictures import square, write

from pconv_jax import masks
from pconv_jax.common.errors import InputError
from pconv_jax.evaluation.mask_sets import (
    FolderMasks,
    LineMasks,
    RatioMasks,
    bucket_of,
    mask_set_hash,
    open_masks,
    read_mask,
)
from pconv_jax.imaging import mask_files


@pytest.fixture
def folder(tmp_path):
    """Six files of 10 x 10: three in one bucket, one in each of three others. Beside them, what is no mask."""
    root = tmp_path / "some masks"
    for name in ("c", "a", "b"):
        write(root / f"{name}.png", square(10, 1 + ord(name) - ord("a"), 2, 3))  # 9 pixels
    write(root / "deep" / "edge.bmp", square(10, 0, 3, 4))  # 16 pixels
    write(root / "deep" / "big.PNG", square(10, 1, 1, 8))  # 64 pixels
    write(root / "deep" / "empty.tif", square(10, 0, 0, 0))
    write(root / ".hidden" / "d.png", square(10, 1, 1, 3))
    (root / "LICENCE.txt").write_text("not a mask")
    return root


# ----- by name


def test_sets_by_name(folder):
    assert open_masks("lines", seed=3) == LineMasks(seed=3)
    assert open_masks("ratios", seed=3, version=1) == RatioMasks(seed=3)
    with pytest.warns(UserWarning, match="82% hole"):  # inverted, these files are holes nearly everywhere
        opened = open_masks(str(folder), seed=3, threshold=9, invert=True)
    assert isinstance(opened, FolderMasks)
    assert (opened.seed, opened.threshold, opened.invert, opened.name) == (3, 9, True, "some masks")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "circles",
            {},
            "circles is not a folder of masks: give a folder of mask files, or one of lines, ratios, regions",
        ),
        ("lines", {"version": 9}, "unknown version 9 of the masks lines: choose from 1, 2"),
        ("ratios", {"invert": True}, "ratios are drawn: leave out --mask-threshold and --invert-mask,"),
        ("lines", {"threshold": 100}, "lines are drawn: leave out --mask-threshold"),
        (".", {"version": 2}, "unknown version 2"),
        (".", {"threshold": 0}, "threshold is 0, but it must lie between 1 and 255"),
        (".", {"threshold": 256}, "threshold is 256, but it must lie between 1 and 255"),
        (".", {"seed": -1}, "seed -1"),
    ],
)
def test_a_name_or_option_that_makes_no_set(name, options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        open_masks(name, **options)


# ----- a folder


def test_files_are_sorted_by_ratio_and_border(folder):
    found = FolderMasks(folder)
    assert {bucket: found.files(bucket) for bucket in found.buckets} == {
        "none": ("deep/empty.tif",),
        "0.01-0.1 inner": ("a.png", "b.png", "c.png"),
        "0.1-0.2 border": ("deep/edge.bmp",),
        "0.6-1 inner": ("deep/big.PNG",),
    }


def test_a_bucket_by_hand_and_the_files_by_name(folder):
    mask = np.ones((10, 10, 1), np.float32)
    assert bucket_of(mask) == "none"
    mask[1:9, 1:6] = 0
    assert bucket_of(mask) == "0.3-0.4 inner"  # 40 of 100: the upper end belongs to the bin
    for row, column in ((0, 4), (9, 4), (4, 0), (4, 9)):
        touching = mask.copy()
        touching[row, column] = 0
        assert bucket_of(touching) == "0.4-0.5 border"
    with pytest.raises(InputError, match=r"\[H, W, 1\], got \[1, 10, 10, 1\]"):
        bucket_of(mask[None])
    names = ["a.png", "b.png", "c.png", "deep/big.PNG", "deep/edge.bmp", "deep/empty.tif"]
    assert [path.as_posix() for path in mask_files(folder)] == names


def test_the_upper_end_of_a_bin_belongs_to_it(tmp_path):
    write(tmp_path / "tenth.png", np.eye(10, dtype=np.uint8) * 255)  # 10 of 100 pixels
    write(tmp_path / "hundredth.png", square(10, 5, 5, 1))
    write(tmp_path / "all.png", square(10, 0, 0, 10))
    assert FolderMasks(tmp_path).buckets == ("0-0.01 inner", "0.01-0.1 border", "0.6-1 border")


def test_masks_of_a_folder_are_those_of_its_files_each_once_a_turn(folder):
    found = FolderMasks(folder, seed=4)
    files = {read_mask(folder / file).tobytes() for file in found.files("0.01-0.1 inner")}
    drawn = [found.mask("0.01-0.1 inner", index, 10, 10).tobytes() for index in range(30)]
    for turn in range(10):
        assert set(drawn[3 * turn : 3 * turn + 3]) == files
    assert len({tuple(drawn[3 * turn : 3 * turn + 3]) for turn in range(10)}) > 1  # in another order
    # The order of the calls and the object do not matter; the seed does.
    again = FolderMasks(folder, seed=4)
    assert [again.mask("0.01-0.1 inner", index, 10, 10).tobytes() for index in reversed(range(30))] == drawn[::-1]
    other = FolderMasks(folder, seed=5)
    assert [other.mask("0.01-0.1 inner", index, 10, 10).tobytes() for index in range(30)] != drawn
    assert found.mask("0.01-0.1 inner", 10**15, 10, 10).tobytes() in files


def test_a_file_is_resized_to_the_nearest_pixel(tmp_path):
    write(tmp_path / "mask.png", np.array([[0, 255, 0], [255, 0, 0]], np.uint8))
    found = FolderMasks(tmp_path)
    assert found.mask("0.3-0.4 border", 0, 2, 3)[..., 0].tolist() == [[1, 0, 1], [0, 1, 1]]
    assert found.mask("0.3-0.4 border", 0, 4, 6)[..., 0].tolist() == [
        [1, 1, 0, 0, 1, 1],
        [1, 1, 0, 0, 1, 1],
        [0, 0, 1, 1, 1, 1],
        [0, 0, 1, 1, 1, 1],
    ]
    # The middle of one column is the middle column; that of one row is where the second row begins.
    assert found.mask("0.3-0.4 border", 0, 2, 1)[..., 0].tolist() == [[0], [1]]
    assert found.mask("0.3-0.4 border", 0, 1, 3)[..., 0].tolist() == [[0, 1, 1]]
    with pytest.raises(InputError, match="3 x 0"):
        found.mask("0.3-0.4 border", 0, 0, 3)


def test_the_hash_of_a_folder_follows_its_files_and_not_its_place(folder, tmp_path):
    def stated(root, **options):
        return mask_set_hash(FolderMasks(root, **options), size=(10, 10))

    before = stated(folder)
    shutil.copytree(folder, tmp_path / "elsewhere")
    assert stated(tmp_path / "elsewhere") == before
    with pytest.warns(UserWarning, match="82% hole"):
        inverted = stated(folder, invert=True)
    assert len({before, inverted, stated(folder, seed=1), stated(folder, threshold=127)}) == 4
    write(folder / "a.png", square(10, 6, 6, 3))
    assert stated(folder) != before


def test_another_file_in_one_bucket_leaves_the_others_as_they_were(folder):
    before = [FolderMasks(folder).mask("0.01-0.1 inner", index, 10, 10).tobytes() for index in range(9)]
    write(folder / "0.png", square(10, 1, 1, 5))  # a bucket of its own, before those of the other files in order
    after = [FolderMasks(folder).mask("0.01-0.1 inner", index, 10, 10).tobytes() for index in range(9)]
    assert after == before


def test_a_folder_is_stated_and_travels_without_its_pixels(folder):
    found = FolderMasks(folder, seed=2, threshold=100)
    definition = found.definition()
    assert json.loads(json.dumps(definition)) == definition
    assert len(definition.pop("sha256")) == 64
    buckets = {"none": 1, "0.01-0.1 inner": 3, "0.1-0.2 border": 1, "0.6-1 inner": 1}
    assert definition == {
        "kind": "folder",
        "version": 1,
        "seed": 2,
        "threshold": 100,
        "invert": False,
        "buckets": buckets,
    }
    packed = pickle.dumps(found)
    copy = pickle.loads(packed)  # noqa: S301  (its own)
    assert len(packed) < 1000 and repr(copy) == repr(found)
    assert np.array_equal(copy.mask("none", 0, 5, 5), found.mask("none", 0, 5, 5))


def test_files_that_look_inverted_are_warned_of(tmp_path):
    for name in "abc":
        write(tmp_path / f"{name}.png", 255 - square(10, 3, 3, 3))  # 91 of 100 pixels white
    write(tmp_path / "d.png", square(10, 3, 3, 3))
    with pytest.warns(UserWarning, match=r"are 70% hole on average; if black marks .* give --invert-mask$"):
        FolderMasks(tmp_path)
    assert FolderMasks(tmp_path, invert=True).buckets == ("0.01-0.1 inner", "0.6-1 border")  # without a warning
    for name in "abc":
        write(tmp_path / f"{name}.png", square(10, 3, 3, 3))
    with pytest.warns(UserWarning, match=r"if white marks .* leave out --invert-mask$"):
        FolderMasks(tmp_path, invert=True)


def test_a_folder_without_usable_masks_is_named(tmp_path):
    with pytest.raises(InputError, match=r"holds no mask files \(\.png, .*\.bmp"):
        FolderMasks(tmp_path)
    with pytest.raises(InputError, match=r"nowhere is not a folder of masks"):
        FolderMasks(tmp_path / "nowhere")
    write(tmp_path / "ones.png", square(10, 3, 3, 3, value=1))  # 0 and 1, as some programs save masks
    with pytest.raises(
        InputError, match=r"ones\.png holds only 0 and 1, .* threshold 128 on\): .* --mask-threshold 1$"
    ):
        FolderMasks(tmp_path)
    assert FolderMasks(tmp_path, threshold=1).buckets == ("0.01-0.1 inner",)
    write(tmp_path / "black" / "even.png", square(10, 3, 3, 3, value=0))
    with pytest.raises(InputError, match="has a hole at threshold 128: give a lower --mask-threshold"):
        FolderMasks(tmp_path / "black")
    whole = (tmp_path / "ones.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut\.png is damaged or cut off \(.*: copy it again"):
        FolderMasks(tmp_path, threshold=1)


def test_the_masks_of_liu_et_al_land_in_the_buckets_of_their_folders(shared):
    # 600 real files sorted by their authors: this would not fit with black = hole, or with other ends of the bins.
    found = FolderMasks(shared / "data" / "masks" / "nvidia")
    assert found.buckets == RatioMasks().buckets
    for bucket in found.buckets:
        bounds, where = bucket.split()
        low, high = (round(100 * float(bound)) for bound in bounds.split("-"))
        files = found.files(bucket)
        assert len(files) == 50 and all(file.startswith(f"{low:02}-{high}/{where}/") for file in files)
    low, high = masks.hole_ratio(np.stack([found.mask("0.5-0.6 inner", index, 128, 128) for index in (0, 1)]))
    assert 0.45 < low < 0.65 and 0.45 < high < 0.65  # still much the same when made smaller
