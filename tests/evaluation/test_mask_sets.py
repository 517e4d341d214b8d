"""Mask sets: what a mask depends on, the published hashes, mask files and their polarity."""

import hashlib
import json
import pickle
import shutil

import numpy as np
import pytest
from PIL import Image

from pconv_jax import masks
from pconv_jax.common.errors import InputError
from pconv_jax.evaluation.mask_sets import (
    PUBLISHED,
    FolderMasks,
    LineMasks,
    RatioMasks,
    bucket_of,
    drawn,
    mask_files,
    mask_set_hash,
    open_masks,
    read_mask,
)

DRAWN = [LineMasks, RatioMasks]


def write(path, pixels):
    """Writes pixels as a file; 16 bits where they are uint16."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels)).save(path)
    return path


def square(side, top, left, size, *, value=255):
    """A grey file, uint8 [side, side]: one white square hole."""
    pixels = np.zeros((side, side), np.uint8)
    pixels[top : top + size, left : left + size] = value
    return pixels


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


# ----- drawn sets


def test_the_published_hashes():
    # If this fails, a version draws other masks than those that scores were published for: do not edit the hashes, but
    # undo the change or make it another version.
    made = {"lines": LineMasks, "ratios": RatioMasks}
    versions = (("lines", 1), ("lines", 2), ("ratios", 1))
    assert sorted(PUBLISHED) == [(*version, 0, side) for version in versions for side in (64, 128)]
    for (name, version, seed, side), published in PUBLISHED.items():
        assert mask_set_hash(made[name](seed=seed, version=version), size=(side, side)) == published


def test_a_mask_is_what_its_definition_says():
    # Written out once more, so that the seeding and the tables cannot drift.
    rng = np.random.default_rng([0, 1, 5, 2, 7, 40, 30])
    expected = masks.random_lines(rng, 40, 30, count=(1, 3), thickness=(9, 16))
    assert np.array_equal(LineMasks(seed=5).mask("thick", 7, 40, 30), expected)
    rng = np.random.default_rng([0, 2, 5, 4, 7, 40, 30])
    expected = masks.random_lines(rng, 40, 30, count=(1, 2), thickness=(17, 24))
    assert np.array_equal(LineMasks(seed=5, version=2).mask("17-24 px", 7, 40, 30), expected)
    rng = np.random.default_rng([1, 1, 5, 11, 7, 40, 30])
    expected = masks.random_strokes_by_ratio(rng, 40, 30, ratio=(0.5, 0.6), border=True)
    assert np.array_equal(RatioMasks(seed=5).mask("0.5-0.6 border", 7, 40, 30), expected)


def test_the_hash_is_sha256_of_json_and_bits():
    class Two:
        name, buckets = "two", ("a", "b")

        def mask(self, bucket, index, height, width):
            mask = np.ones((height, width, 1), np.float32)
            mask[0, 0 if bucket == "a" else 2] = 0
            return mask

        def definition(self):
            return {"seed": 0, "kind": "two"}

    # Six pixels a mask, 1 = hole, filled up to a byte: 100000 00 and 001000 00.
    content = b'{"definition":{"kind":"two","seed":0},"size":[2,3]}' + b"\x80" * 16 + b"\x20" * 16
    assert mask_set_hash(Two(), size=(2, 3)) == hashlib.sha256(content).hexdigest()


def test_the_buckets_of_drawn_sets():
    assert LineMasks().buckets == ("thin", "medium", "thick")
    assert RatioMasks().buckets[:3] == ("0.01-0.1 inner", "0.01-0.1 border", "0.1-0.2 inner")
    assert RatioMasks().buckets[-1] == "0.5-0.6 border" and len(RatioMasks().buckets) == 12


def test_every_bucket_of_ratios_holds_what_its_name_says():
    for bucket in RatioMasks().buckets:
        bounds, where = bucket.split()
        low, high = map(float, bounds.split("-"))
        for index in range(3):
            mask = RatioMasks(seed=2).mask(bucket, index, 48, 64)
            hole = mask[..., 0] == 0
            assert low < masks.hole_ratio(mask) <= high
            assert (hole.sum() > hole[1:-1, 1:-1].sum()) == (where == "border")


def test_line_buckets_grow_in_thickness():
    # The thickest disc that fits: a hole pixel whose whole neighbourhood of 3 x 3 or 9 x 9 is hole.
    def has_block(bucket, side):
        found = [LineMasks().mask(bucket, index, 64, 64)[..., 0] == 0 for index in range(5)]
        return [bool(np.lib.stride_tricks.sliding_window_view(hole, (side, side)).all((2, 3)).any()) for hole in found]

    assert not any(has_block("thin", 8)) and all(has_block("medium", 2)) and all(has_block("thick", 5))


@pytest.mark.parametrize("kind", DRAWN)
def test_a_mask_depends_on_seed_bucket_index_and_size_and_nothing_else(kind):
    first, second = kind().buckets[1:3]
    wanted = [(first, 3, 32, 32), (second, 3, 32, 32), (first, 4, 32, 32), (first, 3, 32, 48), (first, 3, 48, 32)]
    forwards = [kind().mask(*place) for place in wanted]
    one = kind()
    backwards = [one.mask(*place) for place in reversed(wanted)][::-1]  # what was drawn before does not matter
    for mask, again in zip(forwards, backwards, strict=True):
        assert mask.shape[2] == 1 and mask.dtype == np.float32 and np.array_equal(mask, again)
    assert len({mask.tobytes() for mask in forwards}) == len(wanted)
    assert not np.array_equal(kind(seed=1).mask(*wanted[0]), forwards[0])


@pytest.mark.parametrize("kind", DRAWN)
def test_an_index_far_out_and_a_large_seed_work(kind):
    bucket = kind().buckets[0]
    mask = kind(seed=2**63).mask(bucket, 10**15, 32, 32)
    assert set(np.unique(mask)) == {0.0, 1.0}
    assert not np.array_equal(mask, kind(seed=2**63).mask(bucket, 10**15 + 1, 32, 32))


@pytest.mark.parametrize("kind", DRAWN)
def test_seed_size_and_version_change_the_hash(kind, monkeypatch):
    monkeypatch.setattr("pconv_jax.evaluation.mask_sets._HASHED", 2)  # quicker
    hashes = [mask_set_hash(kind(seed=seed), size=size) for seed, size in ((0, (16, 24)), (1, (16, 24)), (0, (24, 16)))]
    # A version 3 that would draw from the same table.
    table = {LineMasks: "_LINES", RatioMasks: "_RATIOS"}[kind]
    monkeypatch.setitem(getattr(drawn, table), 3, getattr(drawn, table)[1])
    hashes.append(mask_set_hash(kind(version=3), size=(16, 24)))
    bucket = kind().buckets[0]
    assert not np.array_equal(kind().mask(bucket, 0, 32, 32), kind(version=3).mask(bucket, 0, 32, 32))
    assert len(set(hashes)) == 4 and all(len(digest) == 64 for digest in hashes)


@pytest.mark.parametrize("kind", DRAWN)
def test_a_definition_is_json_and_a_set_travels_to_other_processes(kind):
    masks_of_5 = kind(seed=np.int64(5))
    definition = masks_of_5.definition()
    assert json.loads(json.dumps(definition)) == definition
    assert (definition["kind"], definition["version"], definition["seed"]) == (masks_of_5.name, 1, 5)
    packed = pickle.dumps(masks_of_5)
    assert pickle.loads(packed) == masks_of_5 and len(packed) < 500  # noqa: S301  (its own)


def test_what_is_not_there_is_named():
    with pytest.raises(InputError, match=r"unknown bucket 'huge' of the masks lines: choose from thin, medium, thick$"):
        LineMasks().mask("huge", 0, 32, 32)
    with pytest.raises(InputError, match=r"unknown version 2 of the masks ratios: choose from 1$"):
        RatioMasks(version=2)
    with pytest.raises(InputError, match="index -1"):
        RatioMasks().mask("0.1-0.2 inner", -1, 32, 32)
    with pytest.raises(InputError, match="seed -1"):
        LineMasks(seed=-1)


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
        ("circles", {}, "circles is not a folder of masks: give a folder of mask files, or lines or ratios"),
        ("lines", {"version": 9}, "unknown version 9 of the masks lines: choose from 1, 2"),
        ("ratios", {"invert": True}, "ratios are drawn: leave out --mask-threshold and --invert-mask,"),
        ("lines", {"threshold": 100}, "lines are drawn: leave out --mask-threshold"),
        (".", {"version": 2}, "unknown version 2"),
        (".", {"threshold": 0}, r"threshold 0 .* 1\.\.255"),
        (".", {"threshold": 256}, r"threshold 256 .* 1\.\.255"),
        (".", {"seed": -1}, "seed -1"),
    ],
)
def test_a_name_or_option_that_makes_no_set(name, options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        open_masks(name, **options)


# ----- one file


def test_white_is_hole_from_the_threshold_on(tmp_path):
    grey = write(tmp_path / "grey.png", np.array([[0, 127, 128, 255]], np.uint8))
    assert read_mask(grey)[..., 0].tolist() == [[1, 1, 0, 0]]
    assert read_mask(grey).shape == (1, 4, 1) and read_mask(grey).dtype == np.float32
    assert read_mask(grey, threshold=127)[..., 0].tolist() == [[1, 0, 0, 0]]
    assert read_mask(grey, threshold=255)[..., 0].tolist() == [[1, 1, 1, 0]]
    assert read_mask(grey, invert=True)[..., 0].tolist() == [[0, 0, 1, 1]]


def test_colours_become_luma_and_transparency_is_ignored(tmp_path):
    # Luma: 0.299 R + 0.587 G + 0.114 B; pure green is 150, pure red 76.
    colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]
    rgb = write(tmp_path / "rgb.png", np.array([colours], np.uint8))
    assert read_mask(rgb)[..., 0].tolist() == [[1, 0, 1, 0]]
    assert read_mask(rgb, threshold=76)[..., 0].tolist() == [[0, 0, 1, 0]]
    rgba = write(tmp_path / "rgba.png", np.array([[[0, 0, 0, 0], [255, 255, 255, 0]]], np.uint8))
    assert read_mask(rgba)[..., 0].tolist() == [[1, 0]]
    palette = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    palette.putpalette([0, 0, 0, 250, 250, 250])
    palette.save(tmp_path / "palette.png", transparency=b"\x00\x00")
    assert read_mask(tmp_path / "palette.png")[..., 0].tolist() == [[1, 0]]


def test_16_bits_are_scaled_and_one_bit_is_read(tmp_path):
    # 32767 / 257 is 127.498, 32768 / 257 is 127.502: half of the range in either depth.
    deep = write(tmp_path / "deep.png", np.array([[255, 32767, 32768, 65535]], np.uint16))
    assert read_mask(deep)[..., 0].tolist() == [[1, 1, 0, 0]]
    Image.fromarray(np.array([[False, True]])).save(tmp_path / "bits.png")
    assert read_mask(tmp_path / "bits.png")[..., 0].tolist() == [[1, 0]]


def test_a_file_that_is_no_mask_is_named(tmp_path):
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(
        InputError, match=r"text\.png is not an image, or of a kind that cannot be read: save it as PNG"
    ):
        read_mask(tmp_path / "text.png")
    with pytest.raises(InputError, match=r"gone\.png does not exist: check its name$"):
        read_mask(tmp_path / "gone.png")
    Image.fromarray(np.zeros((2, 2), np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(InputError, match=r"float\.tif has 32-bit float pixels, which do not say which value is white"):
        read_mask(tmp_path / "float.tif")
    with pytest.raises(InputError, match="threshold 0"):
        read_mask(tmp_path / "text.png", threshold=0)


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
    with pytest.raises(InputError, match="0 x 3"):
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
    with pytest.raises(InputError, match="has a hole at threshold 128: give a lower --mask-threshold"):
        FolderMasks(tmp_path)
    assert FolderMasks(tmp_path, threshold=1).buckets == ("0.01-0.1 inner",)
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
