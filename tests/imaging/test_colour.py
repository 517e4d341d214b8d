"""Colours that a file describes without a profile, or by a grey one, look the same in the result."""

import dataclasses
import io
import struct

import numpy as np
import pytest
from photograph_files import SRGB, chunk, encoded, layers, opened, photograph, png, png16, same
from PIL import Image, ImageCms

from pconv_jax.cli.comparison import write_comparison
from pconv_jax.imaging import Photograph, read_photograph, write_photograph
from pconv_jax.imaging.colour import written_profile
from pconv_jax.imaging.profiles import made_profile, profile_tags

SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
D65 = (0.3127, 0.3290)
P3 = (*D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
CHUNKS = {
    b"gAMA": struct.pack(">I", 100_000),
    b"cHRM": struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000),
    b"cICP": bytes([9, 16, 0, 1]),
    b"sRGB": b"\0",
    b"cLLI": bytes(8),
}


def in_srgb(pixels, icc):
    """Through LittleCMS."""
    image = Image.fromarray(pixels)
    found = ImageCms.profileToProfile(
        image, io.BytesIO(icc), ImageCms.createProfile("sRGB"), outputMode="RGB", renderingIntent=1
    )
    return np.asarray(found).astype(int)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("kind", CHUNKS)
def test_png_keeps_its_chunks_byte_for_byte(saved, tmp_path, kind, depth):
    more = chunk(kind, CHUNKS[kind])
    content = png(2, 1, 8, 2, b"\0\1\2\3\4\5\6", more) if depth == 8 else png16(layers("rgb", np.uint16), more)
    read = read_photograph(saved(content))
    assert read.colour == ((kind, CHUNKS[kind]),)
    write_photograph(tmp_path / "a.png", read)
    again = read_photograph(tmp_path / "a.png")
    assert again.colour == read.colour and same(again.pixels, read.pixels)


def test_a_profile_of_srgb_is_that_of_littlecms():
    made = made_profile((*D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06), SRGB_CURVE, 3)
    values = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    assert np.abs(in_srgb(values, made) - values).max() <= 1


def test_colorants_are_those_of_display_p3():
    tags = profile_tags(made_profile(P3, SRGB_CURVE, 3))
    found = [np.array(struct.unpack(">3i", tags[name][8:])) / 65536 for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    # As in the profile that Apple publishes.
    expected = [[0.51512, 0.24120, -0.00105], [0.29198, 0.69225, 0.04189], [0.15710, 0.06657, 0.78407]]
    np.testing.assert_allclose(found, expected, atol=3e-4)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("suffix", [".tif", ".jpg", ".webp"])
def test_gamma_becomes_a_profile(saved, tmp_path, channels, suffix):
    line = b"\0" + bytes([55] * channels)
    read = read_photograph(saved(png(1, 1, 8, 2 if channels == 3 else 0, line, chunk(b"gAMA", CHUNKS[b"gAMA"]))))
    write_photograph(tmp_path / f"a{suffix}", read)
    with opened(tmp_path / f"a{suffix}") as image:
        icc, bands = image.info["icc_profile"], len(image.getbands())
    assert icc[16:20] == (b"RGB " if bands == 3 else b"GRAY")
    # 55/255 of the light is this share of it in sRGB: 1.055 (55/255)^(1/2.4) - 0.055 = 0.502.
    shown = in_srgb(np.full((1, 1, 3) if bands == 3 else (1, 1), 55, np.uint8), icc)
    assert np.abs(shown - 128).max() <= 1


def test_a_grey_png_has_a_grey_profile(tmp_path):
    """libpng and others refuse one for colours there; JPEG files have it."""
    grey = np.full((2, 2), 55, np.uint8)
    colours = made_profile(P3, (2.2,), 3)
    photograph = Photograph(grey, None, exif=None, icc=colours, dpi=None, format="JPEG")
    write_photograph(tmp_path / "a.png", photograph)
    icc = read_photograph(tmp_path / "a.png").icc
    assert icc[16:20] == b"GRAY" and profile_tags(icc)[b"kTRC"] == profile_tags(colours)[b"gTRC"]
    write_photograph(tmp_path / "a.jpg", photograph)
    assert read_photograph(tmp_path / "a.jpg").icc == colours
    other = dataclasses.replace(photograph, icc=bytes(16) + b"RGB " + bytes(112))
    with pytest.warns(UserWarning, match="profile for colours, which a grey PNG cannot have, is not written"):
        write_photograph(tmp_path / "b.png", other)
    assert read_photograph(tmp_path / "b.png").icc is None


@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".webp"])
def test_srgb_needs_no_profile(saved, tmp_path, suffix):
    for more in (chunk(b"sRGB", b"\0"), chunk(b"cICP", bytes([1, 13, 0, 1]))):
        read = read_photograph(saved(png(1, 1, 8, 2, bytes(4), more)))
        write_photograph(tmp_path / f"a{suffix}", read)
        assert read_photograph(tmp_path / f"a{suffix}").icc is None


def test_what_only_png_can_say_is_no_secret(saved, tmp_path):
    read = read_photograph(saved(png(1, 1, 8, 2, bytes(4), chunk(b"cICP", CHUNKS[b"cICP"]))))
    with pytest.warns(UserWarning, match=r"a\.jpg: its colours are coded as 9/16 \(cICP\), which only PNG can say"):
        write_photograph(tmp_path / "a.jpg", read)
    bad = read_photograph(saved(png(1, 1, 8, 2, bytes(4), chunk(b"cHRM", bytes(32)))))
    with pytest.warns(UserWarning, match=r"a\.tif: what it says of its colours \(gAMA, cHRM\) is impossible"):
        write_photograph(tmp_path / "a.tif", bad)


def test_a_profile_counts_more_than_gamma():
    gamma = ((b"gAMA", CHUNKS[b"gAMA"]),)
    assert written_profile(SRGB, gamma, 3, png=False) == (SRGB, "")
    assert written_profile(None, gamma, 3, png=True) == (None, "")
    wide, _ = written_profile(SRGB, ((b"cICP", bytes([12, 13, 0, 1])),), 3, png=False)
    assert wide == made_profile(P3, SRGB_CURVE, 3)


def test_a_grey_profile_becomes_one_of_three_equal_channels(tmp_path):
    grey = made_profile((), (1.8,), 1)
    given = photograph("grey", np.uint8, icc=grey)
    write_photograph(tmp_path / "a.webp", given, quality=100)
    read = read_photograph(tmp_path / "a.webp")
    assert read.icc[16:20] == b"RGB " and profile_tags(read.icc)[b"gTRC"] == profile_tags(grey)[b"kTRC"]
    assert np.abs(in_srgb(read.pixels, read.icc) - in_srgb(given.pixels, grey)).max() <= 1
    write_photograph(tmp_path / "a.tif", given)
    assert read_photograph(tmp_path / "a.tif").icc == grey
    with pytest.warns(UserWarning, match="its grey profile cannot be used for colours"):
        write_photograph(tmp_path / "b.webp", photograph("grey", np.uint8, icc=grey[:130]))
    assert read_photograph(tmp_path / "b.webp").icc is None


def test_the_numbers_of_an_avif_file(saved, tmp_path):
    content = encoded(layers("rgb", np.uint8), "AVIF")
    place = content.index(b"nclx")
    assert read_photograph(saved(content)).colour == ()  # sRGB

    def coded(primaries, transfer):
        return content[: place + 4] + struct.pack(">HH", primaries, transfer) + content[place + 8 :]

    wide = read_photograph(saved(coded(12, 13)))
    assert wide.colour == ((b"cICP", bytes([12, 13, 0, 1])),)
    assert read_photograph(saved(coded(2, 2))).colour == ()
    write_photograph(tmp_path / "a.png", wide)
    write_photograph(tmp_path / "a.jpg", wide)
    assert read_photograph(tmp_path / "a.png").colour == wide.colour
    assert read_photograph(tmp_path / "a.jpg").icc == made_profile(P3, SRGB_CURVE, 3)


def test_the_profile_of_an_avif_file_goes_before_its_numbers(saved, tmp_path):
    icc = made_profile(P3, (2.2,), 3)
    content = encoded(layers("rgb", np.uint8), "AVIF", icc_profile=icc)
    place = content.index(b"nclx") + 4
    read = read_photograph(saved(content[:place] + struct.pack(">HH", 1, 1) + content[place + 4 :]))
    assert read.icc == icc and read.colour == ()
    for name in ("a.png", "a.jpg", "a.tif"):
        write_photograph(tmp_path / name, read)
        written = read_photograph(tmp_path / name)
        assert written.icc == icc and written.colour == ()


@pytest.mark.parametrize("method", [2, 3])
def test_the_profile_of_a_jpeg_2000_file(saved, method):
    def box(kind, data):
        return struct.pack(">I", 8 + len(data)) + kind + data

    content, icc = encoded(layers("rgb", np.uint8), "JPEG2000"), made_profile(P3, (2.2,), 3)
    assert read_photograph(saved(content)).icc is None
    head = content.index(b"jp2h") - 4
    size = int.from_bytes(content[head : head + 4], "big")
    colr = content.index(b"colr") - 4
    own = int.from_bytes(content[colr : colr + 4], "big")
    other = box(b"colr", bytes([method, 0, 0]) + icc)
    inside = content[head + 8 : colr] + other + content[colr + own : head + size]
    read = read_photograph(saved(content[:head] + box(b"jp2h", inside) + content[head + size :]))
    assert read.icc == icc and same(read.pixels, layers("rgb", np.uint8))


@pytest.mark.parametrize("kind", ["grey", "rgb"])
def test_the_comparison_has_the_profile(tmp_path, kind):
    icc = SRGB if kind == "rgb" else made_profile((), (1.8,), 1)
    given = photograph(kind, np.uint8, icc=icc)
    write_comparison(tmp_path / "a.jpg", given, given)
    found = read_photograph(tmp_path / "a.jpg").icc
    assert found == icc if kind == "rgb" else found[16:20] == b"RGB "
