"""Files that are refused, by their content or their size."""

import errno
import io
import struct
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from photograph_files import (
    SHAPES,
    animated,
    chunk,
    encoded,
    layers,
    png,
    png16,
    same,
    tiff,
)
from PIL import Image, PngImagePlugin

from pconv_jax.common.errors import InputError
from pconv_jax.data.decode import decode_image
from pconv_jax.imaging import (
    opening,
    read_hole,
    read_photograph,
    read_size,
    write_photograph,
)


class TestRefusedFiles:
    def refused(self, path, words, read=read_photograph, **options):
        with pytest.raises(InputError, match=words) as caught:
            read(path, **options)
        message = str(caught.value)
        assert message.startswith(str(path)) and not message.endswith(".") and "\n" not in message

    @pytest.mark.parametrize("read", [read_photograph, read_hole])
    def test_what_is_no_file_to_read(self, tmp_path, saved, monkeypatch, read):
        self.refused(tmp_path / "gone.png", "does not exist: check its name", read)
        self.refused(tmp_path, "is a folder: give an image file in it", read)
        self.refused(saved(b"", "empty.png"), "is empty", read)
        self.refused(
            saved(b"not an image at all"), "is not an image, or of a kind that cannot be read: save it as PNG", read
        )
        self.refused(saved(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "a.eps"), "is not an image", read)
        self.refused(saved(b"x") / "b.png", r"cannot be read \(Not a directory\)", read)
        self.refused(Path("/dev/null"), "is not a regular file", read)
        path = saved(encoded(layers("rgb", np.uint8), "PNG"))

        def closed(*args, **options):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

        monkeypatch.setattr(Path, "open", closed)  # root, who runs this in a container, may read everything
        self.refused(path, r"cannot be read \(Permission denied\): make it readable", read)

    @pytest.mark.parametrize("part", [0.5, 0.9, -1])
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "PPM", "JPEG2000", "AVIF"])
    def test_8_bits_cut_off(self, saved, kind, part):
        content = encoded(np.random.default_rng(0).integers(0, 256, (64, 48, 3), np.uint8), kind)
        read_photograph(saved(content))
        cut = content[: int(part * len(content)) if part > 0 else -20]
        self.refused(saved(cut), "is damaged or cut off .*copy it again|is not an image")
        if kind != "AVIF":
            self.refused(saved(cut), "is damaged or cut off", read_hole)

    @pytest.mark.parametrize("part", [0.3, 0.9, -1])
    @pytest.mark.parametrize("kind", SHAPES)
    def test_16_bits_cut_off(self, saved, kind, part):
        shape = (64, 48, *SHAPES[kind][2:])
        array = np.random.default_rng(0).integers(0, 65536, shape, np.uint16)
        contents = [png16(array), tiff(array), tiff(array, compression="zlib")]
        if len(shape) == 3:
            contents += [tiff(array, planarconfig="separate", compression=way) for way in (None, "zlib")]
        for content in contents:
            read_photograph(saved(content))
            cut = content[: int(part * len(content)) if part > 0 else -20]
            self.refused(saved(cut), "is damaged or cut off")

    def test_damage_in_the_middle(self, saved):
        content = bytearray(encoded(layers("rgb", np.uint8), "PNG"))
        content[60] ^= 255
        self.refused(saved(bytes(content)), "is damaged or cut off")
        content = bytearray(png16(layers("rgb", np.uint16)))
        content[80] ^= 255
        self.refused(saved(bytes(content)), "is damaged or cut off")

    @pytest.mark.parametrize("read", [read_photograph, read_hole])
    @pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
    def test_several_frames(self, saved, kind, read):
        words = "has 3 frames: save the one you mean as a file of its own"
        self.refused(saved(animated(kind)), words, read)

    def test_several_pages_of_16_bits(self, saved):
        for kind in SHAPES:
            stream = io.BytesIO()
            with tifffile.TiffWriter(stream) as writer:
                for seed in range(2):
                    array = layers(kind, np.uint16, seed)
                    grey = kind.startswith("grey")
                    writer.write(
                        array, photometric="minisblack" if grey else "rgb", planarconfig="contig", metadata=None
                    )
            self.refused(saved(stream.getvalue()), "has 2 frames")

    @pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
    def test_one_frame_is_a_photograph(self, saved, kind):
        assert read_photograph(saved(animated(kind, 1))).pixels.shape[:2] == (4, 4)

    def test_a_jpeg_with_a_second_picture_inside_is_one(self, saved):
        content = animated("MPO", 2)
        with pytest.warns(UserWarning, match=r"a\.jpg: the first of its 2 pictures is read; the others are not kept"):
            read = read_photograph(saved(content, "a.jpg"))
        assert read.format == "JPEG" and read.pixels.max() <= 2

    def test_the_gain_map_of_a_phone_is_no_secret(self, saved):
        """Pillow calls such a file JPEG and not MPO."""
        content = animated("MPO", 2)
        said = b'http://ns.adobe.com/xap/1.0/\0<x xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"'
        said += b' hdrgm:Version="1.0"/>'
        content = content[:2] + b"\xff\xe1" + struct.pack(">H", len(said) + 2) + said + content[2:]
        with pytest.warns(UserWarning, match=r"its gain map, for screens of high dynamic range, is not kept"):
            assert read_photograph(saved(content, "a.jpg")).pixels.shape == (4, 4, 3)

    @pytest.mark.parametrize("read", [read_photograph, read_hole, read_size])
    @pytest.mark.parametrize(
        ("kind", "said"),
        [
            ("float16", "16-bit float"),
            ("float32", "32-bit float"),
            ("float64", "64-bit float"),
            ("int8", "8-bit signed"),
            ("int16", "16-bit signed"),
            ("int32", "32-bit signed"),
            ("uint32", "32-bit integer"),
        ],
    )
    def test_numbers_of_which_none_is_known_to_be_white(self, saved, kind, said, read):
        for shape in ((4, 4), (4, 4, 3)):
            self.refused(
                saved(tiff(np.ones(shape, kind))), f"{said} pixels, which do not say which value is white: save", read
            )

    @pytest.mark.parametrize("read", [read_photograph, read_hole, read_size])
    def test_a_tiff_file_that_lost_its_end_with_the_directory(self, saved, tmp_path, read):
        write_photograph(tmp_path / "a.tif", read_photograph(saved(tiff(layers("rgb", np.uint16)))))
        content = (tmp_path / "a.tif").read_bytes()  # with its directory at the end
        words = r"photo\.png is damaged or cut off \(its directory is missing\): copy it again"
        self.refused(saved(content[: len(content) // 2]), words, read)

    def test_a_bigtiff_file_that_no_library_reads(self, saved):
        content = tiff(layers("rgb", np.uint8), bigtiff=True, byteorder=">")
        self.refused(saved(content), "is a big-endian BigTIFF file, which cannot be read: save it as an ordinary TIFF")

    def test_12_bits(self, saved):
        content = bytearray(encoded(np.zeros((2, 2), np.uint16), "TIFF"))
        at = content.index(struct.pack("<HHIH", 258, 3, 1, 16))
        content[at + 8] = 12
        self.refused(saved(bytes(content)), "has 12-bit pixels: save 8 or 16 bits")

    @pytest.mark.parametrize("bits", [5, 10, 12, 14])
    def test_further_depths_in_colour(self, saved, bits):
        content = bytearray(tiff(layers("rgb", np.uint16)))
        at = content.index(struct.pack("<HHI", 258, 3, 3)) + 8
        (place,) = struct.unpack_from("<I", content, at)
        content[place : place + 6] = struct.pack("<3H", bits, bits, bits)
        self.refused(saved(bytes(content)), f"has {bits}-bit pixels: save 8 or 16 bits")

    @pytest.mark.parametrize(
        ("photometric", "extra", "dtype", "said"),
        [
            (8, [], np.uint16, "3 LAB channels of 16 bits"),
            (5, ["unassalpha"], np.uint8, "5 CMYK channels of 8 bits"),
            (5, ["unassalpha"], np.uint16, "5 CMYK channels of 16 bits"),
            (32803, [], np.uint16, "1 channel of 16 bits"),
        ],
    )
    @pytest.mark.parametrize("read", [read_photograph, read_size])
    def test_kinds_of_tiff_that_no_library_reads(self, saved, photometric, extra, dtype, said, read):
        channels = {8: 3, 5: 5, 32803: 1}[photometric]
        array = np.zeros((4, 6, channels), dtype)
        options = {"photometric": "separated" if photometric == 5 else "minisblack", "extrasamples": extra}
        if photometric != 5:
            options["extrasamples"] = ["unspecified"] * (channels - 1)
        content = tiff(array if channels > 1 else array[..., 0], **options)
        for tag, value in ((262, photometric),):
            at = content.index(struct.pack("<HHI", tag, 3, 1)) + 8
            content = content[:at] + struct.pack("<H", value) + content[at + 2 :]
        words = rf"photo\.png has {said}, a kind of TIFF that cannot be read: save it as RGB with 8 or 16 bits$"
        self.refused(saved(content), words, read)

    def test_rare_compression_of_two_channels(self, saved):
        content = bytearray(tiff(layers("grey+alpha", np.uint16)))
        at = content.index(struct.pack("<HHIH", 259, 3, 1, 1))
        content[at + 8 : at + 10] = struct.pack("<H", 34887)
        self.refused(saved(bytes(content)), "compressed with LERC, which cannot be read in TIFF: save it with LZW")

    @pytest.mark.parametrize("threshold", [0, 256])
    def test_the_threshold_of_a_mask(self, saved, threshold):
        path = saved(encoded(layers("grey", np.uint8), "PNG"))
        with pytest.raises(InputError, match=rf"the mask threshold is {threshold}, but it must lie between 1 and 255$"):
            read_hole(path, threshold=threshold)


class TestChecksums:
    """Of PNG files. Pillow does not compare those of the pixels."""

    @pytest.mark.parametrize("read", [read_photograph, read_hole, decode_image])
    @pytest.mark.parametrize("kind", ["grey", "rgba"])
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_no_flipped_bit_changes_pixels(self, saved, read, kind, dtype):
        content = bytearray(png16(layers(kind, dtype)) if dtype == np.uint16 else encoded(layers(kind, dtype), "PNG"))
        read(saved(bytes(content)))
        first, last = content.index(b"IDAT") - 4, content.index(b"IEND") - 4
        for place in (*range(first, first + 16), *range(first + 16, last, 37), *range(last - 8, last)):
            flipped = content.copy()
            flipped[place] ^= 1 << place % 8
            path = saved(bytes(flipped))
            # Without its first chunk of pixels it is no PNG file.
            with pytest.raises(InputError, match=r"is damaged or cut off|is not an image"):
                read(path)

    def test_of_how_the_picture_lies(self, saved):
        exif_chunk = chunk(b"eXIf", b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0")
        content = encoded(layers("rgb", np.uint8), "PNG")
        end = content.index(b"IEND") - 4
        whole = content[:end] + exif_chunk + content[end:]
        assert read_photograph(saved(whole)).pixels.shape == (7, 13, 3)
        damaged = whole.replace(b"\0\x06\0\0", b"\0\x01\0\0")
        assert damaged != whole
        with pytest.raises(InputError, match="the checksum of its 'eXIf' data is wrong"):
            read_photograph(saved(damaged))

    def test_other_data_may_be_damaged(self, saved):
        content = encoded(layers("rgb", np.uint8), "PNG")
        end = content.index(b"IEND") - 4
        private = chunk(b"prVt", b"notes")[:-1] + b"?"
        read = read_photograph(saved(content[:end] + private + content[end:]))
        assert np.array_equal(read.pixels, layers("rgb", np.uint8))


class TestSize:
    @pytest.mark.parametrize("read", [read_photograph, read_hole])
    def test_a_bomb_is_refused_by_its_header(self, saved, read):
        contents = [png(60000, 60000, depth, colour, b"") for depth, colour in ((8, 2), (16, 6), (1, 0))]
        gif = b"GIF89a" + struct.pack("<HH", 60000, 60000) + bytes([0x80, 0, 0]) + bytes(6)
        contents.append(gif + b"," + struct.pack("<HHHHB", 0, 0, 60000, 60000, 0) + b"\x02\x01\x44\0;")
        empty = tiff(np.zeros((1, 1), np.uint16))
        for tag in (256, 257):
            entry = struct.pack("<HHII", tag, 4, 1, 1)
            assert entry in empty
            empty = empty.replace(entry, struct.pack("<HHII", tag, 4, 1, 60000))
        contents.append(empty)
        for content in contents:
            start = time.perf_counter()
            with pytest.raises(InputError, match=r"has 60000 x 60000 = 3,600,000,000 pixels, and 500,000,000 are"):
                read(saved(content))
            assert time.perf_counter() - start < 1

    def test_grey_with_alpha_as_well(self, saved):
        with pytest.raises(InputError, match=r"has 7 x 13 = 91 pixels, and 90 are allowed: make it smaller"):
            read_photograph(saved(tiff(layers("grey+alpha", np.uint16))), max_pixels=90)

    def test_the_limit_is_the_one_given(self, saved):
        path = saved(encoded(layers("rgb", np.uint8), "PNG"))
        assert read_photograph(path, max_pixels=91).pixels.shape == (13, 7, 3)
        assert read_hole(path, max_pixels=91).shape == (13, 7)
        for read in (read_photograph, read_hole):
            with pytest.raises(InputError, match="91 pixels, and 90 are allowed"):
                read(path, max_pixels=90)

    @pytest.mark.parametrize("kind", ["PNG", "TIFF"])
    def test_100_megapixels_are_read_without_a_warning(self, saved, kind):
        options = {"compression": "group4"} if kind == "TIFF" else {}
        path = saved(encoded(Image.new("1", (10000, 10000), 1), kind, **options))
        assert Image.MAX_IMAGE_PIXELS < 10**8  # a warning, which is an error here
        read = read_photograph(path)
        assert read.pixels.shape == (10000, 10000) and read.pixels[::999].min() == 255

    def test_pillows_own_limit_comes_back(self, saved, monkeypatch):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
        text = PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY
        path = saved(encoded(layers("rgb", np.uint16)[..., 0], "PNG"))
        expected = layers("rgb", np.uint16)[..., 0]
        faults = []

        def work():
            for _ in range(20):
                if not same(read_photograph(path).pixels, expected):
                    faults.append("pixels")
                with pytest.raises(InputError):
                    read_photograph(path, max_pixels=1)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not faults and Image.MAX_IMAGE_PIXELS == 50 and opening._readers == 0
        assert text == (PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY)
