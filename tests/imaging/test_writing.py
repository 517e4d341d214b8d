"""Photographs to files: what they keep, in every format, and what cannot be written."""

import struct

import cv2
import numpy as np
import pytest
import tifffile
from photograph_files import (
    KNOWN,
    SHAPES,
    SRGB,
    block,
    encoded,
    known,
    layers,
    opened,
    photograph,
    same,
    tags,
    tiff,
)
from PIL import Image

from pconv_jax.imaging import (
    OUTPUT_FORMATS,
    Photograph,
    exif,
    read_photograph,
    write_photograph,
)


def resolutions_written(read, folder):
    """Those of the files of every format that a photograph is written to."""
    found = set()
    for suffix in (".png", ".tif", ".jpg", ".webp"):
        write_photograph(folder / f"a{suffix}", read)
        found.add(read_photograph(folder / f"a{suffix}").dpi)
    return found


DEEP = (".png", ".tif", ".TIFF")


class TestRoundTrip:
    @pytest.mark.parametrize(
        ("suffix", "kind", "dtype"),
        [(suffix, kind, dtype) for suffix in DEEP for kind in SHAPES for dtype in (np.uint8, np.uint16)]
        + [(".webp", kind, np.uint8) for kind in ("rgb", "rgba")],
    )
    def test_lossless_formats_give_back_everything(self, tmp_path, suffix, kind, dtype):
        profile = None if kind.startswith("grey") else SRGB
        given = photograph(kind, dtype, exif=block(), icc=profile, dpi=(300.0, 150.5))
        path = tmp_path / f"photo{suffix}"
        write_photograph(path, given, quality=100)
        read = read_photograph(path)
        assert same(read.pixels, given.pixels) and same(read.alpha, given.alpha)
        assert read.icc == profile and read.dpi == pytest.approx((300, 150.5), abs=0.02)
        found = Image.Exif()
        found.load(read.exif)
        assert found.get_ifd(0x8769)[37500] == KNOWN[3] and found.get_ifd(0x8825)[1] == "N"
        again = tmp_path / f"again{suffix}"
        write_photograph(again, read, quality=100)
        assert again.read_bytes() == path.read_bytes() or suffix.lower().startswith(".tif")
        read_again = read_photograph(again)
        assert (read_again.exif, read_again.icc, read_again.dpi) == (read.exif, read.icc, read.dpi)
        assert list(tmp_path.iterdir()) == [path, again] or list(tmp_path.iterdir()) == [again, path]

    @pytest.mark.parametrize(
        ("suffix", "dtype"),
        [(suffix, np.uint8) for suffix in OUTPUT_FORMATS] + [(suffix, np.uint16) for suffix in DEEP],
    )
    def test_others_find_what_was_written(self, tmp_path, suffix, dtype):
        path = tmp_path / f"photo{suffix}"
        given = photograph("rgb", dtype, exif=block(), icc=SRGB, dpi=(300.0, 200.0))
        write_photograph(path, given)
        with Image.open(path) as image:
            image.load()
            assert image.format == OUTPUT_FORMATS[suffix.lower()] and image.info["icc_profile"] == SRGB
            assert known(image) == KNOWN
            if suffix == ".webp":
                assert (image.getexif()[282], image.getexif()[283], image.getexif()[296]) == (300, 200, 2)
            else:
                assert image.info["dpi"] == pytest.approx((300, 200), abs=0.02)
        if OUTPUT_FORMATS[suffix.lower()] in ("PNG", "TIFF"):
            seen = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
            assert same(seen[..., ::-1], given.pixels)

    @pytest.mark.parametrize("kind", SHAPES)
    @pytest.mark.parametrize("order", ["<", ">"])
    def test_tiff_files_are_as_tifffile_reads_them_and_keep_the_exif_block_in_its_place(self, tmp_path, kind, order):
        note = tags()
        note.endian = order
        content = note.tobytes().removeprefix(exif.PREFIX)
        given = photograph(kind, np.uint16, exif=content, icc=SRGB, dpi=(72.0, 72.0))
        write_photograph(tmp_path / "a.tif", given)
        written = (tmp_path / "a.tif").read_bytes()
        assert written[:4] == content[:4] and written[8 : len(content)] == content[8:]
        with tifffile.TiffFile(tmp_path / "a.tif") as found:
            page = found.pages[0]
            assert np.array_equal(page.asarray(), layers(kind, np.uint16))
            assert page.tags[34665].value["MakerNote"] == KNOWN[3]
            assert page.compression == 8 and page.predictor == 2 and page.tags[34675].value == SRGB
            assert list(page.extrasamples) == ([2] if "a" in kind[4:] or kind == "rgba" else [])

    @pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
    def test_the_exif_block_is_the_same_byte_for_byte(self, saved, tmp_path, name):
        image = encoded(layers("rgb", np.uint8), "JPEG", exif=tags(6), icc_profile=SRGB, dpi=(240, 240))
        read = read_photograph(saved(image, "source.jpg"))
        expected = block(6)
        assert len(read.exif) == len(expected) and sum(a != b for a, b in zip(read.exif, expected, strict=True)) == 1
        write_photograph(tmp_path / name, read)
        again = read_photograph(tmp_path / name)
        assert again.exif.startswith(read.exif[8:]) or again.exif[8 : len(read.exif)] == read.exif[8:]
        assert again.icc == SRGB and again.dpi == pytest.approx((240, 240), abs=0.02)
        assert again.pixels.shape == (7, 13, 3)

    def test_the_preview_of_the_old_pixels_is_left_out(self, saved):
        content = struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, 274, 3, 1, 1, 0, 26)  # and a second directory
        content += struct.pack("<HHHIII", 1, 513, 4, 1, 99, 0)
        read = read_photograph(saved(encoded(layers("rgb", np.uint8), "JPEG", exif=exif.PREFIX + content), "a.jpg"))
        found = Image.Exif()
        found.load(read.exif)
        assert found[274] == 1 and not found.get_ifd(1)

    def test_what_a_tiff_file_says_about_its_layout_is_no_exif_data(self, saved, tmp_path):
        extra = [(305, "s", 0, "Scanner 1.0", True), (700, "B", 3, b"<x>", True), (50000, "H", 1, 7, True)]
        read = read_photograph(
            saved(tiff(layers("rgb", np.uint16), extratags=extra, resolution=(118, 118), resolutionunit=3))
        )
        found = Image.Exif()
        found.load(read.exif)
        assert dict(found) == {305: "Scanner 1.0", 50000: 7}
        assert read.dpi == pytest.approx((299.72, 299.72))
        write_photograph(tmp_path / "a.png", read)
        assert read_photograph(tmp_path / "a.png").exif == read.exif

    def test_jpeg_has_full_chroma_the_quality_given_and_whole_dots(self, tmp_path):
        image = np.zeros((32, 32, 3), np.uint8)
        image[:, ::2] = 255, 0, 0  # lines as fine as can be, which 4:2:0 would smear
        given = Photograph(image, None, None, None, (299.9994, 300.2), "PNG")
        errors, sizes = [], []
        for quality in (60, 95):
            write_photograph(tmp_path / "a.jpg", given, quality=quality)
            read = read_photograph(tmp_path / "a.jpg")
            errors.append(np.abs(read.pixels.astype(int) - image).mean())
            sizes.append((tmp_path / "a.jpg").stat().st_size)
            assert read.dpi == (300, 300) and read.format == "JPEG"
        with Image.open(tmp_path / "a.jpg") as written:
            assert [layer[1:3] for layer in written.layer] == [(1, 1)] * 3
        assert errors[1] < min(errors[0], 3) and sizes[0] < sizes[1]

    def test_grey_jpeg_stays_grey(self, tmp_path):
        write_photograph(tmp_path / "a.jpeg", photograph("grey", np.uint8))
        assert read_photograph(tmp_path / "a.jpeg").pixels.shape == (13, 7)

    def test_webp_is_lossless_at_100_only(self, tmp_path):
        given = photograph("rgba", np.uint8)
        write_photograph(tmp_path / "a.webp", given, quality=100)
        assert same(read_photograph(tmp_path / "a.webp").pixels, given.pixels)  # also where alpha is 0
        write_photograph(tmp_path / "a.webp", given, quality=95)
        read = read_photograph(tmp_path / "a.webp")
        assert not same(read.pixels, given.pixels) and same(read.alpha, given.alpha)

    @pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
    def test_nothing_is_made_up(self, tmp_path, suffix):
        path = tmp_path / f"a{suffix}"
        write_photograph(path, photograph("rgb", np.uint8))
        read = read_photograph(path)
        assert (read.exif, read.icc, read.dpi) == (None, None, None)

    def test_a_jpeg_without_a_resolution_gets_none(self, saved, tmp_path):
        given = Image.Exif()
        given[271] = "Maker"
        read = read_photograph(saved(encoded(layers("rgb", np.uint8), "JPEG", exif=given)))
        assert read.dpi is None and resolutions_written(read, tmp_path) == {None}

    @pytest.mark.parametrize(("compression", "predictor"), [(1, None), (5, 2), (8, 2), (32773, None)])
    def test_a_predictor_is_named_where_there_is_one(self, tmp_path, compression, predictor):
        write_photograph(tmp_path / "a.tif", photograph("rgb", np.uint8, compression=compression))
        assert opened(tmp_path / "a.tif").tag_v2.get(317) == predictor

    def test_several_strips_and_blocks_of_lines(self, tmp_path):
        rng = np.random.default_rng(0)
        smooth = np.cumsum(rng.integers(0, 9, (700, 300, 3)), axis=0).astype(np.uint16)
        for name in ("a.png", "a.tif"):
            write_photograph(tmp_path / name, Photograph(smooth, None, None, None, None, "PNG"))
            assert same(read_photograph(tmp_path / name).pixels, smooth)
            assert (tmp_path / name).stat().st_size < 0.7 * smooth.nbytes

    def test_only_runs_are_looked_for_in_png_files_of_photographs(self, tmp_path):
        def sizes(pixels):
            """As it is written, and by the default of zlib."""
            write_photograph(tmp_path / "a.png", Photograph(pixels, None, None, None, None, "PNG"))
            assert same(read_photograph(tmp_path / "a.png").pixels, pixels)
            return (tmp_path / "a.png").stat().st_size, len(encoded(pixels, "PNG"))

        rng = np.random.default_rng(0)
        noisy = (np.cumsum(rng.integers(-3, 4, (300, 300, 3)), axis=1) + 128).astype(np.uint8)
        written, usual = sizes(noisy)
        assert written != usual and written < 1.05 * usual
        drawn = np.tile(np.where(rng.random((10, 10)) < 0.2, 255, 0).astype(np.uint8), (30, 30))
        for flat in (drawn, np.dstack([drawn] * 3), np.zeros((40, 1), np.uint8)):
            written, usual = sizes(flat)
            assert written == usual

    def test_exif_data_too_big_for_jpeg_is_no_secret(self, tmp_path):
        note = tags()
        note[0x8769] = {37500: bytes(70_000)}
        given = photograph("rgb", np.uint8, exif=note.tobytes().removeprefix(exif.PREFIX))
        with pytest.warns(UserWarning, match=r"a\.jpg: the EXIF data, 70,\d+ bytes, is more than JPEG can hold"):
            write_photograph(tmp_path / "a.jpg", given)
        assert read_photograph(tmp_path / "a.jpg").exif is None
        write_photograph(tmp_path / "a.png", given)
        assert read_photograph(tmp_path / "a.png").exif == given.exif

    def test_damaged_exif_data_is_not_written_and_named(self, tmp_path):
        with pytest.warns(UserWarning, match=r"a\.tif: the EXIF data is damaged and not written"):
            write_photograph(tmp_path / "a.tif", photograph("rgb", np.uint8, exif=b"II*\0\xff\xff\xff\0"))
        assert read_photograph(tmp_path / "a.tif").exif is None

    @pytest.mark.parametrize("suffix", OUTPUT_FORMATS)
    def test_names_with_spaces_and_other_letters(self, tmp_path, suffix):
        path = tmp_path / "Fotos von früher" / f"été 1 – фото{suffix}"
        given = photograph("rgb", np.uint16 if suffix in (".png", ".tif") else np.uint8)
        write_photograph(str(path), given)  # the folder is made
        assert read_photograph(str(path)).pixels.shape == given.pixels.shape
        assert list(path.parent.iterdir()) == [path]
