"""Results are compressed as their photographs were: lossless stays lossless, JPEG keeps its tables and sampling."""

import dataclasses

import cv2
import numpy as np
import pytest
from photograph_files import encoded, opened, photograph, picture, same, tiff
from PIL import Image, ImageFile, JpegImagePlugin

from pconv_jax.common.errors import InputError
from pconv_jax.imaging import read_photograph, write_photograph
from pconv_jax.imaging.coding import is_lossless_tiff

STEPS = tuple(range(1, 65))  # no symmetric table


def written(path, given, **options):
    write_photograph(path, given, **options)
    return read_photograph(path)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".bmp", ".ppm"])
def test_what_was_lossless_is_written_as_lossless_webp(saved, tmp_path, suffix):
    kind = {".tif": "TIFF", ".ppm": "PPM"}.get(suffix, suffix[1:].upper())
    options = {"lossless": True} if kind == "WEBP" else {}
    read = read_photograph(saved(encoded(picture(), kind, **options)))
    assert read.lossless and same(written(tmp_path / "a.webp", read).pixels, picture())
    assert not same(written(tmp_path / "b.webp", read, quality=95).pixels, picture())


def test_lossless_webp_of_each_container(saved, tmp_path):
    with_alpha = np.dstack([picture(), picture()[..., 0]])
    for number, options in enumerate([{}, {"icc_profile": b"some"}, {"exif": b"II*\0\x08\0\0\0" + bytes(6)}]):
        for lossless in (True, False):
            read = read_photograph(saved(encoded(with_alpha, "WEBP", lossless=lossless, **options)))
            assert read.lossless == lossless, number


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_what_was_lossy_is_not_called_lossless(saved, kind):
    assert not read_photograph(saved(encoded(picture(), kind, quality=90))).lossless
    assert not read_photograph(saved(encoded(picture(), "TIFF", compression="jpeg"))).lossless
    assert read_photograph(saved(tiff(picture().astype(np.uint16)))).lossless
    assert not photograph("rgb", np.uint8).lossless
    assert [number for number in (1, 5, 6, 7, 8, 32946, 50001) if is_lossless_tiff(number)] == [1, 5, 8, 32946]


def test_reduced_red_and_blue_are_written_in_full(saved, tmp_path):
    """A JPEG whose components are red, green and blue, the second and third halved."""
    content = encoded(picture(64, 96), "JPEG", quality=95, subsampling=2)
    ids = {b"\x01\x22\x00\x02\x11\x01\x03\x11\x01": b"R\x22\x00G\x11\x01B\x11\x01"}  # in the frame's header
    ids[b"\xda\x00\x0c\x03\x01\x00\x02\x11\x03\x11"] = b"\xda\x00\x0c\x03R\x00G\x11B\x11"  # and the scan's
    content = content[:2] + content[20:]  # without the one of JFIF, which stands for other colours
    for before, after in ids.items():
        assert content.count(before) == 1
        content = content.replace(before, after)
    read = read_photograph(saved(content))
    assert read.jpeg.rgb and read.jpeg.sampling == 0
    again = written(tmp_path / "a.jpg", read)
    assert np.abs(again.pixels.astype(int) - read.pixels).max() <= 8
    assert [layer[:3] for layer in opened(tmp_path / "a.jpg").layer] == [(each, 1, 1) for each in b"RGB"]


def test_an_error_of_an_encoder_asks_for_no_other_place(saved, tmp_path, monkeypatch):
    def broken(*_, **__):
        raise OSError("codec configuration error when writing image file")

    monkeypatch.setattr(Image.Image, "save", broken)
    with pytest.raises(InputError, match=r"a\.jpg cannot be written \(codec .*\): write another format$"):
        write_photograph(tmp_path / "a.jpg", photograph("rgb", np.uint8))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("quality", "sampling"), [(10, 2), (75, 2), (90, 1), (100, 0)])
@pytest.mark.parametrize("grey", [False, True])
def test_jpeg_keeps_its_tables_and_its_sampling(saved, tmp_path, quality, sampling, grey):
    light = picture(64, 96)[..., 0]
    given = light if grey else np.stack([light, light // 2 + 60, light // 3 + 90], axis=-1)
    content = encoded(given, "JPEG", quality=quality, subsampling=sampling, progressive=quality == 75)
    read = read_photograph(saved(content))
    again = written(tmp_path / "a.jpg", read)
    first, second = opened(saved(content)), opened(tmp_path / "a.jpg")
    assert second.quantization == first.quantization
    assert JpegImagePlugin.get_sampling(second) == JpegImagePlugin.get_sampling(first)
    assert bool(second.info.get("progressive")) == (quality == 75)
    changed = np.abs(again.pixels.astype(int) - read.pixels)
    assert (changed > 0).mean() < 0.1 and changed.mean() < 0.1
    assert (tmp_path / "a.jpg").stat().st_size < 1.1 * len(content)


def test_a_progressive_jpeg_of_more_bytes_than_pillow_makes_room_for(saved, tmp_path):
    noise, usual = np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8), ImageFile.MAXBLOCK
    ImageFile.MAXBLOCK = 1 << 24
    content = encoded(noise, "JPEG", quality=100, subsampling=0, progressive=True)
    ImageFile.MAXBLOCK = usual
    assert len(content) > 2.5 * 800 * 600
    read = read_photograph(saved(content))
    assert written(tmp_path / "a.jpg", read).jpeg == read.jpeg and usual == ImageFile.MAXBLOCK


def test_a_quality_replaces_the_tables(saved, tmp_path):
    read = read_photograph(saved(encoded(picture(), "JPEG", quality=30)))
    write_photograph(tmp_path / "a.jpg", read, quality=95)
    write_photograph(tmp_path / "b.jpg", dataclasses.replace(read, jpeg=None))
    assert (tmp_path / "a.jpg").read_bytes() == (tmp_path / "b.jpg").read_bytes()


def test_tables_are_turned_with_the_pixels(saved):
    note = Image.Exif()
    for orientation, transposed in [(1, False), (3, False), (6, True), (8, True)]:
        note[274] = orientation
        content = encoded(picture(32, 32), "JPEG", qtables=[STEPS, STEPS[::-1]], subsampling=1, exif=note)
        found = read_photograph(saved(content)).jpeg
        rows = np.arange(1, 65).reshape(8, 8)
        expected = rows.T if transposed else rows
        assert found.tables[0] == tuple(expected.ravel()) and found.tables[1] == tuple(65 - expected.ravel())
        assert found.sampling == (0 if transposed else 1)


def test_jpeg_of_red_green_and_blue_stays_so(saved, tmp_path):
    read = read_photograph(saved(encoded(picture(), "JPEG", keep_rgb=True, quality=90)))
    assert read.jpeg.rgb
    changed = np.abs(written(tmp_path / "a.jpg", read).pixels.astype(int) - read.pixels)
    assert read_photograph(tmp_path / "a.jpg").jpeg == read.jpeg and changed.mean() < 0.1


def test_inks_are_written_with_the_usual_quality(saved):
    with pytest.warns(UserWarning, match="its CMYK colours are converted to sRGB"):
        assert read_photograph(saved(encoded(Image.new("CMYK", (8, 8)), "JPEG"))).jpeg is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, 1), ("tiff_lzw", 5), ("tiff_deflate", 32946), ("tiff_adobe_deflate", 8), ("packbits", 32773), ("lzma", 8)],
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_keeps_its_compression(saved, tmp_path, given, expected, order):
    """The file of several strips is read by OpenCV and Pillow, neither of which had a part in its layout."""
    array = np.tile(picture(50, 60), (5, 10, 1))
    content = encoded(array, "TIFF", compression=given)
    read = read_photograph(saved(content))
    read = dataclasses.replace(read, exif=b"MM\0*\0\0\0\x08" + bytes(6) if order == ">" else None)
    path = tmp_path / "a.tif"
    write_photograph(path, read)
    image = opened(path)
    number = 8 if expected == 32946 else expected
    assert image.tag_v2[259] == number
    assert image.tag_v2.get(317, 1) == (2 if number in (5, 8) else 1)
    assert len(image.tag_v2[273]) > 1
    assert same(np.asarray(image), array) and same(read_photograph(path).pixels, array)
    assert same(cv2.imread(str(path))[..., ::-1], array)


@pytest.mark.parametrize("compression", [1, 5, 8, 32773])
@pytest.mark.parametrize("kind", ["grey", "grey+alpha", "rgb", "rgba"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff_of_every_depth_and_compression(tmp_path, compression, kind, dtype):
    given = dataclasses.replace(photograph(kind, dtype), compression=compression)
    again = written(tmp_path / "a.tif", given)
    assert same(again.layers, given.layers) and again.compression == compression
    wrong = dataclasses.replace(given, compression=50000)
    assert written(tmp_path / "b.tif", wrong).compression == 8


def test_a_tiff_of_many_channels_keeps_its_compression(saved):
    seven = np.dstack([picture(), picture(), picture()[..., :1]]).astype(np.uint16)
    with pytest.warns(UserWarning, match="3 of its further channels are not kept"):
        read = read_photograph(saved(tiff(seven, extrasamples=["unspecified"] * 4)))
    assert read.compression == 1
