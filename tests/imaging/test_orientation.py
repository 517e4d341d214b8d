"""The orientation of photographs: pixels and transparency are set upright, and the tag says so."""

import struct
import warnings

import numpy as np
import pytest
from photograph_files import block, chunk, encoded, layers, opened, png16, same, tags, tiff
from PIL import Image

from pconv_jax.imaging import exif, read_photograph, write_photograph

ENDS = (("<", b"II"), (">", b"MM"))


class TestOrientation:
    UPRIGHT = (  # of [[1, 2, 3], [4, 5, 6]], by the value of the tag
        [[1, 2, 3], [4, 5, 6]],
        [[3, 2, 1], [6, 5, 4]],
        [[6, 5, 4], [3, 2, 1]],
        [[4, 5, 6], [1, 2, 3]],
        [[1, 4], [2, 5], [3, 6]],
        [[4, 1], [5, 2], [6, 3]],
        [[6, 3], [5, 2], [4, 1]],
        [[3, 6], [2, 5], [1, 4]],
    )

    def contents(self, orientation):
        stored = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
        la = np.stack([stored, 7 - stored], axis=-1)
        rgba = np.stack([stored, stored + 10, stored + 20, 7 - stored], axis=-1)
        note, tag = tags(orientation), [(274, "H", 1, orientation, True)]
        eXIf = chunk(b"eXIf", block(orientation))
        yield encoded(rgba, "PNG", exif=note)
        yield encoded(la, "PNG", exif=note)
        yield encoded(rgba, "WEBP", exif=note, lossless=True, exact=True)
        for dtype in (np.uint8, np.uint16):
            for array in (la.astype(dtype), rgba.astype(dtype)):
                yield tiff(array, extratags=tag)
                yield tiff(array, extratags=tag, compression="zlib", byteorder=">")
            yield tiff(rgba.astype(dtype), extratags=tag, planarconfig="separate", compression="zlib")
        for array in (la, rgba):
            yield png16(array.astype(np.uint16), eXIf)

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_pixels_and_alpha_are_turned_and_the_tag_says_so(self, saved, orientation):
        upright = np.array(self.UPRIGHT[orientation - 1])
        for number, content in enumerate(self.contents(orientation)):
            read = read_photograph(saved(content))
            first = read.pixels if read.pixels.ndim == 2 else read.pixels[..., 0]
            assert np.array_equal(first, upright), (number, read.format)
            assert np.array_equal(read.alpha, 7 - upright)
            assert read.pixels.flags.c_contiguous and read.alpha.flags.c_contiguous
            found = Image.Exif()
            found.load(read.exif or b"")
            assert found.get(274, 1) == 1

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("deep", [False, True])
    def test_grey_and_jpeg(self, saved, orientation, deep):
        stored = np.array([[1, 2, 3], [4, 5, 6]], np.uint16 if deep else np.uint8)
        tag = [(274, "H", 1, orientation, True)]
        image = Image.fromarray(np.repeat(np.repeat(stored * 40, 8, 0), 8, 1).astype(np.uint8))
        contents = {
            "TIFF": tiff(stored, extratags=tag),
            "PNG": png16(stored, chunk(b"eXIf", block(orientation))),
            "JPEG": encoded(image, "JPEG", exif=tags(orientation), quality=95),
        }
        for kind, content in contents.items():
            found = read_photograph(saved(content)).pixels
            found = np.rint(found[4::8, 4::8] / 40) if kind == "JPEG" else found
            assert found.tolist() == self.UPRIGHT[orientation - 1], kind

    def test_a_big_endian_block_and_one_without_the_tag(self):
        small, big = (struct.pack(order + "2sHIHHHIHHI", mark, 42, 8, 1, 274, 3, 1, 6, 0, 99) for order, mark in ENDS)
        for content in (small, big):
            found = Image.Exif()
            found.load(exif.upright(content))
            assert found[274] == 1 and len(exif.upright(content)) == len(content)
            assert exif.upright(content)[-4:] == bytes(4)  # no preview
        assert exif.upright(block()) == block()
        assert exif.upright(small[:-4]) == exif.upright(small)[:-4]  # some writers end here
        with pytest.raises(ValueError, match="damaged"):
            exif.upright(small[:-5])

    def test_damaged_exif_data_is_named_and_the_photograph_read(self, saved):
        for bad in (b"Exif\0\0II*\0\xff\xff\0\0", b"Exif\0\0nonsense of some length"):
            path = saved(encoded(layers("rgb", np.uint8), "JPEG", exif=bad, dpi=(72, 72)), "bad.jpg")
            with pytest.warns(UserWarning, match=r"bad\.jpg: its EXIF data is damaged and not kept"):
                read = read_photograph(path)
            assert read.exif is None and same(read.pixels, np.asarray(opened(path)))

    @pytest.mark.parametrize("orientation", [1, 3, 5, 6, 7, 8])
    def test_the_resolution_is_turned_with_the_picture(self, saved, tmp_path, orientation):
        """300 pixels an inch across and 600 down, as the file lies."""
        note = tags(orientation)
        note[282], note[283], note[296] = 300.0, 600.0, 2
        image, dpi = Image.new("RGB", (9, 5)), (300, 600)
        scan = {"extratags": [(274, "H", 1, orientation, True)], "resolution": dpi, "resolutionunit": 2}
        contents = {
            "a.jpg": encoded(image, "JPEG", exif=note, dpi=dpi),
            "b.jpg": encoded(image, "JPEG", exif=note),
            "a.png": encoded(image, "PNG", exif=note, dpi=dpi),
            "a.webp": encoded(image, "WEBP", exif=note),
            "a.tif": tiff(np.zeros((5, 9, 3), np.uint8), **scan),
            "b.tif": tiff(np.zeros((5, 9, 6), np.uint8), **scan, extrasamples=[0] * 3),
        }
        expected = (600, 300) if orientation > 4 else (300, 600)
        for name, content in contents.items():
            with warnings.catch_warnings(action="ignore"):  # further channels
                read = read_photograph(saved(content, name))
            assert tuple(map(round, read.dpi)) == expected, name
            if read.exif and not name.endswith(".tif"):
                assert exif.dpi_in(read.exif) == expected, name
                assert len(read.exif) == len(exif.bare(note.tobytes()))
            with warnings.catch_warnings(action="ignore"):
                write_photograph(tmp_path / name, read)
                again = read_photograph(tmp_path / name)
            assert tuple(map(round, again.dpi)) == expected and again.exif == read.exif, name
