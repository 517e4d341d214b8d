"""Previews and maps of probabilities that `pconv-jax detect` writes, and what they may replace."""

import numpy as np
import pytest
from restoring import files, load, picture, save, state


def test_probabilities_and_previews(tmp_path, photos, detect):
    image = photos.folder / "a.png"
    result = detect(
        image, "-o", tmp_path / "m.png", "--probabilities", tmp_path / "p.png", "--preview", tmp_path / "v.png"
    )
    assert result.code == 0
    line, mask, before = photos.lines["a.png"], load(tmp_path / "m.png") > 0, load(image)
    levels = load(tmp_path / "p.png")
    assert (levels[line] == np.rint(255 / (1 + np.exp(-6)))).all() and levels[~line].max() < 20
    preview = load(tmp_path / "v.png")
    np.testing.assert_array_equal(preview[~mask], before[~mask])
    np.testing.assert_array_equal(
        preview[mask], np.rint(0.25 * before[mask].astype(np.float32) + 0.75 * np.array([255, 0, 160], np.float32))
    )
    result = detect(photos.folder, "-o", photos.out, "--probabilities", tmp_path / "p", "--preview", tmp_path / "v")
    assert files(tmp_path / "p") == {"a.png", "deep/b.png", "c.png"}
    assert files(tmp_path / "v") == {"a.jpg", "deep/b.jpg", "c.jpg"}


def test_what_it_did_not_write_is_replaced_only_if_asked(photos, detect):
    """It may be a photograph that is not looked at in this call, an infrared channel, or the picture of an editor."""
    beside = save(photos.folder / "c.jpg", picture(seed=9))
    before = beside.read_bytes()
    arguments = (photos.folder / "c.tif", "-o", photos.out / "c.png", "--preview", beside)
    for _ in range(2):
        result = detect(*arguments)
        assert result.code == 2 and "c.jpg, which it did not write: choose another place, or give --overw" in result.err
        assert beside.read_bytes() == before and not photos.out.exists()
        arguments = (photos.folder / "c.tif", "-o", f"{photos.out}/", "--preview", photos.folder)
    elsewhere = save(photos.out / "edited.jpg", picture())
    edited = elsewhere.read_bytes()
    result = detect(photos.folder / "c.tif", "-o", photos.out / "c.png", "--probabilities", elsewhere)
    assert result.code == 2 and elsewhere.read_bytes() == edited and not (photos.out / "c.png").exists()
    assert "--probabilities would replace" in result.err
    assert detect(photos.folder / "c.tif", "-o", photos.out / "c.png").code == 0
    assert detect(*arguments).code == 0 and beside.read_bytes() == before  # finished: nothing is written
    assert detect(*arguments, "--overwrite").code == 0 and beside.read_bytes() != before


def test_what_is_too_much_damage_can_be_seen(tmp_path, photos, detect):
    image = save(photos.folder / "d.png", np.full((40, 50, 3), 255, np.uint8))
    result = detect(image, "-o", tmp_path / "m.png", "--preview", tmp_path / "v.png")
    assert result.code == 1 and "look at `pconv-jax detect --preview`" in result.err
    assert not (tmp_path / "m.png").exists()
    assert (load(tmp_path / "v.png")[..., 1] == 64).all()  # a quarter of 255 under the colour


def test_a_preview_of_a_mask_that_was_corrected_by_hand(photos, detect):
    image, mask, shown = photos.folder / "a.png", photos.out / "m.png", photos.out / "v.png"
    assert detect(image, "-o", mask).code == 0
    own = np.zeros(load(image).shape[:2], bool)
    own[3:5, 7:9] = True
    before = save(mask, own).read_bytes()
    result = detect(image, "-o", mask, "--preview", shown)
    assert result.code == 0 and "1 previewed, by the mask that exists" in result.out and mask.read_bytes() == before
    assert ((load(shown) != load(image)).any(axis=2) == own).all()
    own[20:22] = True
    before = save(mask, own).read_bytes()
    result = detect(image, "-o", mask, "--preview", shown)
    assert "1 previewed, by the mask that exists" in result.out and mask.read_bytes() == before
    assert ((load(shown) != load(image)).any(axis=2) == own).all()  # drawn again, by what was corrected since
    save(mask, own[1:])
    result = detect(image, "-o", mask, "--preview", shown)
    assert result.code == 1 and "m.png has another size than its photograph: give --overwrite" in result.err


def test_what_lies_in_place_of_a_preview_stays_where_the_mask_exists(photos, detect):
    mask, shown = photos.out / "m.png", save(photos.out / "v.png", picture())
    before = save(mask, np.zeros_like(photos.lines["a.png"])).read_bytes(), shown.read_bytes()
    result = detect(photos.folder / "a.png", "-o", mask, "--preview", shown)
    assert (
        result.code == 0 and "v.png is not one of our previews and was not replaced: choose another place" in result.out
    )
    assert (mask.read_bytes(), shown.read_bytes()) == before


def test_probabilities_of_a_photograph_whose_mask_exists(tmp_path, photos, detect):
    """However much is found: nothing is replaced by it."""
    image, mask, levels = photos.folder / "a.png", photos.out / "m.png", photos.out / "p.png"
    before = save(mask, np.zeros_like(photos.lines["a.png"])).read_bytes()
    result = detect(image, "-o", mask, "--probabilities", levels, "--max-damage", "0.001%")
    assert result.code == 0 and "1 skipped, since the mask exists" in result.out
    line = photos.lines["a.png"]
    assert (load(levels)[line] > 200).all() and load(levels)[~line].max() < 20 and mask.read_bytes() == before
    detect(photos.folder, "-o", photos.out, "--probabilities", photos.out / "p")
    (photos.out / "p" / "c.png").unlink()
    others = (photos.out / "a.png", photos.out / "p" / "a.png")
    left = state(*others)
    assert "3 skipped" in detect(photos.folder, "-o", photos.out, "--probabilities", photos.out / "p").out
    assert load(photos.out / "p" / "c.png").max() < 20 and state(*others) == left


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_what_it_wrote_beside_the_photograph_is_made_anew(photos, detect, suffix):
    image, shown, levels = photos.folder / "a.png", photos.folder / f"found{suffix}", photos.folder / f"levels{suffix}"
    arguments = (image, "-o", photos.out / "m.png", "--preview", shown, "--probabilities", levels)
    assert detect(*arguments, "--max-damage", "0.001%").code == 1 and shown.exists() and levels.exists()
    assert detect(*arguments, "--max-damage", "100%").code == 0


def test_a_file_for_what_several_photographs_need_a_folder_for(photos, detect):
    result = detect(photos.folder, "-o", photos.out, "--preview", photos.folder / "v.jpg")
    assert result.code == 2 and "v.jpg is the name of a file, but masks go into a folder: give one" in result.err
    assert not photos.out.exists()


def test_linear_photographs_are_shown_as_they_are_seen(tmp_path, photos, detect):
    dark = (65535 * (picture() / 255) ** 2.2 / 8).astype(np.uint16)
    raw = save(tmp_path / "raw.tif", dark)
    mask, shown = save(tmp_path / "m.png", np.zeros(dark.shape[:2], bool)), tmp_path / "v.png"
    assert detect(raw, "-o", mask, "--preview", shown).code == 0
    assert load(shown).max() < 40
    assert detect(raw, "-o", mask, "--preview", shown, "--linear").code == 0
    assert np.corrcoef(load(shown).ravel(), picture().ravel())[0, 1] > 0.99 and load(shown).max() == 255
