"""Folders of opacity maps: their splits, depths, mistakes."""

import itertools

import cv2
import numpy as np
import pytest

from pconv_jax.common.errors import InputError
from pconv_jax.data.opacity_maps import opacity_maps
from pconv_jax.data.source import SPLITS


@pytest.fixture
def folder(tmp_path):
    """Forty maps that are uniformly of the number in their names."""
    for number in range(40):
        path = tmp_path / "maps" / ("deep" if number % 2 else ".") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((3, 4), number, np.uint8))
    return tmp_path / "maps"


def test_the_splits_are_disjoint_and_hold_all(folder):
    splits = {split: opacity_maps(folder, split) for split in SPLITS}
    numbers = {split: sorted(int(each[0, 0]) for each in maps) for split, maps in splits.items()}
    assert sorted(itertools.chain(*numbers.values())) == list(range(40))
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
    levels = {int(each[0, 0]) for split in SPLITS for each in opacity_maps(tmp_path, split)}
    assert levels == {200, 60}


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


def test_maps_of_16_bits_are_scaled_to_8(tmp_path):
    for number in range(30):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((4, 5), 257 * (100 + number) + 99, np.uint16))
    found = [each for split in SPLITS for each in opacity_maps(tmp_path, split)]
    assert all(each.shape == (4, 5) and each.dtype == np.uint8 for each in found)
    assert sorted(each[0, 0] for each in found) == list(range(100, 130))
