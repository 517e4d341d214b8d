"""Receipts of the command, and the way back: the pixels of the input to the bit, or a sentence."""

import hashlib
import json
import types
import warnings

import numpy as np
import pytest
from PIL import Image
from restoring import SUFFIXES, files, hole, load, picture, save, sentences, state

from pconv_jax.cli.main import main
from pconv_jax.imaging import Photograph, read_photograph, write_photograph


@pytest.fixture
def undo(capsys):
    """Runs `pconv-jax undo`; whatever happens, the user sees sentences."""

    def run(*arguments):
        capsys.readouterr()
        code = main(["undo", *map(str, arguments)])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return types.SimpleNamespace(code=code, out=out, err=err)

    return run


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def receipt_of(path):
    return json.loads(path.with_name(f"{path.name}.receipt.json").read_text())


def layers_of(path):
    return read_photograph(path).layers


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
    assert result.code in (1, 2)
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
        assert result.code in (1, 2) and len(sentences(result.err)) == 1
        assert target == which or "is not a regular file: give another" in result.err
    assert not (one.folder / "back.png").exists()


def test_folders(own, inpaint, undo):
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


def test_nothing_is_replaced_unasked(one, inpaint, undo):
    arguments = (one.image, "-m", one.mask, "-o", one.out, "--receipt")
    assert inpaint(*arguments).code == 0
    kept = [one.out, *(one.folder / f"out.png.{end}" for end in ("original.png", "receipt.json"))]
    before = state(*kept)
    assert "1 skipped" in inpaint(*arguments).out
    assert "1 skipped" in undo(one.out, "-o", one.image).out
    one.out.rename(one.folder / "moved.png")
    result = inpaint(*arguments)
    assert result.code == 1 and "may be the only way back" in result.err
    (one.folder / "moved.png").rename(one.out)
    assert state(*kept) == before
    result = undo(one.out, "-o", kept[1], "--overwrite")
    assert result.code == 1 and "is needed to undo the restoration" in result.err


def test_in_place_there_and_back(one, inpaint, undo):
    before = one.image.read_bytes()
    arguments = (one.image, "-m", one.mask, "-o", one.image, "--receipt", "--overwrite")
    assert inpaint(*arguments).code == 0
    result = inpaint(*arguments)
    assert result.code == 1 and "the way back from an earlier restoration" in result.err
    assert undo(one.image, "-o", one.image, "--overwrite").code == 0
    np.testing.assert_array_equal(load(one.image), picture())
    lossy = one.folder / "b.jpg"
    Image.fromarray(picture()).save(lossy)
    before = lossy.read_bytes()
    assert inpaint(lossy, "-m", one.mask, "-o", lossy, "--receipt", "--overwrite").code == 0
    assert lossy.read_bytes() != before
    assert undo(lossy, "-o", lossy, "--overwrite").code == 0
    assert lossy.read_bytes() == before


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
def test_an_earlier_receipt_survives_a_result_that_fails(one, inpaint, undo, monkeypatch, suffix, function):
    from pconv_jax.cli import receipt
    from pconv_jax.common.errors import InputError

    out = one.folder / f"out{suffix}"
    image = save(one.folder / f"b{suffix}", picture())
    arguments = (image, "-m", one.mask, "-o", out, "--receipt", "--overwrite")
    assert inpaint(*arguments).code == 0
    save(image, picture(seed=5))  # so that its copy would be another
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
    result = inpaint(one.image, "-m", one.mask, "-o", one.out, "--estimate", "--receipt")
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


def test_undo_without_receipts_or_files(one, own, undo):
    result = undo(one.image, "-o", one.out)
    assert result.code == 1 and "there is no receipt" in result.err and "--receipt FILE" in result.err
    assert undo(own / "images", "-o", own / "back").code == 2
    assert undo(one.folder / "none.png", "-o", one.out).code == 2
    assert undo(own / "images", "-o", own / "back", "--receipt", one.image).code == 2
