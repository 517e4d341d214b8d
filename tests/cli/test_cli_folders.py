"""The command on folders: which files are photographs, which failures are named, how often it compiles."""

import numpy as np
from PIL import Image
from restoring import files, picture, save, sentences

from pconv_jax.inpainting.inpainter import WINDOWS


def test_kinds_that_can_be_read_alone_are_read_in_a_folder(one, inpaint):
    photos = one.folder / "photos"
    kinds = {"a.jfif": "JPEG", "b.jpe": "JPEG", "c.jp2": "JPEG2000", "d.pnm": "PPM", "e.mpo": "MPO", "f.bmp": "BMP"}
    photos.mkdir()
    for name, kind in kinds.items():
        Image.fromarray(picture()).save(photos / name, kind)
    (photos / "g.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    result = inpaint(photos, "-m", one.mask, "-o", one.folder / "out")
    assert result.code == 1
    assert "6 restored, 1 failed" in result.out
    (complaint,) = sentences(result.err)
    assert "g.heic is not an image, or of a kind that cannot be read: save it as PNG" in complaint
    assert files(one.folder / "out") == {"a.jfif", "b.jpe", "c.png", "d.png", "e.png", "f.png"}
    for name in ("a.jfif", "b.jpe"):
        with Image.open(one.folder / "out" / name) as image:
            assert image.format == "JPEG"


def test_what_is_passed_over_is_counted_and_named(one, inpaint):
    photos = one.folder / "photos"
    save(photos / "a.png", picture())
    for name in ("b.nef", "deep/c.psd", "notes.txt", ".hidden"):
        (photos / name).parent.mkdir(exist_ok=True)
        (photos / name).write_bytes(b"?")
    result = inpaint(photos, "-m", one.mask, "-o", photos / "out")
    assert result.code == 0
    assert result.out.splitlines()[-2:] == [
        "1 restored",
        "3 passed over, of a kind that is not read (save pictures among them as PNG, JPEG or TIFF): b.nef, deep/c.psd, "
        "notes.txt",
    ]
    (photos / "out" / "more.txt").write_text("a result's neighbour")
    assert "3 passed over" in inpaint(photos, "-m", one.mask, "-o", photos / "out").out
    result = inpaint(photos / "b.nef", "-m", one.mask, "-o", one.out)
    assert result.code == 2 and "is a camera's raw file: develop it" in result.err


def test_infrared_channels_are_named_too(one, inpaint):
    photos = one.folder / "photos"
    save(photos / "a.png", picture())
    save(photos / "a_ir.tif", picture()[..., 0])
    result = inpaint(photos, "-m", one.mask, "-o", photos / "out")
    assert (result.code, result.out.splitlines()[-2:]) == (
        0,
        ["1 restored", "1 passed over, infrared channels, by their names: a_ir.tif"],
    )
    assert files(photos / "out") == {"a.png"}


def test_some_of_a_folder_fail_and_the_others_are_done(own, inpaint):
    (own / "images" / "a.png").write_bytes(b"no photograph")
    save(own / "masks" / "deep" / "c.gif", np.zeros((5, 5), bool))
    result = inpaint(own / "images", "-m", own / "masks", "-o", own / "out", "--compare")
    assert result.code == 1
    first, second = sentences(result.err)
    assert "a.png" in first and "c.png" in second
    assert "1 restored" in result.out + result.err and "2 failed" in result.out + result.err
    assert {name for name in files(own / "out") if "compare" not in name} == {"b.png"}
    assert len(files(own / "out")) == 2


def test_every_failure_is_named(one, inpaint):
    for number in range(30):
        (one.folder / "photos" / f"{number}.png").parent.mkdir(exist_ok=True)
        (one.folder / "photos" / f"{number}.png").write_bytes(b"no photograph")
    result = inpaint(one.folder / "photos", "-m", one.mask, "-o", one.folder / "out")
    assert result.code == 1
    assert "30 failed" in result.out + result.err
    assert len(sentences(result.err)) == 30
    assert not (one.folder / "out").exists()


def test_no_program_is_compiled_for_a_photograph(tmp_path, inpaint, programs):
    rng = np.random.default_rng(0)
    for number in range(30):
        height, width = rng.integers(20, 150, 2)
        folder = "few" if number < 10 else "many"
        save(tmp_path / folder / f"{number}.png", picture(height, width, channels=(1, 3)[number % 2], seed=number))
        mask = np.zeros((height, width), bool)
        for _ in range(3):
            y, x = rng.integers(0, height), rng.integers(0, width)
            mask[y : y + 3, x : x + 60] = True
        mask[-1] = False
        save(tmp_path / f"{folder}-masks" / f"{number}.png", mask)
    assert inpaint(tmp_path / "few", "-m", tmp_path / "few-masks", "-o", tmp_path / "out").code == 0
    result = inpaint(tmp_path / "many", "-m", tmp_path / "many-masks", "-o", tmp_path / "out")
    assert result.code == 0
    assert "20 restored" in result.out + result.err
    assert len(files(tmp_path / "out")) == 30
    assert 2 <= len(programs) <= len(WINDOWS)


def test_masks_without_a_photograph_are_named(own, inpaint):
    save(own / "masks" / "aa.png", np.zeros((4, 4), np.uint8))
    result = inpaint(own / "images", "-m", own / "masks", "-o", own / "out")
    assert "1 passed over, masks without a photograph: aa.png" in result.out
    # Of a photograph that is given alone the others' masks are no mistake.
    assert "without a photograph" not in inpaint(own / "images" / "a.png", "-m", own / "masks", "-o", own / "b.png").out
