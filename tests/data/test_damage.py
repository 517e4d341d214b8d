"""The masks that training images are damaged with: regions, and files of a folder; mistakes."""

import os

import numpy as np
import pytest
from PIL import Image

from pconv_jax.common.errors import InputError
from pconv_jax.data import Damage, folder_masks
from pconv_jax.data.folder_masks import folder_mask
from pconv_jax.masks import hole_ratio
from pconv_jax.masks.folder_masks import augmented_mask
from pconv_jax.masks.regions import centre_region, random_blocks, random_region


def rng():
    return np.random.default_rng(5)


@pytest.fixture
def folder(tmp_path):
    """One mask file with a hole, one without."""
    hole = np.zeros((30, 40), np.uint8)
    hole[5:9, 3:] = 255
    (tmp_path / "below").mkdir()
    Image.fromarray(hole).save(tmp_path / "below" / "a.png")
    Image.fromarray(np.zeros_like(hole)).save(tmp_path / "empty.png")
    return tmp_path


def test_each_kind_of_mask_is_the_one_of_its_name():
    np.testing.assert_array_equal(Damage(masks="centre").mask(rng(), 64), centre_region(64, 64, overlap=4))
    np.testing.assert_array_equal(Damage(masks="centre", overlap=0).mask(rng(), 64), centre_region(64, 64))
    np.testing.assert_array_equal(Damage(masks="random").mask(rng(), 32), random_region(rng(), 32, 32))
    np.testing.assert_array_equal(Damage(masks="blocks").mask(rng(), 32), random_blocks(rng(), 32, 32))


def test_masks_of_a_folder_are_its_files_augmented(folder):
    damage, hole = Damage(masks="folder", mask_dir=str(folder)), np.zeros((30, 40), bool)
    damage.check()
    assert damage.files().fingerprint() == Damage(masks="folder", mask_dir=folder).files().fingerprint()
    hole[5:9, 3:] = True
    first, again = rng(), rng()
    for _ in range(4):
        again.integers(2)  # the draw of the file; one without a hole is passed over
        np.testing.assert_array_equal(damage.mask(first, 24), augmented_mask(again, hole, 24, 24))
    assert 0 < hole_ratio(damage.mask(first, 24)) < 1


def test_specks_of_a_large_scan_are_not_lost(folder):
    hole = np.zeros((900, 900), np.uint8)
    hole[450, 450] = 255
    for old in (folder / "below/a.png", folder / "empty.png"):
        Image.fromarray(hole).save(old)
    assert augmented_mask(rng(), hole > 0, 16, 16).all()  # picked pixels miss it
    for seed in range(20):
        assert not folder_mask(np.random.default_rng(seed), folder, 16).all()


def test_what_no_file_shows_is_refused_in_a_sentence(folder, monkeypatch):
    monkeypatch.setattr(folder_masks, "augmented_mask", lambda rng, hole, height, width: np.ones((height, width, 1)))
    with pytest.raises(InputError, match=r"holes of the masks in .* are too small for 16x16 px: give larger ones"):
        folder_mask(rng(), folder, 16)


def test_mask_files_that_cannot_be_used_are_found_before_any_is_drawn(folder):
    damage = Damage(masks="folder", mask_dir=folder)
    damage.check_files()
    Damage().check_files()
    (folder / "cut.png").write_bytes((folder / "empty.png").read_bytes()[:40])
    Image.fromarray(np.eye(8, dtype=np.uint8)).save(folder / "below" / "labels.png")
    with pytest.raises(
        InputError,
        match=r"2 of the 4 mask files in .* cannot be used \(below/labels.png .*; cut.png .*\): repair them, or move",
    ):
        damage.check_files()


def test_a_mask_that_is_white_all_over_is_refused_and_mostly_white_ones_are_warned_of(tmp_path):
    hole = np.full((20, 20), 255, np.uint8)
    hole[:2] = 0
    for name in ("a.png", "b.png"):
        Image.fromarray(hole).save(tmp_path / name)
    Image.fromarray(255 - hole).save(tmp_path / "c.png")
    damage = Damage(masks="folder", mask_dir=tmp_path)
    with pytest.warns(UserWarning, match=r"are 63% hole on average; if black marks the holes in .*, invert them$"):
        damage.check_files()  # 0.9, 0.9 and 0.1
    Image.fromarray(np.full((20, 20), 255, np.uint8)).save(tmp_path / "c.png")
    with pytest.raises(
        InputError, match=r"1 of the 3 mask files in .* cannot be used \(c.png is white all over, which"
    ):
        damage.check_files()


def save_rows(path, rows, size=20):
    """A mask file, the hole of which is its first rows."""
    hole = np.zeros((size, size), np.uint8)
    hole[:rows] = 255
    Image.fromarray(hole).save(path)


def test_masks_are_drawn_from_the_files_that_are_there_now(tmp_path, monkeypatch):
    def drawn(place):
        monkeypatch.chdir(place)
        rng, damage = np.random.default_rng(0), Damage(masks="folder", mask_dir="masks")
        return {hole_ratio(damage.mask(rng, 20)) for _ in range(30)}

    monkeypatch.setattr(folder_masks, "augmented_mask", lambda rng, hole, *_: ~hole[..., None])
    for place, rows in ((tmp_path / "one", 2), (tmp_path / "two", 4)):
        (place / "masks").mkdir(parents=True)
        save_rows(place / "masks/a.png", rows)
    one = tmp_path / "one/masks"
    assert drawn(tmp_path / "one") == {0.1} and drawn(tmp_path / "two") == {0.2}  # the same relative folder
    save_rows(one / "a.png", 6, size=40)
    assert drawn(tmp_path / "one") == {0.15}  # replaced
    (one / "a.png").unlink()
    save_rows(one / "b.png", 10)
    assert drawn(tmp_path / "one") == {0.5}  # deleted, and another one added
    save_rows(one / "c.png", 12)
    assert drawn(tmp_path / "one") == {0.5}  # a folder is not listed for each mask ...
    assert len(Damage(masks="folder", mask_dir=one).files()) == 2
    assert drawn(tmp_path / "one") == {0.5, 0.6}  # ... but at each beginning
    save_rows(one / "d.png", 20)
    with pytest.raises(InputError, match=r"1 of the 3 mask files in .* cannot be used \(d.png is white all over"):
        Damage(masks="folder", mask_dir=one).check_files()
    (one / "d.png").unlink()
    Damage(masks="folder", mask_dir=one).check_files()


def test_the_hole_of_a_replaced_file_makes_room(tmp_path):
    kept = folder_masks._Kept(50)  # bytes: a mask of 20 x 20 px
    for rows in (2, 4):
        save_rows(tmp_path / "a.png", rows)
        os.utime(tmp_path / "a.png", ns=(0, rows))
        assert np.count_nonzero(kept[tmp_path / "a.png"]) == 20 * rows
        assert kept._left == 0


def test_few_bytes_of_mask_files_are_kept(folder, monkeypatch):
    files = sorted(folder.glob("**/*.png"))
    kept = folder_masks._Kept(30 * 40 // 8)  # one of them
    before = [kept[file] for file in files]
    monkeypatch.setattr(folder_masks, "read_hole", lambda path, **_: np.zeros((1, 1), bool))
    after = [kept[file] for file in files]
    np.testing.assert_array_equal(after[0], before[0])
    assert after[0].dtype == bool and after[0].any() and after[1].shape == (1, 1)


def test_masks_that_cannot_be_drawn_are_refused(folder):
    for wrong in (Damage(masks="folder"), Damage(mask_dir=folder)):
        with pytest.raises(InputError, match="--masks folder and --mask-dir, the folder of the masks, go together"):
            wrong.check()
    for wrong, named in (
        (Damage(masks="centre", overlap=1.5), "overlap=1.5 must be a whole number of px"),
        (Damage(noise="0.1"), "noise=0.1"),
    ):
        with pytest.raises(InputError, match=named):
            wrong.check()
    with pytest.raises(InputError, match="masks='text' must be one of lines, centre, random, blocks, folder"):
        Damage(masks="text").check()
    (folder / "below" / "a.png").unlink()
    with pytest.raises(InputError, match=r"no mask in .* has a hole \(white pixels\): invert them, or give another"):
        folder_mask(rng(), folder, 16)
