"""Image files, folders of them, and the photographs of scikit-image: what becomes of every pixel and every file."""

import io
import pickle
import struct
import subprocess
import sys
import threading
import zlib

import cv2
import numpy as np
import pytest
import skimage
import tifffile
from photograph_files import chunk, png, png16, tiff, tiff12
from PIL import Image

from pconv_jax import data
from pconv_jax.common.errors import InputError
from pconv_jax.data import samples
from pconv_jax.data.decode import decode_image
from pconv_jax.data.source import Subset, place, split_by_hash, take


def picture(height=40, width=60, seed=0):
    """A smooth random image, uint8 [H, W, 3]."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (9, 9), 0)


def encoded(image, kind, **options):
    stream = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(stream, kind, **options)
    return stream.getvalue()


def difference(a, b):
    assert a.shape == b.shape
    return np.abs(a.astype(int) - b.astype(int))


class TestDecode:
    @pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM"])
    def test_lossless_colour_comes_out_as_it_went_in(self, kind):
        image = picture()
        decoded = decode_image(encoded(image, kind))
        assert decoded.dtype == np.uint8 and np.array_equal(decoded, image)

    def test_jpeg_and_webp_are_rgb_and_not_bgr(self):
        image = np.zeros((32, 32, 3), np.uint8)
        image[..., 0], image[..., 1] = 200, 60
        for kind in ("JPEG", "WEBP"):
            assert difference(decode_image(encoded(image, kind, quality=95)), image).max() <= 6

    def test_16_bit_grey_is_scaled_and_not_clipped(self):
        grey = np.array([[0, 128, 129, 257], [300, 32768, 65406, 65535]], np.uint16)
        by_hand = [[0, 0, 1, 1], [1, 128, 254, 255]]
        png = cv2.imencode(".png", grey)[1].tobytes()
        assert Image.open(io.BytesIO(png)).mode == "I;16"
        assert np.array_equal(decode_image(png), np.repeat(np.array(by_hand)[..., None], 3, axis=-1))
        for order in "<>":
            stream = io.BytesIO()
            tifffile.imwrite(stream, grey, byteorder=order)
            assert decode_image(stream.getvalue())[..., 2].tolist() == by_hand

    def test_16_bit_colour_is_at_most_one_level_off(self):
        colour = np.random.default_rng(0).integers(0, 65536, (9, 7, 3), dtype=np.uint16)
        expected = np.rint(colour / 257)
        assert difference(decode_image(cv2.imencode(".png", colour[..., ::-1])[1].tobytes()), expected).max() <= 1
        stream = io.BytesIO()
        tifffile.imwrite(stream, colour, photometric="rgb")
        assert difference(decode_image(stream.getvalue()), expected).max() <= 1

    @pytest.mark.parametrize("kind", ["int32", "float32"])
    def test_32_bit_pixels_are_refused(self, kind):
        stream = io.BytesIO()
        tifffile.imwrite(stream, np.ones((4, 4), kind))
        with pytest.raises(InputError, match=r"^photo has 32-bit .*; save 8 or 16 bits$"):
            decode_image(stream.getvalue(), name="photo")

    def test_grey_and_two_levels_become_three_channels(self):
        grey = np.array([[0, 100, 255]], np.uint8)
        assert decode_image(encoded(grey, "PNG")).tolist() == [[[0] * 3, [100] * 3, [255] * 3]]
        assert decode_image(encoded(Image.fromarray(grey).point(lambda v: v // 255 * 255, "1"), "PNG")).tolist() == [
            [[0] * 3, [0] * 3, [255] * 3]
        ]

    def test_transparency_is_laid_over_white(self):
        palette = Image.new("P", (4, 1))
        palette.putpalette([200, 0, 0, 0, 200, 0, 0, 0, 200, 10, 20, 30])
        palette.putdata([0, 1, 2, 3])
        white, red, blue, dark = [255, 255, 255], [200, 0, 0], [0, 0, 200], [10, 20, 30]
        one = encoded(palette, "PNG", transparency=1)
        assert decode_image(one).tolist() == [[red, white, blue, dark]]
        assert decode_image(encoded(palette, "GIF", transparency=1)).tolist() == [[red, white, blue, dark]]
        each = encoded(palette, "PNG", transparency=bytes([255, 0, 255, 51]))
        assert decode_image(each)[0, :3].tolist() == [red, white, blue]
        assert difference(decode_image(each)[0, 3], np.array([206, 208, 210])).max() <= 1  # 0.2 of it over white
        rgba = np.array([[[50, 60, 70, 255], [50, 60, 70, 0]]], np.uint8)
        assert decode_image(encoded(rgba, "PNG")).tolist() == [[[50, 60, 70], white]]
        key = encoded(Image.new("L", (1, 1), 7), "PNG", transparency=7)
        assert decode_image(key).tolist() == [[white]]
        key16 = encoded(Image.fromarray(np.array([[5, 65535]], np.uint16)), "PNG", transparency=5)
        assert Image.open(io.BytesIO(key16)).info["transparency"] == 5
        assert decode_image(key16).tolist() == [[white, white]]

    def test_cmyk_jpeg_keeps_its_colours(self):
        image = picture()
        cmyk = encoded(Image.fromarray(image).convert("CMYK"), "JPEG", quality=100, subsampling=0)
        assert Image.open(io.BytesIO(cmyk)).mode == "CMYK" and b"Adobe" in cmyk[:200]
        assert difference(decode_image(cmyk), image).max() <= 3
        red = encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100)
        assert difference(decode_image(red), np.broadcast_to(np.uint8([255, 0, 0]), (8, 8, 3))).max() <= 2

    def test_every_exif_orientation_comes_out_upright(self):
        upright = picture(24, 40)
        # How the camera held the scene, for each value of the tag (EXIF 2.32, 4.6.4 A).
        stored = {
            1: upright,
            2: upright[:, ::-1],
            3: upright[::-1, ::-1],
            4: upright[::-1],
            5: upright.transpose(1, 0, 2),
            6: np.rot90(upright, 1),
            7: np.rot90(upright, 2).transpose(1, 0, 2),
            8: np.rot90(upright, -1),
        }
        for orientation, pixels in stored.items():
            exif = Image.Exif()
            exif[0x0112] = orientation
            pixels = np.ascontiguousarray(pixels)
            assert np.array_equal(decode_image(encoded(pixels, "PNG", exif=exif)), upright), orientation
            jpeg = decode_image(encoded(pixels, "JPEG", exif=exif, quality=100, subsampling=0))
            assert difference(jpeg, upright).max() <= 4

    def test_damaged_exif_does_not_cost_the_photograph(self):
        assert decode_image(encoded(picture(), "JPEG", exif=b"Exif\0\0garbage")).shape == (40, 60, 3)

    @pytest.mark.parametrize("options", [{}, {"progressive": True}])
    @pytest.mark.parametrize("kept", [0.5, 0.9, 0.999])
    def test_a_truncated_jpeg_is_refused(self, options, kept):
        whole = encoded(picture(200, 300), "JPEG", **options)
        with pytest.raises(InputError, match=r"^photo is damaged or cut off \(.*[Tt]runcated"):
            decode_image(whole[: int(len(whole) * kept)], name="photo")

    @pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "BMP", "GIF"])
    def test_half_a_file_is_refused(self, kind):
        whole = encoded(picture(), kind)
        with pytest.raises(InputError, match=r"^photo is damaged or cut off"):
            decode_image(whole[: len(whole) // 2], name="photo")

    def test_what_is_no_image_is_refused_with_the_name_of_the_file(self, tmp_path):
        path = tmp_path / "notes.png"
        path.write_text("not a picture")
        with pytest.raises(InputError, match=r"notes\.png is not an image, or of a kind that cannot be read"):
            decode_image(path)
        with pytest.raises(InputError, match=r"gone\.png does not exist"):
            decode_image(tmp_path / "gone.png")

    def test_a_decompression_bomb_is_refused_by_its_header(self):
        bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", 60000, 60000, 8, 2, 0, 0, 0)
        bomb += struct.pack(">I", zlib.crc32(bomb[12:]))
        with pytest.raises(InputError, match=r"^photo has 60000 x 60000 = 3,600,000,000 pixels, and 500,000,000 are"):
            decode_image(bomb + struct.pack(">I4sI", 0, b"IDAT", zlib.crc32(b"IDAT")), name="photo")

    def test_pillows_own_limit_does_not_count(self, monkeypatch):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
        assert decode_image(encoded(picture(), "PNG")).shape == (40, 60, 3)

    def test_16_bit_tiff_in_which_0_is_white_is_no_negative(self):
        grey = np.array([[0, 257, 32896, 65535]], np.uint16)
        assert decode_image(tiff(~grey, photometric="miniswhite"))[..., 1].tolist() == [[0, 1, 128, 255]]

    def test_12_bit_tiff_is_refused_and_not_nearly_black(self):
        with pytest.raises(InputError, match=r"^photo has 12-bit pixels; save 8 or 16 bits$"):
            decode_image(tiff12(np.full((2, 2), 4095)), name="photo")

    @pytest.mark.parametrize("compression", [None, "zlib"])
    def test_16_bit_tiff_channel_after_channel_is_what_it_shows(self, compression):
        colour = np.random.default_rng(0).integers(0, 65536, (9, 7, 3), dtype=np.uint16)
        content = tiff(colour, planarconfig="separate", compression=compression)
        assert np.array_equal(decode_image(content), np.rint(colour / 257))

    def test_16_bit_grey_tiff_with_transparency_is_laid_over_white(self):
        layers = np.array([[[257, 65535], [257, 0], [0, 32896]]], np.uint16)
        assert decode_image(tiff(layers)).tolist() == [[[1] * 3, [255] * 3, [127] * 3]]

    def test_16_bit_pnm_is_read(self):
        assert decode_image(b"P5 3 1 65535\n" + struct.pack(">3H", 0, 257, 65535))[0, :, 0].tolist() == [0, 1, 255]
        assert decode_image(b"P6 1 1 65535\n" + struct.pack(">3H", 0, 257, 65535)).tolist() == [[[0, 1, 255]]]

    def test_a_transparent_colour_of_16_bits_is_laid_over_white(self):
        colours = np.array([[[257, 2, 3], [1, 2, 3]]], np.uint16)  # the same high bytes
        content = png16(colours, chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3)))
        assert decode_image(content).tolist() == [[[1, 0, 0], [255, 255, 255]]]

    def test_a_transparent_grey_of_2_bits_is_laid_over_white(self):
        content = png(4, 1, 2, 0, b"\0\x1b", chunk(b"tRNS", struct.pack(">H", 1)))  # 0, 1, 2, 3
        assert decode_image(content)[0, :, 0].tolist() == [0, 255, 170, 255]

    def test_a_png_without_its_end_is_refused(self):
        with pytest.raises(InputError, match=r"^photo is damaged or cut off \(its end is missing\)"):
            decode_image(encoded(picture(), "PNG")[:-12], name="photo")

    def test_of_several_frames_the_first_counts(self):
        for kind in ("GIF", "PNG", "WEBP", "TIFF", "MPO"):
            first, second = Image.new("RGB", (8, 8), (0, 0, 0)), Image.new("RGB", (8, 8), (255, 255, 255))
            content = encoded(first, kind, save_all=True, append_images=[second])
            assert decode_image(content).max() <= 2, kind
        stream = io.BytesIO()
        with tifffile.TiffWriter(stream) as writer:
            for value in (257, 65535):
                pages = np.full((3, 8, 8), value, np.uint16)
                writer.write(pages, photometric="rgb", planarconfig="separate", metadata=None)
        assert decode_image(stream.getvalue()).max() == 1

    def test_a_jpeg_may_come_out_smaller_but_never_below_the_side_asked_for(self):
        image = cv2.resize(picture(20, 30), (900, 600), interpolation=cv2.INTER_CUBIC)
        jpeg, png = encoded(image, "JPEG", quality=95), encoded(image, "PNG")
        for short_side, expected in ((600, 600), (301, 600), (300, 300), (80, 150), (75, 75), (1, 75)):
            decoded = decode_image(jpeg, short_side=short_side)
            assert min(decoded.shape[:2]) == expected
            shrunk = cv2.resize(image, decoded.shape[1::-1], interpolation=cv2.INTER_AREA)
            assert difference(decoded, shrunk).mean() < 2
        assert decode_image(png, short_side=75).shape == image.shape
        exif = Image.Exif()
        exif[0x0112] = 6
        assert decode_image(encoded(image, "JPEG", exif=exif), short_side=75).shape == (113, 75, 3)


class TestFolder:
    @pytest.fixture
    def mixed(self, tmp_path):
        """The folder of the worst case: what is usable, by name, with the pixels expected of it."""
        colours = {name: picture(seed=seed) for seed, name in enumerate(("a.png", "sub/b.jpg", "sub/c d.PNG"))}
        (tmp_path / "sub").mkdir()
        for name, image in colours.items():
            kind = "JPEG" if name.endswith("jpg") else "PNG"
            (tmp_path / name).write_bytes(
                encoded(image, kind, **({"quality": 100, "subsampling": 0} if kind == "JPEG" else {}))
            )
        cv2.imwrite(str(tmp_path / "deep.png"), np.full((40, 60), 30000, np.uint16))
        colours["deep.png"] = np.full((40, 60, 3), 117, np.uint8)  # 30000 / 257 = 116.7
        Image.fromarray(picture()[..., 0]).save(tmp_path / "grey.png")
        colours["grey.png"] = np.repeat(picture()[..., :1], 3, axis=-1)
        palette = Image.new("P", (60, 40), 0)
        palette.putpalette([9, 9, 9, 40, 50, 60])
        palette.paste(1, (0, 0, 30, 40))
        palette.save(tmp_path / "palette.png", transparency=0)
        colours["palette.png"] = np.full((40, 60, 3), 255, np.uint8)
        colours["palette.png"][:, :30] = (40, 50, 60)
        Image.fromarray(picture(seed=7)).convert("CMYK").save(tmp_path / "inks.jpg", quality=100, subsampling=0)
        colours["inks.jpg"] = picture(seed=7)
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(np.ascontiguousarray(np.rot90(picture(seed=8)))).save(tmp_path / "turned.png", exif=exif)
        colours["turned.png"] = picture(seed=8)
        (tmp_path / "notes.txt").write_text("a text file")
        (tmp_path / "text.jpg").write_text("a text file that says it is a photograph")
        (tmp_path / "cut.jpg").write_bytes(encoded(picture(200, 300), "JPEG")[:-500])
        (tmp_path / ".hidden.jpg").write_text("")
        return tmp_path, colours

    def test_usable_files_are_used_rightly_and_the_others_named_once(self, mixed):
        root, colours = mixed
        with pytest.warns(UserWarning, match="cannot be used") as caught:
            sources = [data.open_source("folder", split, data_dir=root) for split in data.SPLITS]
        assert len(caught) == 1
        message = str(caught[0].message)
        assert "2 of the 10 image files" in message
        assert "cut.jpg is damaged or cut off (image file is truncated" in message
        assert "text.jpg is not an image, or of a kind that cannot be read" in message
        found = {file: source[i] for source in sources for i, file in enumerate(source.files)}
        assert found.keys() == colours.keys()
        for file, pixels in colours.items():
            tolerance = 4 if file.endswith("jpg") else 0
            assert difference(found[file], pixels).max() <= tolerance, file

    def test_splits_do_not_overlap_are_never_empty_and_have_no_seed(self, tmp_path):
        for number in range(3, 12):
            Image.new("RGB", (4, 4)).save(tmp_path / f"{number}.png")
            if number < 5:
                continue
            splits = [data.open_source("folder", split, data_dir=tmp_path).files for split in data.SPLITS]
            assert all(splits) and len(set().union(*splits)) == sum(map(len, splits)) == number - 2
            again = data.open_source("folder", "test", data_dir=tmp_path, seed=number)
            assert again.files == splits[2]

    def test_a_new_file_moves_no_other_one(self):
        names = [f"{i}.jpg" for i in range(500)]
        before = split_by_hash(names)
        after = split_by_hash([*names, "new.jpg"])
        for split in data.SPLITS:
            assert set(after[split]) - set(before[split]) <= {"new.jpg"} and set(before[split]) <= set(after[split])
        assert [len(before[split]) / 500 for split in data.SPLITS] == pytest.approx([0.8, 0.1, 0.1], abs=0.04)
        # Literals: a change of the hash would silently mix up the splits of every finished run.
        assert place("a.jpg") == pytest.approx(0.42344, abs=1e-5)
        # At 0.26, 0.63 and 0.996; the empty validation split gets its neighbour b.
        assert split_by_hash("abc") == {"train": ["a"], "validation": ["b"], "test": ["c"]}

    @pytest.mark.parametrize(
        ("folders", "expected"),
        [
            ({"train": 20, "val": 5, "test": 4}, (20, 5, 4)),
            ({"train": 20, "valid": 5, "test": 4, "elsewhere": 3}, (20, 5, 4)),
            ({"train": 20, "test": 4}, (18, 2, 4)),
            ({"train": 5, "validation": 4}, (4, 4, 1)),
        ],
    )
    def test_folders_named_as_splits_are_the_splits(self, tmp_path, folders, expected):
        for folder, count in folders.items():
            (tmp_path / folder / "deeper").mkdir(parents=True)
            for i in range(count):
                Image.new("RGB", (4, 4)).save(tmp_path / folder / "deeper" / f"{i}.png")
        sources = [data.open_source("folder", split, data_dir=tmp_path) for split in data.SPLITS]
        assert tuple(map(len, sources)) == expected
        assert all(file.startswith("test/") for file in sources[2].files if "test" in folders)
        files = [file for source in sources for file in source.files]
        assert len(files) == len(set(files))

    def test_folders_of_other_names_are_not(self, tmp_path):
        for folder in ("train", "cats", "dogs"):
            (tmp_path / folder).mkdir()
            for i in range(10):
                Image.new("RGB", (4, 4)).save(tmp_path / folder / f"{i}.png")
        assert sum(len(data.open_source("folder", split, data_dir=tmp_path)) for split in data.SPLITS) == 30

    def test_links_are_followed_once(self, tmp_path):
        inside, outside = tmp_path / "inside", tmp_path / "outside"
        for folder in (inside, outside):
            folder.mkdir()
            for i in range(2):
                Image.new("RGB", (4, 4)).save(folder / f"{i}.png")
        (inside / "more").symlink_to(outside)
        (outside / "back").symlink_to(inside)
        (inside / "nowhere.png").symlink_to(tmp_path / "gone.png")
        with pytest.warns(UserWarning, match=r"1 of the 5 .*nowhere\.png does not exist$"):
            sources = [data.open_source("folder", split, data_dir=inside) for split in data.SPLITS]
        assert sorted(file for source in sources for file in source.files) == [
            "0.png",
            "1.png",
            "more/0.png",
            "more/1.png",
        ]

    def test_a_warning_names_ten_files_and_counts_the_rest(self, tmp_path):
        for i in range(14):
            (tmp_path / f"broken{i:02}.jpg").write_text("")
        for i in range(3):
            Image.new("RGB", (4, 4)).save(tmp_path / f"{i}.png")
        with pytest.warns(UserWarning, match=r"14 of the 17 .*; broken09\.jpg is empty and 4 more$"):
            data.open_source("folder", "train", data_dir=tmp_path)

    def test_a_changed_file_is_checked_again(self, tmp_path):
        for i in range(4):
            Image.new("RGB", (4, 4)).save(tmp_path / f"{i}.png")
        data.open_source("folder", "train", data_dir=tmp_path)
        (tmp_path / "0.png").write_text("gone bad")
        with pytest.warns(UserWarning, match=r"1 of the 4 .*0\.png"):
            data.open_source("folder", "train", data_dir=tmp_path)

    def test_an_empty_a_missing_and_a_nearly_empty_folder_are_clear_errors(self, tmp_path):
        with pytest.raises(InputError, match=r"holds no images .*\.jpg"):
            data.open_source("folder", "train", data_dir=tmp_path)
        with pytest.raises(InputError, match="nowhere is not a folder"):
            data.open_source("folder", "train", data_dir=tmp_path / "nowhere")
        Image.new("RGB", (4, 4)).save(tmp_path / "1.png")
        Image.new("RGB", (4, 4)).save(tmp_path / "2.png")
        with pytest.raises(InputError, match="holds 2 usable image files"):
            data.open_source("folder", "train", data_dir=tmp_path)
        with pytest.raises(InputError, match="needs --data-dir"):
            data.open_source("folder", "train")

    def test_a_source_survives_pickling_and_says_the_same(self, tmp_path):
        for i in range(5):
            Image.fromarray(picture(seed=i)).save(tmp_path / f"{i}.jpg")
        source = data.open_source("folder", "train", data_dir=tmp_path)
        copy = pickle.loads(pickle.dumps(source))  # noqa: S301 (Grain does this to start its workers)
        assert repr(copy) == repr(source) and np.array_equal(copy[0], source[0])
        assert source.at_least(5)[0].shape == (5, 8, 3) and source[0].shape == (40, 60, 3)

    def test_real_photographs(self, shared):
        sources = [
            data.open_source("folder", split, data_dir=shared / "data/photos/train/cc0") for split in data.SPLITS
        ]
        assert sum(map(len, sources)) == 23 and all(map(len, sources))
        assert all(source[0].dtype == np.uint8 and max(source[0].shape) == 1280 for source in sources)


class TestSamples:
    def test_the_splits_share_no_photograph_and_no_scene(self):
        used = [name for names in samples.PHOTOGRAPHS.values() for name in names]
        assert len(used) == len(set(used))
        assert {"motorcycle_left.png", "motorcycle_right.png"} <= set(samples.PHOTOGRAPHS["train"])

    def test_training_images_are_whole_photographs(self):
        source = data.open_source("samples", "train")
        assert len(source) == 9 and source.name == "samples"
        assert source[0].shape == (512, 512, 3) and source[len(source) - 1].shape == (1411, 1411, 3)
        assert source[0] is source[0]  # decoded once
        assert not source[0].flags.writeable
        assert np.array_equal(source[0], skimage.data.astronaut())

    @pytest.mark.parametrize(("split", "count"), [("validation", 31), ("test", 40)])
    def test_tiles_do_not_overlap_and_show_every_photograph_first(self, split, count):
        source = data.open_source("samples", split)
        assert len(source) == count
        tiles = [source[i] for i in range(count)]
        assert {tile.shape for tile in tiles} == {(128, 128, 3)}
        names = samples.PHOTOGRAPHS[split]
        for name in names:
            whole = samples.photograph(name)
            seen = np.zeros(whole.shape[:2], int)
            for tile in tiles:
                if np.shares_memory(tile, whole):
                    offset = tile.ctypes.data - whole.ctypes.data
                    top, left = offset // whole.strides[0], offset % whole.strides[0] // 3
                    seen[top : top + 128, left : left + 128] += 1
            assert seen.max() == 1
            assert seen.sum() == whole.shape[0] // 128 * (whole.shape[1] // 128) * 128**2
        assert all(np.shares_memory(tile, samples.photograph(name)) for tile, name in zip(tiles, names, strict=False))

    def test_pickling(self):
        source = data.open_source("samples", "test")
        assert len(pickle.dumps(source)) < 5000  # names and places, no pixels
        copy = pickle.loads(pickle.dumps(source))  # noqa: S301
        assert repr(copy) == repr(source) and np.array_equal(copy[17], source[17])

    def test_a_scikit_image_without_the_photographs_is_named(self, monkeypatch):
        monkeypatch.setitem(samples.PHOTOGRAPHS, "test", ("no_such_photograph.png",))
        with pytest.raises(InputError, match=r"no_such_photograph\.png, which scikit-image"):
            data.open_source("samples", "test")


class TestChoosing:
    def test_a_limit_is_a_seeded_choice_of_training_images_that_grows(self):
        whole = data.open_source("samples", "train")
        three, five = (data.open_source("samples", "train", limit=limit, seed=1) for limit in (3, 5))
        assert len(three) == 3 and three.name == "samples"
        assert all(np.shares_memory(three[i], five[i]) for i in range(3))
        other = data.open_source("samples", "train", limit=3, seed=2)
        assert repr(other) != repr(three) and repr(three) == repr(take(whole, 3, seed=1))
        assert repr(data.open_source("samples", "train", limit=9)) == repr(whole)
        assert len(data.open_source("samples", "train", limit=100)) == 9

    def test_the_other_splits_stay_whole(self):
        assert len(data.open_source("samples", "test", limit=3)) == 40

    def test_a_subset_passes_on_smaller_images(self, tmp_path):
        for i in range(8):
            Image.fromarray(picture(seed=i)).save(tmp_path / f"{i}.jpg")
        source = Subset(data.open_source("folder", "train", data_dir=tmp_path), [2, 0])
        assert source.at_least(5)[1].shape == (5, 8, 3)

    def test_unknown_names_are_refused_with_the_known_ones(self):
        with pytest.raises(InputError, match="'imagenet' must be one of samples, folder, dtd"):
            data.open_source("imagenet", "train")
        with pytest.raises(InputError, match="'dev' must be one of train, validation, test"):
            data.open_source("samples", "dev")

    def test_misuse_is_refused(self, tmp_path):
        with pytest.raises(InputError, match="limit=0"):
            data.open_source("samples", "train", limit=0)
        with pytest.raises(InputError, match="seed=-1"):
            data.open_source("samples", "train", limit=2, seed=-1)
        with pytest.raises(InputError, match="samples takes no --data-dir"):
            data.open_source("samples", "train", data_dir=tmp_path)


def test_importing_the_package_loads_no_heavy_library():
    heavy = ["tensorflow", "tensorflow_datasets", "grain", "cv2", "PIL", "skimage", "requests", "jax", "absl", "tqdm"]
    code = f"import sys, pconv_jax.data; print(sorted(set({heavy}) & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_many_threads_decode_at_once():
    jpeg = encoded(picture(), "JPEG")
    expected, faults = decode_image(jpeg), []

    def work():
        faults.extend(i for i in range(20) if not np.array_equal(decode_image(jpeg), expected))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
