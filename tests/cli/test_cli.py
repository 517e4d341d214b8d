"""The command as a user meets it: one photograph."""

import dataclasses

import numpy as np
import pytest
import tifffile
from PIL import Image
from restoring import SIZE, SRGB, SUFFIXES, check, files, hole, load, picture, save, sentences, state

from pconv_jax.imaging import read_photograph, write_photograph
from pconv_jax.imaging.profiles import made_profile


def test_only_holes_change(one, inpaint):
    before = state(one.image, one.mask)
    result = inpaint(one.image, "--mask", one.mask, "--out", one.out)
    assert result.code == 0
    assert sentences(result.err) == []
    assert "1 restored" in result.out + result.err
    check(picture(), load(one.out), hole())
    assert state(one.image, one.mask) == before
    assert files(one.folder) == {"a.png", "m.png", "out.png"}
    assert one.out.stat().st_mode & 0o777 == one.image.stat().st_mode & 0o777  # others may read it as well


@pytest.mark.parametrize("before", SUFFIXES)
@pytest.mark.parametrize("after", SUFFIXES)
def test_formats(one, inpaint, before, after):
    lossless = {"lossless": True} if before == ".webp" else {}
    image = save(one.folder / f"photo{before}", picture(), **lossless)
    out = one.folder / f"result{after}"
    assert inpaint(image, "-m", one.mask, "-o", out).code == 0
    with Image.open(out) as opened:
        assert (opened.format, opened.mode, opened.size) == (SUFFIXES[after], "RGB", SIZE[::-1])
    if after in (".png", ".tif"):
        check(load(image), load(out), hole())
    else:  # WebP halves the chroma
        assert np.abs(load(out).mean(axis=2) - load(image).mean(axis=2))[~hole()].mean() < 12


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_depth_and_grey_are_kept(one, inpaint, suffix, channels, dtype):
    image = save(one.folder / f"photo{suffix}", picture(channels=channels, dtype=dtype))
    out = one.folder / f"result{suffix}"
    assert inpaint(image, "-m", one.mask, "-o", out).code == 0
    check(picture(channels=channels, dtype=dtype), load(out), hole())


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_grey_stays_grey_where_pixels_are_not_kept(one, inpaint, suffix):
    out = one.folder / f"result{suffix}"
    assert inpaint(save(one.folder / "grey.jpg", picture(channels=1)), "-m", one.mask, "-o", out).code == 0
    array = load(out)
    assert array.ndim == 2 or np.ptp(array.astype(int), axis=2).max() <= 1  # WebP knows no grey


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
@pytest.mark.parametrize("channels", [2, 4])
def test_transparency_is_kept(one, inpaint, suffix, channels):
    array = picture(channels=channels)
    image = save(one.folder / "photo.png", array)
    out = one.folder / f"result{suffix}"
    assert inpaint(image, "-m", one.mask, "-o", out).code == 0
    after = load(out)
    assert after.shape[2] == (4 if suffix == ".webp" else channels)
    np.testing.assert_array_equal(after[~hole(), -1], array[~hole(), -1])
    if suffix != ".webp":
        check(array, after, hole())


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_turned_photographs_are_set_upright_and_keep_what_is_known_of_them(one, inpaint, suffix):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera"  # stored lying on its side
    image = save(one.folder / "photo.jpg", picture(), exif=exif, icc_profile=SRGB, quality=95)
    upright = np.rot90(load(image), -1)
    mask = save(one.folder / "m.png", hole(*SIZE[::-1]))
    out = one.folder / f"result{suffix}"
    assert inpaint(image, "-m", mask, "-o", out).code == 0
    with Image.open(out) as opened:
        assert opened.size == SIZE
        assert opened.info["icc_profile"] == SRGB
        assert opened.getexif().get(0x0112, 1) == 1
        assert opened.getexif()[0x010F] == "Camera"
    if suffix in (".png", ".tif"):
        check(upright, load(out), hole(*SIZE[::-1]))
    lying = save(one.folder / "lying.png", hole())
    result = inpaint(image, "-m", lying, "-o", one.folder / f"other{suffix}")
    assert result.code != 0
    assert "50x40" in result.err and "40x50" in result.err


def test_turned_masks_are_set_upright_too(one, inpaint):
    exif = Image.Exif()
    exif[0x0112] = 6
    mask = save(one.folder / "turned.png", np.rot90(hole()), exif=exif)
    assert inpaint(one.image, "-m", mask, "-o", one.out).code == 0
    check(picture(), load(one.out), hole())


def test_without_holes_the_file_is_copied(one, inpaint):
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("photo.png", "photo.jpg", "photo.tif", "photo.webp"):
        image = save(one.folder / name, picture(), exif=exif)
        mask = save(one.folder / "m.png", np.zeros(SIZE[::-1], bool))
        out = one.folder / f"out-{name}"
        result = inpaint(image, "-m", mask, "-o", out)
        assert result.code == 0
        assert "copied, without damage" in result.out + result.err
        assert out.read_bytes() == image.read_bytes()
    assert inpaint(one.folder / "photo.png", "-m", mask, "-o", one.folder / "new.tif").code == 0
    np.testing.assert_array_equal(load(one.folder / "new.tif"), np.rot90(picture(), -1))


def test_the_weights_that_come_along_restore(one, inpaint):
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    smooth = np.stack([100 + rows, 80 + columns, 60 + rows + columns], 2).astype(np.uint8)
    save(one.image, np.where(hole()[..., None], 255, smooth).astype(np.uint8))
    assert inpaint(one.image, "-m", one.mask, "-o", one.out, own_weights=True).code == 0
    assert np.abs(load(one.out).astype(int) - smooth)[hole()].mean() < 10
    assert (load(one.out) == smooth)[~hole()].all()


def test_twice_the_same_is_the_same_to_the_byte(one, inpaint):
    for suffix in SUFFIXES:
        out = one.folder / f"out{suffix}"
        contents = set()
        for _ in range(2):
            result = inpaint(one.image, "-m", one.mask, "-o", out, "--overwrite", "--compare")
            assert "1 restored" in result.out + result.err
            contents.add(b"".join(path.read_bytes() for path in sorted(one.folder.glob("out*"))))
        assert len(contents) == 1


def test_quality(one, inpaint):
    sizes = []
    for quality in (1, 50, 100):
        out = one.folder / f"{quality}.jpg"
        assert inpaint(one.image, "-m", one.mask, "-o", out, "--quality", quality).code == 0
        sizes.append(out.stat().st_size)
    assert sizes == sorted(set(sizes))


def test_raw_scans_are_known_by_their_profile_or_by_the_flag(one, inpaint):
    straight = made_profile((0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06), (1.0,), 3)
    plain = read_photograph(save(one.folder / "plain.tif", picture(dtype=np.uint16)))
    write_photograph(one.folder / "raw.tif", dataclasses.replace(plain, icc=straight))
    results = []
    for name, flags in (("raw.tif", ()), ("plain.tif", ("--linear",)), ("plain.tif", ())):
        assert inpaint(one.folder / name, "-m", one.mask, "-o", one.out, "--overwrite", *flags).code == 0
        results.append(load(one.out))
        check(picture(dtype=np.uint16), results[-1], hole())
    np.testing.assert_array_equal(results[0], results[1])
    assert (results[1] != results[2])[hole()].mean() > 0.5


def test_scans_with_a_thumbnail_before_the_photograph(one, inpaint):
    small, whole = picture()[::4, ::4], picture()
    with tifffile.TiffWriter(one.folder / "scan.tif") as writer:
        writer.write(small, photometric="rgb", subfiletype=1, metadata=None)
        writer.write(whole, photometric="rgb", subfiletype=0, metadata=None)
    assert inpaint(one.folder / "scan.tif", "-m", one.mask, "-o", one.out).code == 0
    check(whole, load(one.out), hole())
