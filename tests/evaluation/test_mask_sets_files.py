"""One mask file of a set: threshold, colours, depth, damage."""

import numpy as np
import pytest
from mask_pictures import write
from PIL import Image

from pconv_jax.common.errors import InputError
from pconv_jax.evaluation.mask_sets import read_mask


def test_white_is_hole_from_the_threshold_on(tmp_path):
    grey = write(tmp_path / "grey.png", np.array([[0, 127, 128, 255]], np.uint8))
    assert read_mask(grey)[..., 0].tolist() == [[1, 1, 0, 0]]
    assert read_mask(grey).shape == (1, 4, 1) and read_mask(grey).dtype == np.float32
    assert read_mask(grey, threshold=127)[..., 0].tolist() == [[1, 0, 0, 0]]
    assert read_mask(grey, threshold=255)[..., 0].tolist() == [[1, 1, 1, 0]]
    assert read_mask(grey, invert=True)[..., 0].tolist() == [[0, 0, 1, 1]]


def test_colours_become_luma_and_transparency_is_ignored(tmp_path):
    # Luma: 0.299 R + 0.587 G + 0.114 B; pure green is 150, pure red 76.
    colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]
    rgb = write(tmp_path / "rgb.png", np.array([colours], np.uint8))
    assert read_mask(rgb)[..., 0].tolist() == [[1, 0, 1, 0]]
    assert read_mask(rgb, threshold=76)[..., 0].tolist() == [[0, 0, 1, 0]]
    rgba = write(tmp_path / "rgba.png", np.array([[[0, 0, 0, 0], [255, 255, 255, 0]]], np.uint8))
    assert read_mask(rgba)[..., 0].tolist() == [[1, 0]]
    palette = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    palette.putpalette([0, 0, 0, 250, 250, 250])
    palette.save(tmp_path / "palette.png", transparency=b"\x00\x00")
    assert read_mask(tmp_path / "palette.png")[..., 0].tolist() == [[1, 0]]


def test_16_bits_are_scaled_and_one_bit_is_read(tmp_path):
    # 32767 / 257 is 127.498, 32768 / 257 is 127.502: half of the range in either depth.
    deep = write(tmp_path / "deep.png", np.array([[255, 32767, 32768, 65535]], np.uint16))
    assert read_mask(deep)[..., 0].tolist() == [[1, 1, 0, 0]]
    Image.fromarray(np.array([[False, True]])).save(tmp_path / "bits.png")
    assert read_mask(tmp_path / "bits.png")[..., 0].tolist() == [[1, 0]]


def test_a_file_that_is_no_mask_is_named(tmp_path):
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(
        InputError, match=r"text\.png is not an image, or of a kind that cannot be read: save it as PNG"
    ):
        read_mask(tmp_path / "text.png")
    with pytest.raises(InputError, match=r"gone\.png does not exist: check its name$"):
        read_mask(tmp_path / "gone.png")
    Image.fromarray(np.zeros((2, 2), np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(InputError, match=r"float\.tif has 32-bit float pixels, which do not say which value is white"):
        read_mask(tmp_path / "float.tif")
    with pytest.raises(InputError, match="threshold is 0"):
        read_mask(tmp_path / "text.png", threshold=0)
