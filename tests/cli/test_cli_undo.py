"""The way back from a restoration: the pixels of the input to the bit, or a sentence."""

import json
import warnings

import cv2
import numpy as np
import pytest
from PIL import Image
from restoring import SUFFIXES, files, hole, load, picture, receipt_of, save, sentences

from pconv_jax.imaging import Photograph, read_photograph, write_photograph


def layers_of(path):
    return read_photograph(path).layers


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_undo_brings_back_every_kind_of_pixels(one, inpaint, undo, suffix, alpha, channels, dtype):
    transparency = None
    if alpha:  # also where pixels are replaced, and with colours below it
        transparency = picture(channels=1, dtype=dtype, seed=1)
        transparency[:8, :8] = 0
    photograph = Photograph(picture(channels=channels, dtype=dtype), transparency, None, None, None, "PNG")
    image = one.folder / f"photo{suffix}"
    write_photograph(image, photograph)
    out, back = one.folder / f"result{suffix}", one.folder / f"back{suffix}"
    assert inpaint(image, "-m", one.mask, "-o", out, "--receipt").code == 0
    assert receipt_of(out)["originals"]["holds"] == "the replaced pixels"
    assert not np.array_equal(layers_of(out), photograph.layers)
    result = undo(out, "-o", back)
    assert result.code == 0, result.err
    assert f"{back} has the pixels of {image}, to the bit" in result.out and "1 undone" in result.out
    found = layers_of(back)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, photograph.layers)


@pytest.mark.parametrize("before", [".png", ".jpg"])
@pytest.mark.parametrize("after", SUFFIXES)
def test_undo_of_every_format_by_the_same_file_or_by_its_pixels(one, inpaint, undo, before, after):
    image = save(one.folder / f"photo{before}", picture())
    out = one.folder / f"result{after}"
    assert inpaint(image, "-m", one.mask, "-o", out, "--receipt").code == 0
    whole = after == ".jpg" or (after == ".webp" and before == ".jpg")  # what loses something
    assert receipt_of(out)["originals"]["holds"] == ("the input file" if whole else "the replaced pixels")
    back = one.folder / "back.tif"
    assert undo(out, "-o", back).code == 0
    np.testing.assert_array_equal(layers_of(back), layers_of(image))
    if whole:
        same = one.folder / f"same{before}"
        result = undo(out, "-o", same)
        assert f"{same} is {image} itself, to the byte" in result.out
        assert same.read_bytes() == image.read_bytes()


def test_depth_that_is_not_read_comes_back_with_the_file(one, inpaint, undo):
    image = one.folder / "deep.jp2"
    cv2.imwrite(str(image), picture().astype(np.uint16) * 257)
    with warnings.catch_warnings(action="ignore"):
        assert inpaint(image, "-m", one.mask, "-o", one.out, "--receipt").code == 0
    assert receipt_of(one.out)["originals"]["holds"] == "the input file"
    result = undo(one.out, "-o", one.folder / "seen.png")
    assert "has what is seen of" in result.out and "--out NAME.jp2 brings that back" in result.out
    assert "itself, to the byte" in undo(one.out, "-o", one.folder / "back.jp2").out
    assert (one.folder / "back.jp2").read_bytes() == image.read_bytes()


def test_undo_refuses_formats_that_lose_something(one, inpaint, undo):
    assert inpaint(one.image, "-m", one.mask, "-o", one.out, "--receipt").code == 0
    result = undo(one.out, "-o", one.folder / "back.jpg")
    assert result.code == 1
    (complaint,) = sentences(result.err)
    assert "would not hold the pixels" in complaint and "write PNG or TIFF" in complaint
    assert not (one.folder / "back.jpg").exists()
    assert undo(one.out, "-o", one.folder / "back.webp").code == 0
    np.testing.assert_array_equal(load(one.folder / "back.webp"), picture())


def test_transparency_that_gave_the_holes_comes_back(one, inpaint, undo):
    alpha = np.where(hole(), 0, picture(channels=1, seed=1) + 64).astype(np.uint8)
    image = save(one.folder / "erased.png", np.dstack([picture(), alpha]))
    assert inpaint(image, "--mask-alpha", "-o", one.out, "--receipt").code == 0
    assert undo(one.out, "-o", one.folder / "back.png").code == 0
    np.testing.assert_array_equal(load(one.folder / "back.png"), np.dstack([picture(), alpha]))


@pytest.mark.parametrize("which", ["out.png", "out.png.original.png", "out.png.receipt.json"])
@pytest.mark.parametrize("how", ["changed", "of another", "missing"])
def test_what_does_not_fit_is_refused(one, inpaint, undo, which, how):
    other = save(one.folder / "b.png", picture(seed=5))
    assert inpaint(one.image, "-m", one.mask, "-o", one.out, "--receipt").code == 0
    assert inpaint(other, "-m", one.mask, "-o", one.folder / "other.png", "--receipt").code == 0
    path = one.folder / which
    if how == "missing":
        path.unlink()
    elif how == "of another":
        path.write_bytes((one.folder / which.replace("out", "other", 1)).read_bytes())
    else:
        content = bytearray(path.read_bytes())
        content[1] ^= 1
        path.write_bytes(content)
    result = undo(one.out, "-o", one.folder / "back.png")
    assert result.code == (2 if how == "missing" and which == "out.png" else 1)
    assert len(sentences(result.err)) == 1
    assert not (one.folder / "back.png").exists()


@pytest.mark.parametrize(
    ("part", "key", "value", "said"),
    [
        ("originals", "file", "../a.png", "not a file beside it"),
        ("originals", "file", 3, "does not say originals.file"),
        ("originals", "file", "\ud800", "not a file beside it"),
        ("originals", "holds", "the input file", "is not the input file of"),
        ("originals", "holds", None, "does not say originals.holds"),
        ("input", "pixels_sha256", "0" * 64, "does not belong to the others"),
        ("result", None, [], "does not say result.sha256"),
        ("format", None, "pconv_jax receipt 2", "this version can read"),
    ],
)
def test_receipts_that_say_something_else_are_refused(one, inpaint, undo, part, key, value, said):
    assert inpaint(one.image, "-m", one.mask, "-o", one.out, "--receipt").code == 0
    receipt = receipt_of(one.out)
    if key is None:
        receipt[part] = value
    else:
        receipt[part][key] = value
    (one.folder / "other.json").write_text(json.dumps(receipt))
    result = undo(one.out, "-o", one.folder / "back.png", "--receipt", one.folder / "other.json")
    assert result.code == 1 and said in result.err
    assert not (one.folder / "back.png").exists()


@pytest.mark.parametrize("which", ["out.png", "out.png.original.png", "out.png.receipt.json"])
def test_what_has_no_end_is_not_read(one, inpaint, undo, which):
    assert inpaint(one.image, "-m", one.mask, "-o", one.out, "--receipt").code == 0
    path = one.folder / which
    for target in ("/dev/zero", which):
        path.unlink()
        path.symlink_to(target)
        result = undo(one.out, "-o", one.folder / "back.png")
        loop = target == which == "out.png"  # as if it did not exist
        assert result.code == (2 if loop else 1) and len(sentences(result.err)) == 1
        assert target == which or "is not a regular file: give another" in result.err
    assert not (one.folder / "back.png").exists()


def test_undo_of_a_folder(own, inpaint, undo):
    arguments = (own / "images", "-m", own / "masks", "-o", own / "out")
    assert inpaint(*arguments, "--receipt").code == 0
    names = {"a.png", "b.png", "deep/c.png"}
    assert files(own / "out") == {f"{name}{end}" for name in names for end in ("", ".original.png", ".receipt.json")}
    result = undo(own / "out", "-o", own / "back")
    assert result.code == 0 and "3 undone" in result.out
    assert files(own / "back") == names
    for name in names:
        np.testing.assert_array_equal(load(own / "back" / name), load(own / "images" / name))
    assert "3 skipped" in undo(own / "out", "-o", own / "back").out
    (own / "out" / "a.png").write_bytes(b"changed")
    result = undo(own / "out", "-o", own / "back", "--overwrite")
    assert result.code == 1 and "1 failed, 2 undone" in result.out and "a.png" in result.err
    again = inpaint(own / "out", "-m", own / "masks", "-o", own / "again")
    assert "6 passed over, receipts and original pixels: " in again.out
    assert again.code == 1 and "2 restored" in again.out and "1 failed" in again.out


def test_in_place_there_and_back_and_there_again(one, inpaint, undo):
    in_place = (one.image, "-m", one.mask, "-o", one.image, "--overwrite")
    for _ in range(2):
        assert inpaint(*in_place, "--receipt").code == 0
        restored = one.image.read_bytes()
        result = inpaint(*in_place)  # the receipt that is there would not fit any more
        assert result.code == 1 and "the way back from an earlier restoration" in result.err
        result = inpaint(*in_place, "--receipt")  # as where a folder is resumed
        assert result.code == 0 and "1 skipped, since its receipt says that it was restored in place" in result.out
        assert one.image.read_bytes() == restored
        for said in ("has the pixels of", "was undone before"):
            result = undo(one.image, "-o", one.image, "--overwrite")
            assert result.code == 0 and said in result.out
            np.testing.assert_array_equal(load(one.image), picture())
    lossy = one.folder / "b.jpg"
    Image.fromarray(picture()).save(lossy)
    before = lossy.read_bytes()
    for _ in range(2):
        assert inpaint(lossy, "-m", one.mask, "-o", lossy, "--receipt", "--overwrite").code == 0
        assert lossy.read_bytes() != before
        for _ in range(2):
            assert undo(lossy, "-o", lossy, "--overwrite").code == 0
            assert lossy.read_bytes() == before
    lossy.write_bytes(before + b"changed")
    assert undo(lossy, "-o", lossy, "--overwrite").code == 1


def test_a_receipt_that_holds_the_file_is_replaced_only_when_the_file_is_back(one, inpaint, undo):
    """Its pixels alone may be back: of inks, those that are seen."""
    inks = one.folder / "inks.tif"
    Image.fromarray(picture(channels=4), "CMYK").save(inks)
    before = inks.read_bytes()
    arguments = (inks, "-m", one.mask, "-o", inks, "--receipt", "--overwrite")
    with warnings.catch_warnings(action="ignore"):
        assert inpaint(*arguments).code == 0
        assert undo(inks, "-o", one.folder / "seen.png").code == 0
        restored = inks.read_bytes()
        write_photograph(inks, read_photograph(one.folder / "seen.png"))
        result = inpaint(*arguments)
        assert result.code == 1 and "the way back from an earlier restoration" in result.err
        inks.write_bytes(restored)
        assert undo(inks, "-o", inks, "--overwrite").code == 0 and inks.read_bytes() == before
        assert inpaint(*arguments).code == 0


def test_inks_and_infrared_come_back_with_the_file(one, inpaint, undo):
    inks = one.folder / "inks.tif"
    Image.fromarray(picture(channels=4), "CMYK").save(inks)
    before = inks.read_bytes()
    with warnings.catch_warnings(action="ignore"):
        assert inpaint(inks, "-m", one.mask, "-o", inks, "--receipt", "--overwrite").code == 0
    result = undo(inks, "-o", one.folder / "back.png")
    assert "not all that it holds: --out NAME.tif brings that back" in result.out and "to the bit" not in result.out
    assert undo(inks, "-o", inks, "--overwrite").code == 0
    assert inks.read_bytes() == before

    scan = one.folder / "scan.tif"
    infrared = picture(channels=1, dtype=np.uint16, seed=1)
    scanned = Photograph(picture(dtype=np.uint16), None, None, None, None, "TIFF", infrared=infrared)
    write_photograph(scan, scanned)
    with warnings.catch_warnings(action="ignore"):
        assert inpaint(scan, "-m", one.mask, "-o", one.out, "--receipt").code == 0
    assert f"{scan} itself, to the byte" in undo(one.out, "-o", one.folder / "back.tif").out
    assert (one.folder / "back.tif").read_bytes() == scan.read_bytes()
    # TIFF holds it, so the pixels are enough.
    assert inpaint(scan, "-m", one.mask, "-o", one.folder / "out.tif", "--receipt").code == 0
    assert receipt_of(one.folder / "out.tif")["originals"]["holds"] == "the replaced pixels"
    assert undo(one.folder / "out.tif", "-o", one.folder / "pixels.tif").code == 0
    with warnings.catch_warnings(action="ignore"):
        assert "--out NAME.tif brings that back" in undo(one.folder / "out.tif", "-o", one.folder / "pixels.png").out
    found = read_photograph(one.folder / "pixels.tif")
    np.testing.assert_array_equal(found.pixels, scanned.pixels)
    np.testing.assert_array_equal(found.infrared, infrared)


def test_undo_without_receipts_or_files(one, own, undo):
    result = undo(one.image, "-o", one.out)
    assert result.code == 1 and "there is no receipt" in result.err and "--receipt FILE" in result.err
    assert undo(own / "images", "-o", own / "back").code == 2
    assert undo(one.folder / "none.png", "-o", one.out).code == 2
    assert undo(own / "images", "-o", own / "back", "--receipt", one.image).code == 2
