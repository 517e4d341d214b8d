"""Receipts of the command: what they say, what lies beside them, and what failures leave."""

import errno
import hashlib
import os
import warnings

import numpy as np
import pytest
from restoring import files, hole, load, picture, receipt_of, save, state


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_receipt_says_what_was_done(one, inpaint, weights):
    assert inpaint(one.image, "-m", one.mask, "-o", one.out, "--receipt", "--dilate", 1).code == 0
    assert files(one.folder) == {"a.png", "m.png", "out.png", "out.png.original.png", "out.png.receipt.json"}
    receipt = receipt_of(one.out)
    assert receipt["input"] == {
        "file": str(one.image),
        "sha256": sha256(one.image),
        "width": 50,
        "height": 40,
        "channels": 3,
        "bits": 8,
        "pixels_sha256": hashlib.sha256(b"(40, 50, 3) uint8\n" + picture().tobytes()).hexdigest(),
    }
    # 4 rows of 20 pixels, one more all around but at the corners.
    assert receipt["replaced"] == {"pixels": 6 * 22 - 4, "share": (6 * 22 - 4) / 2000}
    assert receipt["mask"]["file"] == str(one.mask) and receipt["mask"]["sha256"] == sha256(one.mask)
    assert receipt["result"] == {"file": "out.png", "sha256": sha256(one.out)}
    assert receipt["weights"] == {"name": str(weights), "sha256": sha256(weights)}
    assert receipt["detector"] is None  # nothing was searched
    assert receipt["settings"]["holes"]["dilate"] == 1 and receipt["settings"]["best"] is False
    assert receipt["settings"]["keep_detail"] is False
    assert receipt["warnings"] == [] and receipt["estimate"] is None
    assert set(receipt["versions"]) == {"pconv_jax", "jax"}
    original = one.out.with_name("out.png.original.png")
    assert receipt["originals"] == {"file": original.name, "sha256": sha256(original), "holds": "the replaced pixels"}


def test_the_layer_shows_the_replaced_pixels_and_nothing_else(one, inpaint):
    assert inpaint(one.image, "-m", one.mask, "-o", one.out, "--receipt").code == 0
    layer = load(one.out.with_name("out.png.original.png"))
    np.testing.assert_array_equal(layer[..., 3], np.where(hole(), 255, 0))
    np.testing.assert_array_equal(layer[..., :3], np.where(hole()[..., None], picture(), 0))


def test_the_receipt_of_a_result_goes_with_it(one, inpaint, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    assert inpaint(one.image, "-m", one.mask, "-o", one.out, "--receipt").code == 0
    save(one.mask, np.zeros_like(hole()))
    mine = save(one.folder / "out.png.original.tif", picture())  # named like one, of no receipt
    kept = files(one.folder)
    with monkeypatch.context() as patch:  # it goes only once the result has been replaced
        patch.setattr(os, "replace", refused)
        assert inpaint(one.image, "-m", one.mask, "-o", one.out, "--receipt", "--overwrite").code == 1
    assert files(one.folder) == kept
    result = inpaint(one.image, "-m", one.mask, "-o", one.out, "--receipt", "--overwrite")
    assert result.code == 0 and "without damage" in result.out
    assert files(one.folder) == {"a.png", "m.png", "out.png", mine.name}


def test_nothing_is_replaced_unasked(one, inpaint, undo):
    arguments = (one.image, "-m", one.mask, "-o", one.out, "--receipt")
    assert inpaint(*arguments).code == 0
    kept = [one.out, *(one.folder / f"out.png.{end}" for end in ("original.png", "receipt.json"))]
    before = state(*kept)
    assert "1 skipped" in inpaint(*arguments).out
    assert "1 skipped" in undo(one.out, "-o", one.image).out
    one.out.rename(one.folder / "moved.png")
    result = inpaint(*arguments, "--dilate", 1)  # another result
    assert result.code == 1 and "may be the only way back" in result.err
    assert not one.out.exists()
    (one.folder / "moved.png").rename(one.out)
    assert state(*kept) == before
    result = undo(one.out, "-o", kept[1], "--overwrite")
    assert result.code == 1 and "is needed to undo the restoration" in result.err


def test_what_was_broken_off_before_the_result_was_there_is_resumed(one, inpaint, undo):
    """As a kill may leave it: the receipt, and what was there before, but no result."""
    arguments = (one.image, "-m", one.mask, "-o", one.out, "--receipt")
    assert inpaint(*arguments).code == 0
    finished = one.out.read_bytes()
    one.out.unlink()
    assert inpaint(*arguments).code == 0
    assert one.out.read_bytes() == finished
    assert undo(one.out, "-o", one.folder / "back.png").code == 0
    np.testing.assert_array_equal(load(one.folder / "back.png"), picture())
    save(one.image, picture(seed=4))  # another photograph
    one.out.unlink()
    assert "may be the only way back" in inpaint(*arguments).err


def test_a_result_that_fails_leaves_nothing(one, inpaint, monkeypatch):
    from pconv_jax.cli import receipt
    from pconv_jax.common.errors import InputError

    def full(*_):
        raise InputError("no room: make some")

    monkeypatch.setattr(receipt, "write_json", full)
    assert inpaint(one.image, "-m", one.mask, "-o", one.out, "--receipt").code == 1
    assert files(one.folder) == {"a.png", "m.png"}


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("function", ["write_json", "write_photograph", "copy_file"])
def test_what_lies_beside_an_earlier_result_survives_one_that_fails(one, inpaint, undo, monkeypatch, suffix, function):
    from pconv_jax.cli import receipt
    from pconv_jax.common.errors import InputError

    out = one.folder / f"out{suffix}"
    image = save(one.folder / f"b{suffix}", picture())
    arguments = (image, "-m", one.mask, "-o", out, "--receipt", "--compare", "--overwrite")
    assert inpaint(*arguments).code == 0
    save(image, picture(seed=5))  # so that its copy, and the comparison, would be others
    before = {path: path.read_bytes() for path in one.folder.iterdir()}

    def full(*_, **__):
        raise InputError("no room: make some")

    with monkeypatch.context() as patch:
        patch.setattr(receipt, function, full)
        wanted = function == "write_json" or function == ("copy_file" if suffix == ".jpg" else "write_photograph")
        assert inpaint(*arguments, "--dilate", 1).code == int(wanted)
    if wanted:
        assert {path: path.read_bytes() for path in one.folder.iterdir()} == before
    assert undo(out, "-o", one.folder / f"back{suffix}").code == 0


def test_a_folder_in_place_of_the_result_leaves_no_receipt(one, inpaint):
    one.out.mkdir()
    result = inpaint(one.folder / "a.png", "-m", one.mask, "-o", f"{one.folder}/x/", "--receipt")
    assert result.code == 0
    (one.folder / "y" / "a.png").mkdir(parents=True)
    result = inpaint(one.image, "-m", one.mask, "-o", one.folder / "y", "--receipt")
    assert result.code == 1 and "is a folder, and the result would be a file: choose another place" in result.err
    assert files(one.folder / "y") == set()


def test_warnings_are_in_the_receipt(one, inpaint):
    wide = np.zeros((40, 50), bool)
    wide[:, 4:48] = True
    save(one.mask, wide)
    with warnings.catch_warnings():
        warnings.simplefilter("always")  # they are printed, not raised
        result = inpaint(one.image, "-m", one.mask, "-o", one.out, "--receipt")
    assert result.code == 0 and "px across" in result.err
    (said,) = receipt_of(one.out)["warnings"]
    assert "px across" in said


def test_estimates_are_printed_and_in_the_receipt(one, inpaint):
    save(one.image, picture(40, 240))  # wide enough for more than one observation
    mask = np.zeros((40, 240), bool)
    mask[18:22, 10:230] = True
    result = inpaint(one.image, "-m", save(one.mask, mask), "-o", one.out, "--estimate", "--receipt")
    assert result.code == 0
    assert "expected in the holes" in result.out and "3-5 px: PSNR" in result.out
    estimate = receipt_of(one.out)["estimate"]
    assert set(estimate) == {"psnr", "ssim", "widths", "shift"} and list(estimate["widths"]) == ["3-5 px"]


def test_a_photograph_without_room_beside_the_damage_is_restored_all_the_same(one, inpaint):
    small = save(one.folder / "small.png", picture(9, 9))
    mask = np.zeros((9, 9), bool)
    mask[3:5] = True
    result = inpaint(small, "-m", save(one.mask, mask), "-o", one.out, "--estimate")
    assert result.code == 0 and "an estimate needs an image of at least 11 px" in result.out
    assert "1 restored" in result.out


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_of_a_format_with_loss_the_whole_input_file_is_kept_even_where_nothing_was_lost(one, inpaint, undo, suffix):
    """Blocks that are even, or untouched, come back to the bit; what else is in the file does not."""
    pixels, mask = np.full((40, 48, 3), 128, np.uint8), np.zeros((40, 48), bool)
    pixels[8:24, 16:32], mask[8:24, 16:32] = 255, True
    image = save(one.folder / f"flat{suffix}", pixels)
    image.write_bytes(image.read_bytes() + b"a film" if suffix == ".jpg" else image.read_bytes())
    before = image.read_bytes()
    save(one.mask, mask)
    assert inpaint(image, "-m", one.mask, "-o", image, "--overwrite", "--receipt").code == 0
    assert (load(image)[~mask] == 128).all() and not (load(image)[mask] == 255).any()
    assert receipt_of(image)["originals"]["holds"] == "the input file"
    assert undo(image, "-o", image, "--overwrite").code == 0 and image.read_bytes() == before
