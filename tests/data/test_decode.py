"""Image files to training images: what becomes of every pixel."""

import io
import struct
import threading

import cv2
import numpy as np
import pytest
import tifffile
from photograph_files import chunk, difference, encoded, picture, png, png16, tiff, tiff12
from PIL import Image

from pconv_jax.common.errors import InputError
from pconv_jax.data.decode import decode_image


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM"])
def test_lossless_colour_comes_out_as_it_went_in(kind):
    image = picture()
    decoded = decode_image(encoded(image, kind))
    assert decoded.dtype == np.uint8 and np.array_equal(decoded, image)


def test_jpeg_and_webp_are_rgb_and_not_bgr():
    image = np.zeros((32, 32, 3), np.uint8)
    image[..., 0], image[..., 1] = 200, 60
    for kind in ("JPEG", "WEBP"):
        assert difference(decode_image(encoded(image, kind, quality=95)), image).max() <= 6


def test_16_bit_grey_is_scaled_and_not_clipped():
    grey = np.array([[0, 128, 129, 257], [300, 32768, 65406, 65535]], np.uint16)
    by_hand = [[0, 0, 1, 1], [1, 128, 254, 255]]
    png = cv2.imencode(".png", grey)[1].tobytes()
    assert Image.open(io.BytesIO(png)).mode == "I;16"
    assert np.array_equal(decode_image(png), np.repeat(np.array(by_hand)[..., None], 3, axis=-1))
    for order in "<>":
        stream = io.BytesIO()
        tifffile.imwrite(stream, grey, byteorder=order)
        assert decode_image(stream.getvalue())[..., 2].tolist() == by_hand


def test_16_bit_colour_is_at_most_one_level_off():
    colour = np.random.default_rng(0).integers(0, 65536, (9, 7, 3), dtype=np.uint16)
    expected = np.rint(colour / 257)
    assert difference(decode_image(cv2.imencode(".png", colour[..., ::-1])[1].tobytes()), expected).max() <= 1
    stream = io.BytesIO()
    tifffile.imwrite(stream, colour, photometric="rgb")
    assert difference(decode_image(stream.getvalue()), expected).max() <= 1


@pytest.mark.parametrize("kind", ["int32", "float32"])
def test_32_bit_pixels_are_refused(kind):
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.ones((4, 4), kind))
    with pytest.raises(InputError, match=r"^photo has 32-bit .*: save 8 or 16 bits$"):
        decode_image(stream.getvalue(), name="photo")


def test_grey_and_two_levels_become_three_channels():
    grey = np.array([[0, 100, 255]], np.uint8)
    assert decode_image(encoded(grey, "PNG")).tolist() == [[[0] * 3, [100] * 3, [255] * 3]]
    assert decode_image(encoded(Image.fromarray(grey).point(lambda v: v // 255 * 255, "1"), "PNG")).tolist() == [
        [[0] * 3, [0] * 3, [255] * 3]
    ]


def test_transparency_is_laid_over_white():
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


def test_cmyk_jpeg_keeps_its_colours():
    image = picture()
    cmyk = encoded(Image.fromarray(image).convert("CMYK"), "JPEG", quality=100, subsampling=0)
    assert Image.open(io.BytesIO(cmyk)).mode == "CMYK" and b"Adobe" in cmyk[:200]
    assert difference(decode_image(cmyk), image).max() <= 3
    red = encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100)
    assert difference(decode_image(red), np.broadcast_to(np.uint8([255, 0, 0]), (8, 8, 3))).max() <= 2


def test_every_exif_orientation_comes_out_upright():
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


def test_damaged_exif_does_not_cost_the_photograph():
    assert decode_image(encoded(picture(), "JPEG", exif=b"Exif\0\0garbage")).shape == (40, 60, 3)


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
@pytest.mark.parametrize("kept", [0.5, 0.9, 0.999])
def test_a_truncated_jpeg_is_refused(options, kept):
    whole = encoded(picture(200, 300), "JPEG", **options)
    with pytest.raises(InputError, match=r"^photo is damaged or cut off \(.*[Tt]runcated"):
        decode_image(whole[: int(len(whole) * kept)], name="photo")


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_half_a_file_is_refused(kind):
    whole = encoded(picture(), kind)
    with pytest.raises(InputError, match=r"^photo is damaged or cut off"):
        decode_image(whole[: len(whole) // 2], name="photo")


def test_what_is_no_image_is_refused_with_the_name_of_the_file(tmp_path):
    path = tmp_path / "notes.png"
    path.write_text("not a picture")
    with pytest.raises(InputError, match=r"notes\.png is not an image, or of a kind that cannot be read"):
        decode_image(path)
    with pytest.raises(InputError, match=r"gone\.png does not exist"):
        decode_image(tmp_path / "gone.png")


def test_a_decompression_bomb_is_refused_by_its_header():
    with pytest.raises(InputError, match=r"^photo has 60000 x 60000 = 3,600,000,000 pixels, and 500,000,000 are"):
        decode_image(png(60000, 60000, 8, 2, b""), name="photo")


def test_pillows_own_limit_does_not_count(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert decode_image(encoded(picture(), "PNG")).shape == (40, 60, 3)


def test_16_bit_tiff_in_which_0_is_white_is_no_negative():
    grey = np.array([[0, 257, 32896, 65535]], np.uint16)
    assert decode_image(tiff(~grey, photometric="miniswhite"))[..., 1].tolist() == [[0, 1, 128, 255]]


def test_12_bit_tiff_is_refused_and_not_nearly_black():
    with pytest.raises(InputError, match=r"^photo has 12-bit pixels: save 8 or 16 bits$"):
        decode_image(tiff12(np.full((2, 2), 4095)), name="photo")


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_16_bit_tiff_channel_after_channel_is_what_it_shows(compression):
    colour = np.random.default_rng(0).integers(0, 65536, (9, 7, 3), dtype=np.uint16)
    content = tiff(colour, planarconfig="separate", compression=compression)
    assert np.array_equal(decode_image(content), np.rint(colour / 257))


def test_16_bit_grey_tiff_with_transparency_is_laid_over_white():
    layers = np.array([[[257, 65535], [257, 0], [0, 32896]]], np.uint16)
    assert decode_image(tiff(layers)).tolist() == [[[1] * 3, [255] * 3, [127] * 3]]


def test_16_bit_pnm_is_read():
    assert decode_image(b"P5 3 1 65535\n" + struct.pack(">3H", 0, 257, 65535))[0, :, 0].tolist() == [0, 1, 255]
    assert decode_image(b"P6 1 1 65535\n" + struct.pack(">3H", 0, 257, 65535)).tolist() == [[[0, 1, 255]]]


def test_a_transparent_colour_of_16_bits_is_laid_over_white():
    colours = np.array([[[257, 2, 3], [1, 2, 3]]], np.uint16)  # the same high bytes
    content = png16(colours, chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3)))
    assert decode_image(content).tolist() == [[[1, 0, 0], [255, 255, 255]]]


def test_a_transparent_grey_of_2_bits_is_laid_over_white():
    content = png(4, 1, 2, 0, b"\0\x1b", chunk(b"tRNS", struct.pack(">H", 1)))  # 0, 1, 2, 3
    assert decode_image(content)[0, :, 0].tolist() == [0, 255, 170, 255]


def test_a_png_without_its_end_is_refused():
    with pytest.raises(InputError, match=r"^photo is damaged or cut off \(its end is missing\)"):
        decode_image(encoded(picture(), "PNG")[:-12], name="photo")


def test_of_several_frames_the_first_counts():
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


def test_a_jpeg_may_come_out_smaller_but_never_below_the_side_asked_for():
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
