"""Folders of opacity maps: their splits, depths, mistakes."""

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from pconv_jax import data
from pconv_jax.common.errors import InputError
from pconv_jax.data.opacity_maps import opacity_maps
from pconv_jax.data.source import SPLITS


@pytest.fixture
def folder(tmp_path):
    """Forty maps that are uniformly of the number in their names."""
    for number in range(1, 41):
        path = tmp_path / "maps" / ("deep" if number % 2 else ".") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((3, 4), number, np.uint8))
    return tmp_path / "maps"


def test_the_splits_are_disjoint_and_hold_all(folder):
    splits = {split: opacity_maps(folder, split) for split in SPLITS}
    numbers = {split: sorted(int(each[0, 0]) for each in maps) for split, maps in splits.items()}
    assert sorted(itertools.chain(*numbers.values())) == list(range(1, 41))
    assert all(numbers.values()) and len(numbers["train"]) > 25
    assert all(each.dtype == np.uint8 and each.shape == (3, 4) for maps in splits.values() for each in maps)


def test_the_place_of_the_folder_does_not_matter(folder, tmp_path):
    before = opacity_maps(folder, "test")
    moved = folder.rename(tmp_path / "elsewhere")
    for one, two in zip(before, opacity_maps(moved, "test"), strict=True):
        np.testing.assert_array_equal(one, two)


def test_deep_and_coloured_maps_become_eight_bits_of_grey(tmp_path):
    for name in "abc":
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((2, 2), 257 * 200, np.uint16))
        cv2.imwrite(str(tmp_path / f"{name}-rgb.png"), np.full((2, 2, 3), (30, 60, 90), np.uint8))
        cv2.imwrite(str(tmp_path / f"{name}-between.png"), np.full((2, 2, 3), (31, 60, 91), np.uint8))  # 60.67
    levels = {int(each[0, 0]) for split in SPLITS for each in opacity_maps(tmp_path, split)}
    assert levels == {200, 60, 61}


def test_folders_that_cannot_be_used(tmp_path):
    with pytest.raises(InputError, match=r"--damage-dir .*nowhere is not a folder"):
        opacity_maps(tmp_path / "nowhere", "train")
    (tmp_path / "few").mkdir()
    for name in "ab":
        cv2.imwrite(str(tmp_path / "few" / f"{name}.png"), np.zeros((2, 2), np.uint8))
    with pytest.raises(InputError, match="holds 2 images, but it must hold at least 3"):
        opacity_maps(tmp_path / "few", "train")
    for name in "cdefgh":
        (tmp_path / "few" / f"{name}.png").write_bytes(b"no image")
    with pytest.raises(InputError):
        opacity_maps(tmp_path / "few", "train")


def damage_and_alpha(colour):
    """Pixels of one colour, visible in a corner."""
    pixels = np.full((8, 8, 4), colour, np.uint8)
    pixels[..., 3] = 0
    pixels[:3, :3, 3] = 255
    return pixels


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((8, 8), np.uint8), r"map .*b\.png marks no damage \(white\): invert it, or leave it out"),
        (255 - np.eye(8, dtype=np.uint8) * 255, r"b\.png is opaque \(white\) nearly everywhere: invert it, or leave"),
        (damage_and_alpha(0), r"marks no damage \(white\), and its transparency is ignored: lay it over black, or"),
        (damage_and_alpha(255), r"nearly everywhere, and its transparency is ignored: lay it over black, or leave"),
    ],
)
def test_maps_that_mark_nothing_or_all_are_refused(tmp_path, pixels, message):
    for name in "acd":
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.eye(8, dtype=np.uint8) * 255)
    cv2.imwrite(str(tmp_path / "b.png"), pixels)
    with pytest.raises(InputError, match=message):
        [opacity_maps(tmp_path, split) for split in SPLITS]


def test_more_maps_than_memory_should_hold_are_refused(folder, monkeypatch):
    monkeypatch.setattr(data.opacity_maps, "_MOST", 30)
    with pytest.raises(InputError, match="has opacity maps for train of more than 30 pixels: cut the pieces of damage"):
        opacity_maps(folder, "train")


def test_maps_of_16_bits_are_scaled_to_8(tmp_path):
    for number in range(30):
        cv2.imwrite(
            str(tmp_path / f"{number}.png"),
            np.full((4, 5), 257 * (100 + number) + (99 if number % 2 else -99), np.uint16),
        )
    found = [each for split in SPLITS for each in opacity_maps(tmp_path, split)]
    assert all(each.shape == (4, 5) and each.dtype == np.uint8 for each in found)
    assert sorted(each[0, 0] for each in found) == list(range(100, 130))


def test_the_maps_are_those_that_are_there_now(tmp_path, monkeypatch):
    def levels():
        return sorted(int(each[0, 0]) for split in SPLITS for each in opacity_maps(Path("maps"), split))

    for folder, first in (("one", 1), ("two", 11)):
        (tmp_path / folder / "maps").mkdir(parents=True)
        for number in range(4):
            cv2.imwrite(str(tmp_path / folder / "maps" / f"{number}.png"), np.full((3, 4), first + number, np.uint8))
    monkeypatch.chdir(tmp_path / "one")
    assert levels() == [1, 2, 3, 4]
    before = opacity_maps(Path("maps"), "train")
    cv2.imwrite("maps/3.png", np.full((9, 7), 200, np.uint8))
    cv2.imwrite("maps/4.png", np.full((3, 4), 201, np.uint8))
    Path("maps/0.png").unlink()
    assert levels() == [2, 3, 200, 201]
    monkeypatch.chdir(tmp_path / "two")
    assert levels() == [11, 12, 13, 14]
    after = opacity_maps(Path("maps"), "train")
    assert after is not before and after is opacity_maps(Path("maps"), "train")  # read once
