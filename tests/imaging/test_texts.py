"""XMP, IPTC, comments and PNG texts, and the tags of TIFF files, come through byte for byte or are named."""

import dataclasses
import io
import re
import shutil
import struct
import subprocess
import time
import types
import zlib

import numpy as np
import pytest
import tifffile
from photograph_files import chunk, encoded, layers, opened, photograph, png, png16, tiff
from PIL import Image

from pconv_jax.imaging import read_photograph, write_photograph
from pconv_jax.imaging.texts import Texts, texts_of, texts_of_tiff, tiff_texts
from pconv_jax.imaging.tiff_tags import Entry

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
    b'xmp:Rating="5" tiff:Orientation="1"/></rdf:RDF></x:xmpmeta>'
)
IPTC = b"\x1c\x02\x78\x00\x07Hafen\xc3\xa9"  # a caption, 2:120
RESOURCES = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC
OTHER = b"8BIM\x03\xed\0\0" + struct.pack(">I", 3) + b"abc\0"
COMMENT = "Großmutter".encode()
WHOLE = Texts(xmp=XMP, resources=RESOURCES + OTHER, comments=(COMMENT,), png=((b"tEXt", b"Title\0Harbour"),))


def through(path, given):
    write_photograph(path, given)
    return read_photograph(path).texts


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_holds_everything(tmp_path, dtype):
    assert through(tmp_path / "a.png", photograph("rgb", dtype, texts=WHOLE._replace(comments=()))) == WHOLE._replace(
        comments=()
    )
    write_photograph(tmp_path / "a.png", photograph("rgb", dtype, texts=WHOLE))
    assert opened(tmp_path / "a.png").text["Comment"] == "Großmutter"
    assert opened(tmp_path / "a.png").text["Title"] == "Harbour"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_is_read_with_texts_and_profiles_of_megabytes(tmp_path, dtype):
    """Pillow itself refuses more than a megabyte."""
    long = np.random.default_rng(0).bytes(1_500_000)
    resources = b"8BIM\x0b\xb7\0\0" + struct.pack(">I", len(long)) + long
    given = photograph("rgb", dtype, texts=Texts(resources=resources))
    profile = struct.pack(">I", 4 + len(long)) + long
    write_photograph(tmp_path / "a.png", dataclasses.replace(given, icc=profile))
    found = read_photograph(tmp_path / "a.png")
    assert found.texts == given.texts and found.icc == profile


def test_the_largest_that_png_holds_comes_back(tmp_path):
    resources = b"8BIM\x0b\xb7\0\0" + struct.pack(">I", 28 * 2**20 - 12) + bytes(28 * 2**20 - 12)
    whole = Texts(xmp=bytes(2**26), resources=resources)
    assert through(tmp_path / "a.png", photograph("rgb", np.uint8, texts=whole)) == whole


def test_jpeg_holds_all_but_png_texts(tmp_path):
    whole = WHOLE._replace(png=(), more_xmp=(b"0123456789abcdef" * 3,))
    assert through(tmp_path / "a.jpg", photograph("rgb", np.uint8, texts=whole)) == whole
    large = whole._replace(resources=OTHER * 9000, comments=(b"x", b"y"))
    assert through(tmp_path / "b.jpg", photograph("rgb", np.uint8, texts=large)) == large


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff_holds_xmp_iptc_and_resources(tmp_path, dtype):
    given = photograph("rgb", dtype, texts=Texts(xmp=XMP, resources=RESOURCES + OTHER))
    assert through(tmp_path / "a.tif", given) == given.texts
    with tifffile.TiffFile(tmp_path / "a.tif") as found:
        tags = found.pages[0].tags
        assert (tags[700].value, tags[33723].value, tags[34377].value) == (XMP, IPTC, OTHER)


def test_webp_holds_xmp(tmp_path):
    assert through(tmp_path / "a.webp", photograph("rgb", np.uint8, texts=Texts(xmp=XMP))) == Texts(xmp=XMP)
    assert opened(tmp_path / "a.webp").info["xmp"] == XMP


@pytest.mark.parametrize(
    ("name", "texts", "words"),
    [
        (
            "a.webp",
            WHOLE,
            "IPTC and Photoshop data, comments, PNG texts cannot be held by WEBP and are not written; PNG",
        ),
        ("a.tif", WHOLE, "comments, PNG texts cannot be held by TIFF and are not written; PNG can"),
        ("a.jpg", WHOLE, "PNG texts cannot be held by JPEG and are not written; PNG can"),
        (
            "a.jpg",
            Texts(xmp=bytes(70_000)),
            "XMP of more than 64 KiB cannot be held by JPEG and is not written; PNG can",
        ),
        ("a.png", Texts(more_xmp=(b"x",)), "continued XMP cannot be held by PNG and is not written; JPEG can"),
        (
            "a.png",
            Texts(xmp=bytes(2**26 + 1)),
            "XMP of more than 64 MiB cannot be held by PNG and is not written; TIF",
        ),
        (
            "a.png",
            Texts(resources=bytes(28 * 2**20 + 1)),
            "IPTC and Photoshop data of more than 28 MiB cannot be held by PNG and are not written; TIFF can",
        ),
    ],
)
def test_what_cannot_be_held_is_named(tmp_path, name, texts, words):
    with pytest.warns(UserWarning, match=rf"{name}: the {words}") as caught:
        write_photograph(tmp_path / name, photograph("rgb", np.uint8, texts=texts))
    assert len(caught) == 1


def test_files_of_others(saved):
    read = read_photograph(saved(encoded(layers("rgb", np.uint8), "JPEG", xmp=XMP, comment=COMMENT)))
    assert read.texts == Texts(xmp=XMP, comments=(COMMENT,))
    read = read_photograph(saved(encoded(layers("rgb", np.uint8), "GIF", comment=b"drawn")))
    assert read.texts == Texts(comments=(b"drawn",))
    read = read_photograph(saved(encoded(layers("rgb", np.uint8), "TIFF", tiffinfo={700: XMP, 33723: IPTC})))
    assert read.texts == Texts(xmp=XMP, resources=RESOURCES)


def test_png_texts_that_are_packed_or_written_as_digits(saved):
    raw = b"\niptc\n%8d\n%s\n" % (len(IPTC), IPTC.hex().encode())
    chunks = [
        chunk(b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(raw)),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP)),
        chunk(b"zTXt", b"Author\0\0" + zlib.compress(b"me")),
        chunk(b"tEXt", b"Raw profile type iptc\0no digits"),
    ]
    author = (b"zTXt", b"Author\0\0" + zlib.compress(b"me"))
    found = read_photograph(saved(png(1, 1, 8, 2, bytes(4), *chunks))).texts
    assert found == Texts(xmp=XMP, resources=RESOURCES, png=(author, (b"tEXt", b"Raw profile type iptc\0no digits")))
    assert read_photograph(saved(png16(layers("rgb", np.uint16), *chunks))).texts == found


def test_the_orientation_in_xmp_is_upright(saved):
    for turned in (b'tiff:Orientation="6"', b"tiff:Orientation = '6'", b"<tiff:Orientation>6</tiff:Orientation>"):
        read = read_photograph(saved(encoded(layers("rgb", np.uint8), "WEBP", xmp=b"<a 6 " + turned + b" 6>")))
        assert read.texts.xmp == b"<a 6 " + turned.replace(b"6", b"1") + b" 6>"


def test_previews_of_the_old_pixels_are_left_out(tmp_path):
    preview = OTHER.replace(b"\x03\xed", b"\x04\x0c")
    given = photograph("rgb", np.uint8, texts=Texts(resources=RESOURCES + preview + OTHER))
    assert through(tmp_path / "a.jpg", given).resources == RESOURCES + OTHER
    thumbnail = b"<xmp:Thumbnails><rdf:Alt><rdf:li xmpGImg:image='b2xk'/></rdf:Alt></xmp:Thumbnails>"
    seen = XMP.replace(b"</rdf:RDF>", thumbnail + b"</rdf:RDF>")
    assert through(tmp_path / "a.jpg", photograph("rgb", np.uint8, texts=Texts(xmp=seen))).xmp == XMP
    cut = XMP + b"<xmp:Thumbnails>old"
    assert through(tmp_path / "a.jpg", photograph("rgb", np.uint8, texts=Texts(xmp=cut))).xmp == cut


def test_damaged_resources_do_no_harm(tmp_path):
    for bad in (b"8BIM", b"nonsense of some length", RESOURCES[:-4], b"8BIM\x04\x04\xff" + bytes(9), b"\0" * 40):
        given = photograph("rgb", np.uint8, texts=Texts(resources=bad))
        assert through(tmp_path / "a.jpg", given).resources == bad
        write_photograph(tmp_path / "a.tif", given)


def with_credentials(kind):
    """A file with the beginning of a manifest store."""
    store = b"\0\0\0\x20jumb\0\0\0\x18jumdc2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71\3c2pa\0"
    content = encoded(layers("rgb", np.uint8), kind)
    if kind == "JPEG":
        data = b"JP\2\x11\0\0\0\1" + store
        return content[:2] + b"\xff\xeb" + struct.pack(">H", len(data) + 2) + data + content[2:]
    if kind == "PNG":
        return content[:33] + chunk(b"caBX", store) + content[33:]
    if kind == "WEBP":
        return content + b"C2PA" + struct.pack("<I", len(store)) + store
    return tiff(layers("rgb", np.uint8), extratags=[(52545, "B", len(store), store, True)])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_content_credentials_are_named_and_not_kept(saved, tmp_path, kind):
    note = "its content credentials (C2PA) do not hold for the result and are not kept"
    with pytest.warns(UserWarning, match=re.escape(note)):
        read = read_photograph(saved(with_credentials(kind)))
    assert read.notes == (note,)
    write_photograph(tmp_path / "a.tif", read)
    assert b"jumb" not in (tmp_path / "a.tif").read_bytes()
    other = {b"caBX": b"prVt", b"C2PA": b"PRVT", b"c2pa": b"mine", struct.pack("<H", 52545): struct.pack("<H", 50000)}
    content = with_credentials(kind)
    for mark, another in other.items():
        content = content.replace(mark, another)
    if kind != "PNG":  # whose checksum is wrong then
        assert read_photograph(saved(content)).notes == ()


def test_very_many_small_pieces_take_seconds_and_not_hours():
    count = 100_000
    resources, chunks = OTHER * count, chunk(b"tEXt", b"a\0b") * count
    began = time.process_time()
    found = texts_of_tiff({34377: Entry(7, resources)}, [], orientation=1)
    assert found.resources == resources and tiff_texts(found) == {34377: resources}
    image = types.SimpleNamespace(format="PNG")
    stream = io.BytesIO(png(1, 1, 8, 2, bytes(4), chunks))
    assert texts_of(image, stream, {}, [], orientation=1).png == ((b"tEXt", b"a\0b"),) * count
    assert time.process_time() - began < 10  # of some 60, if each of them copies the others


TAGS = [
    (297, 3, 2, struct.pack("<HH", 17, 240), True),  # the page of a film
    (270, 2, 9, "Hafen é".encode() + b"\0", True),
    (315, 2, 6, b"M\xfcler\0", True),  # Latin-1
    (50000, 7, 5, b"\1\2\3\4\5", True),
    (50001, 1, 3, b"abc", True),
    (50002, 12, 1, struct.pack("<d", 1.5), True),
]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg", ".webp"])
def test_tags_of_tiff_files_keep_their_type_and_bytes(saved, tmp_path, big, dtype, suffix):
    if dtype == np.uint16 and suffix in (".jpg", ".webp"):
        pytest.skip("8 bits only")
    read = read_photograph(saved(tiff(layers("rgb", dtype), extratags=TAGS, bigtiff=big)))
    write_photograph(tmp_path / f"a{suffix}", read)
    written = (tmp_path / f"a{suffix}").read_bytes()
    for content in (read.exif, read_photograph(tmp_path / f"a{suffix}").exif):
        (count,) = struct.unpack_from("<H", content, start := struct.unpack_from("<I", content, 4)[0])
        found = {}
        for place in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, length = struct.unpack_from("<HHI", content, place)
            size = length * {1: 1, 2: 1, 3: 2, 7: 1, 12: 8}.get(kind, 4)
            at = place + 8 if size <= 4 else struct.unpack_from("<I", content, place + 8)[0]
            found[tag] = (kind, content[at : at + size])
        for tag, kind, _, data, _ in TAGS:
            assert found[tag] == (kind, data)
    assert "Hafen é".encode() in written


def test_directories_inside_come_along(saved):
    note = Image.Exif()
    note[0x8769] = {36867: "2020:02:03 04:05:06", 37510: b"ASCII\0\0\0h\xe9"}
    note[0x8825] = {1: "N", 2: (48.0, 51.0, 29.0)}
    given, found = Image.Exif(), Image.Exif()
    given.load(note.tobytes())
    found.load(read_photograph(saved(encoded(layers("rgb", np.uint8), "TIFF", exif=given))).exif)
    assert found.get_ifd(0x8769) == given.get_ifd(0x8769) and found.get_ifd(0x8825) == given.get_ifd(0x8825)
    assert len(found.get_ifd(0x8769)) == len(found.get_ifd(0x8825)) == 2


def test_a_damaged_directory_is_named(saved):
    content = tiff(layers("rgb", np.uint8), extratags=[(50000, 4, 1, 9_999_999, True)])
    content = content.replace(
        struct.pack("<HHII", 50000, 4, 1, 9_999_999), struct.pack("<HHII", 34665, 4, 1, 9_999_999)
    )
    with (
        pytest.warns(UserWarning, match="Corrupt EXIF data"),  # Pillow's
        pytest.warns(UserWarning, match="its EXIF data is damaged and not kept"),
    ):
        read = read_photograph(saved(content))
    assert read.exif is None


@pytest.mark.skipif(not shutil.which("exiv2"), reason="exiv2 is not installed")
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_exiv2_finds_them(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    write_photograph(path, photograph("rgb", np.uint8, texts=Texts(xmp=XMP, resources=RESOURCES)))
    shown = subprocess.run(["exiv2", "-PXI", path], capture_output=True, text=True, check=True).stdout
    assert "Xmp.xmp.Rating" in shown and "Hafen" in shown


@pytest.mark.skipif(not shutil.which("exiftool"), reason="exiftool is not installed")
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_exiftool_finds_them(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    texts = Texts(xmp=XMP, resources=None if suffix == ".webp" else RESOURCES)
    write_photograph(path, photograph("rgb", np.uint8, texts=texts))
    shown = subprocess.run(["exiftool", path], capture_output=True, text=True, check=True).stdout
    assert "Rating" in shown and "Warning" not in shown and ("Hafen" in shown) == (suffix != ".webp")


def test_nothing_is_made_up(tmp_path):
    for suffix in (".png", ".jpg", ".tif", ".webp"):
        assert through(tmp_path / f"a{suffix}", photograph("rgb", np.uint8)) == Texts()
        assert Image.open(io.BytesIO((tmp_path / f"a{suffix}").read_bytes())).info.get("comment") is None
