"""TIFF files of scanners: thumbnails, pyramids, infrared light, and compressions that few libraries know."""

import io
import struct
import warnings

import numpy as np
import pytest
import tifffile
from photograph_files import encoded, layers, picture, same, split, tiff
from PIL import Image

from pconv_jax.common.errors import InputError
from pconv_jax.data.decode import decode_image
from pconv_jax.imaging import exif, read_hole, read_photograph, write_photograph
from pconv_jax.imaging.tiff_channels import by_libtiff
from pconv_jax.imaging.tiff_tags import first_directory, numbers


def pages(*arrays, big=False, **options):
    """Each with its tag 254."""
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream, bigtiff=big, byteorder=options.pop("byteorder", None)) as writer:
        for kind, array in arrays:
            grey = array.ndim == 2
            writer.write(array, photometric="minisblack" if grey else "rgb", subfiletype=kind, metadata=None, **options)
    return stream.getvalue()


def deep(array, **options):
    """A 16-bit file that Pillow's libtiff compresses: the channels side by side, then told apart."""
    height, width, channels = array.shape
    wide = encoded(array.reshape(height, -1), "TIFF", **options)
    more = {
        256: exif.Values(exif.LONG, (width,)),
        258: exif.Values(exif.SHORT, (16,) * channels),
        262: exif.Values(exif.SHORT, (2 if channels > 2 else 1,)),
        277: exif.Values(exif.SHORT, (channels,)),
    }
    if channels in (2, 4):
        more[338] = exif.Values(exif.SHORT, (2,))
    return b"".join(exif.extended(wide, more, keep=lambda tag: True))


def with_64_bits(content):
    """The same little-endian file with 64-bit offsets, its data 8 bytes further behind the longer header."""
    first, values = first_directory(io.BytesIO(content)), b""
    at = 8 + len(content) + 8 + 20 * len(first.entries) + 8
    table = struct.pack("<Q", len(first.entries))
    for tag, (kind, data) in sorted(first.entries.items()):
        if tag in (273, 324):  # where its pixels are
            kind, data = 16, struct.pack(f"<{len(data) // 4}Q", *(8 + place for place in numbers(first, tag)))
        count = len(data) // {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 16: 8}[kind]
        if len(data) > 8:
            data, values = struct.pack("<Q", at + len(values)), values + data
        table += struct.pack("<HHQ", tag, kind, count) + data.ljust(8, b"\0")
    return b"II+\0\x08\0\0\0" + struct.pack("<Q", 8 + len(content)) + content[8:] + table + bytes(8) + values


@pytest.mark.parametrize(("order", "big"), [("<", False), (">", False), ("<", True)])  # Pillow knows no other
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_thumbnails_and_levels_of_pyramids_do_not_count(saved, dtype, order, big):
    whole, small = layers("rgb", dtype), layers("rgb", dtype, 1)[::2, ::2]
    for content in (
        pages((0, whole), (1, small), big=big, byteorder=order),
        pages((1, small), (0, whole), big=big, byteorder=order),
        pages((1, small), (0, whole), (1, small[::2]), (1, small[..., 0]), big=big, byteorder=order),
    ):
        read = read_photograph(saved(content))
        assert same(read.pixels, whole) and read.infrared is None


def test_masks_with_thumbnails_are_read(saved):
    mask = np.eye(8, dtype=np.uint8) * 255
    assert np.array_equal(read_hole(saved(pages((1, mask[:4, :4]), (0, mask)))), mask > 0)


def test_two_photographs_are_refused(saved):
    grey, rgb = layers("grey", np.uint8), layers("rgb", np.uint8)
    for content in (
        pages((0, rgb), (0, rgb)),
        pages((0, grey), (0, grey)),
        pages((0, rgb), (0, grey[1:])),
        pages((0, rgb), (0, grey.astype(np.uint16))),
        pages((0, rgb), (0, grey), (0, grey)),
    ):
        with pytest.raises(InputError, match=r"has \d frames: save the one you mean as a file of its own"):
            read_photograph(saved(content))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("kind", ["page", "channel", "channel beside alpha", "planes"])
def test_infrared_light_is_kept(saved, tmp_path, dtype, kind):
    rgb, infrared, alpha = layers("rgb", dtype), layers("grey", dtype, 1), layers("grey", dtype, 2)
    if kind == "page":
        content = pages((0, rgb), (0, infrared))
    elif kind == "channel":
        content = tiff(np.dstack([rgb, infrared]), extrasamples=["unspecified"], compression="zlib", predictor=True)
    elif kind == "planes":
        content = tiff(np.dstack([rgb, infrared]), extrasamples=["unspecified"], planarconfig="separate")
    else:
        content = tiff(np.dstack([rgb, alpha, infrared]), extrasamples=["unassalpha", "unspecified"])
    read = read_photograph(saved(content))
    assert same(read.pixels, rgb) and same(read.infrared, infrared)
    assert same(read.alpha, alpha if "alpha" in kind else None)
    write_photograph(tmp_path / "a.tif", read)
    again = read_photograph(tmp_path / "a.tif")
    assert same(again.pixels, rgb) and same(again.infrared, infrared) and same(again.alpha, read.alpha)
    with pytest.warns(UserWarning, match=r"a\.png: the infrared or further channel cannot be held by PNG .* TIFF can"):
        write_photograph(tmp_path / "a.png", read)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_infrared_channel_is_turned_with_the_colours(saved, dtype):
    rgbi = np.dstack([layers("rgb", dtype), layers("grey", dtype, 1)])
    read = read_photograph(saved(tiff(rgbi, extrasamples=["unspecified"], extratags=[(274, "H", 1, 6, True)])))
    assert same(read.pixels, np.rot90(rgbi[..., :3], -1)) and same(read.infrared, np.rot90(rgbi[..., 3], -1))


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_64_bit_places(saved, orientation, compression):
    array = np.random.default_rng(0).integers(0, 65536, (13, 7, 4), np.uint16)
    turns = [(274, 3, 1, orientation, True)]
    options = {"bigtiff": True, "compression": compression, "extratags": turns}
    colours = read_photograph(saved(tiff(array[..., :3], **options)))
    both = read_photograph(saved(tiff(array, **options, extrasamples=["unspecified"])))
    upright = np.rot90(array, -1) if orientation == 6 else array
    assert same(colours.pixels, upright[..., :3]) and same(both.pixels, upright[..., :3])
    assert colours.infrared is None and same(both.infrared, upright[..., 3])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_second_further_channel_is_no_secret(saved, dtype):
    five = np.dstack([layers("rgb", dtype), layers("grey", dtype, 1), layers("grey", dtype, 2)])
    with pytest.warns(UserWarning, match="1 of its further channels are not kept"):
        read = read_photograph(saved(tiff(five, extrasamples=["unspecified"] * 2)))
    assert same(read.pixels, five[..., :3]) and same(read.infrared, five[..., 3])


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("compression", ["tiff_lzw", "zstd", "lzma", "packbits"])
@pytest.mark.parametrize("kind", ["grey+alpha", "rgb", "rgba"])
def test_16_bits_in_rare_compressions(saved, kind, compression, big):
    array = layers(kind, np.uint16)
    content = deep(array, compression=compression)
    read = read_photograph(saved(with_64_bits(content) if big else content))
    pixels, alpha = split(array)
    assert same(read.pixels, pixels) and same(read.alpha, alpha)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"planarconfig": "separate"}], ids=str)
def test_five_channels_with_64_bit_places(saved, dtype, options):
    """Colours, alpha and infrared, upright, with their resolution."""
    array = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (13, 7, 5), dtype)
    given = {"extrasamples": ["unassalpha", "unspecified"], "resolution": (300, 300), "resolutionunit": "inch"}
    turned = [(274, 3, 1, 6, True)]
    read = read_photograph(saved(tiff(array, bigtiff=True, extratags=turned, **given, **options)))
    upright = np.rot90(array, -1)
    assert same(read.pixels, upright[..., :3]) and same(read.alpha, upright[..., 3])
    assert same(read.infrared, upright[..., 4]) and read.dpi == (300, 300)


@pytest.mark.parametrize("options", [{}, {"tile": (16, 16)}, {"rowsperstrip": 4}], ids=str)
@pytest.mark.parametrize("layout", ["contig", "separate"])
def test_libtiff_reads_64_bit_places(options, layout):
    array = np.random.default_rng(0).integers(0, 65535, (37, 41, 3), np.uint16)
    given = {"planarconfig": layout, "compression": "zlib", "predictor": True, "bigtiff": True}
    assert same(by_libtiff(io.BytesIO(tiff(array, **given, **options))), array)


def test_places_beyond_32_bits_are_refused():
    content = bytearray(tiff(layers("rgb", np.uint16), bigtiff=True, compression="zlib"))
    at = content.index(struct.pack("<H", 273)) + 2
    content[at : at + 18] = struct.pack("<HQQ", 16, 1, 2**32)
    with pytest.raises(ValueError, match="too large for offsets of 32 bits"):
        by_libtiff(io.BytesIO(bytes(content)))


@pytest.mark.parametrize("options", [{}, {"tile": (16, 16)}, {"rowsperstrip": 4}, {"byteorder": ">"}], ids=str)
@pytest.mark.parametrize("layout", ["contig", "separate"])
@pytest.mark.parametrize("predictor", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_libtiff_agrees_with_tifffile(options, layout, predictor, dtype):
    array = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (37, 41, 3), dtype)
    content = tiff(array, planarconfig=layout, compression="zlib", predictor=predictor, **options)
    assert same(by_libtiff(io.BytesIO(content)), array)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("kind", ["grey", "grey+alpha", "rgb"])
def test_what_cannot_be_read_names_its_compression(saved, kind, dtype):
    content = tiff(layers(kind, dtype))
    entry = (259).to_bytes(2, "little") + b"\3\0\1\0\0\0"
    lerc = content.replace(entry + b"\1\0", entry + (34887).to_bytes(2, "little"))
    with pytest.raises(InputError, match="is compressed with LERC, which cannot be read in TIFF: save it with LZW"):
        read_photograph(saved(lerc))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("rgb", {"planarconfig": "separate"}),
        ("rgb", {"rowsperstrip": 4}),
        ("rgba", {"tile": (16, 16)}),
        ("grey", {"bigtiff": True}),
        ("grey+alpha", {}),
        ("rgb", {"compression": "deflate"}),
    ],
)
def test_files_that_hold_less_than_they_claim_are_refused(saved, kind, options):
    """Some libraries leave the rest of the picture black without a word, and take long for it."""
    content = tiff(layers(kind, np.uint16), **options)
    assert read_photograph(saved(content)).pixels.size
    place = content.index(struct.pack("<HH", 257, 4)) + (12 if "bigtiff" in options else 8)
    assert content[place] == 13  # the height
    path = saved(content[:place] + struct.pack("<I", 2**19) + content[place + 4 :])
    for read in (read_photograph, read_hole, decode_image):
        with pytest.raises(InputError, match=r"strips or tiles are missing|bytes cannot hold the 7 x 524288 pixels"):
            read(path)


@pytest.mark.parametrize("options", [{}, {"predictor": True}, {"bigtiff": True}, {"tile": (16, 16)}])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_flipped_bits_of_deflated_data_are_noticed(saved, dtype, options):
    """Those too whose pixels are wrong, but as many as there must be, so that libtiff does not read on."""
    content = tiff(picture().astype(dtype), compression="deflate", **options)
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        start, length = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    expected, refused = read_photograph(saved(content)).pixels, 0
    for place in range(start, start + length, length // 30):
        changed = bytearray(content)
        changed[place] ^= 4
        try:
            pixels = read_photograph(saved(bytes(changed))).pixels
        except InputError:
            refused += 1
        else:  # a bit that stands for nothing
            np.testing.assert_array_equal(pixels, expected)
    assert refused >= 29


def test_the_exif_data_of_the_photograph_is_read_and_not_that_of_its_thumbnail(saved):
    stream = io.BytesIO()
    small = Image.new("RGB", (2, 2))
    with tifffile.TiffWriter(stream) as writer:
        writer.write(np.asarray(small), photometric="rgb", subfiletype=1, metadata=None)
        writer.write(layers("rgb", np.uint8), photometric="rgb", metadata=None, extratags=[(315, "s", 0, "Anna", True)])
    found = Image.Exif()
    found.load(read_photograph(saved(stream.getvalue())).exif)
    assert found[315] == "Anna" and 254 not in found


@pytest.mark.parametrize("place", [2**63 - 1, 2**64 - 1, 10**6])
def test_values_that_lie_nowhere_are_left_out_and_named(saved, place):
    content = tiff(layers("rgb", np.uint8), bigtiff=True, extratags=[(50000, 7, 9, b"123456789", True)])
    at = content.index((50000).to_bytes(2, "little") + b"\7\0") + 12
    content = content[:at] + place.to_bytes(8, "little") + content[at + 8 :]
    with warnings.catch_warnings(record=True) as caught:  # Pillow warns as well
        warnings.simplefilter("always")
        read = read_photograph(saved(content))
    assert any("its EXIF data is damaged and not kept" in str(each.message) for each in caught)
    assert same(read.pixels, layers("rgb", np.uint8)) and read.exif is None
