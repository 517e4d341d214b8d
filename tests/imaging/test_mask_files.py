"""Mask files as holes: the same for the command, the mask sets and the evaluation."""

import struct

import numpy as np
import pytest
from photograph_files import (
    animated,
    encoded,
    layers,
    png,
    png16,
    tags,
    tiff,
    tiff12,
)
from PIL import Image

from pconv_jax.common.errors import InputError
from pconv_jax.evaluation.mask_sets import read_mask
from pconv_jax.imaging import (
    read_hole,
)
from pconv_jax.imaging.masks import luma


def hole_of_mask_set(path):
    """As the mask sets and the evaluation read it."""
    return read_mask(path)[..., 0] == 0


READERS = [read_hole, hole_of_mask_set]


class TestHole:
    VALUES = np.array([[0, 127, 128, 255]], np.uint8)

    @pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF", "PPM"])
    def test_white_is_the_hole(self, saved, kind):
        holes = read_hole(saved(encoded(self.VALUES, kind)))
        assert holes.dtype == bool and holes.tolist() == [[False, False, True, True]]
        assert read_hole(saved(encoded(self.VALUES, kind)), threshold=1).tolist() == [[False, True, True, True]]
        assert read_hole(saved(encoded(self.VALUES, kind)), threshold=255).tolist() == [[False] * 3 + [True]]

    def test_16_bits_are_scaled_and_colours_become_luma(self, saved):
        deep = np.array([[0, 32767, 32896, 65535, 1000]], np.uint16)
        assert read_hole(saved(png16(deep))).tolist() == [[False, False, True, True, False]]
        colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
        expected = [[False, True, False, True]]
        assert read_hole(saved(encoded(colours, "PNG"))).tolist() == expected
        assert read_hole(saved(png16(colours.astype(np.uint16) * 257))).tolist() == expected

    def test_palettes_two_levels_and_transparency(self, saved):
        palette = Image.new("P", (2, 1))
        palette.putpalette([255, 255, 255, 0, 0, 0])
        palette.putdata([0, 1])
        assert read_hole(saved(encoded(palette, "PNG", transparency=b"\0\xff"))).tolist() == [[True, False]]
        clear = np.array([[[255, 255, 255, 0], [0, 0, 0, 0]]], np.uint8)
        assert read_hole(saved(encoded(clear, "PNG"))).tolist() == [[True, False]]
        image = Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
        assert read_hole(saved(encoded(image, "TIFF"))).tolist() == [[False, True]]

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_the_orientation_is_applied(self, saved, orientation):
        stored = np.array([[255, 0, 0], [0, 255, 255]], np.uint8)
        holes = (  # by the value of the tag, 1 = hole
            [[1, 0, 0], [0, 1, 1]],
            [[0, 0, 1], [1, 1, 0]],
            [[1, 1, 0], [0, 0, 1]],
            [[0, 1, 1], [1, 0, 0]],
            [[1, 0], [0, 1], [0, 1]],
            [[0, 1], [1, 0], [1, 0]],
            [[1, 0], [1, 0], [0, 1]],
            [[0, 1], [0, 1], [1, 0]],
        )
        tag = [(274, "H", 1, orientation, True)]
        for content in (encoded(stored, "PNG", exif=tags(orientation)), tiff(stored, extratags=tag)):
            assert read_hole(saved(content)).astype(int).tolist() == holes[orientation - 1]

    def test_inverted_masks_mark_holes_black(self, saved):
        path = saved(encoded(self.VALUES, "PNG"))
        assert read_hole(path, invert=True).tolist() == [[True, True, False, False]]
        assert read_hole(path, invert=True, threshold=127).tolist() == [[True, False, False, False]]

    def test_a_mask_set_reads_the_same(self, saved):
        for content in (encoded(layers("rgba", np.uint8), "PNG"), png16(layers("grey", np.uint16)), animated("GIF", 1)):
            path = saved(content)
            mask = read_mask(path, threshold=77)
            assert mask.dtype == np.float32
            assert np.array_equal(mask[..., 0] == 0, read_hole(path, threshold=77))
            assert np.array_equal(read_mask(content, name="a", threshold=77), mask)

    def test_luma(self):
        assert luma(Image.new("RGB", (1, 1), (0, 255, 0))).tolist() == [[150]]

    @pytest.mark.parametrize("read", READERS)
    def test_16_bit_tiff_in_which_0_is_white_is_not_inverted(self, saved, read):
        deep = np.array([[0, 32767, 32896, 65535]], np.uint16)
        assert read(saved(tiff(~deep, photometric="miniswhite"))).tolist() == [[False, False, True, True]]

    @pytest.mark.parametrize("read", READERS)
    def test_12_bit_tiff_is_refused_and_not_empty(self, saved, read):
        with pytest.raises(InputError, match=r"photo\.png has 12-bit pixels: save 8 or 16 bits$"):
            read(saved(tiff12(np.array([[0, 4095]]))))

    @pytest.mark.parametrize("read", READERS)
    def test_16_bit_tiff_channel_after_channel(self, saved, read):
        colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint16) * 257
        path = saved(tiff(colours, planarconfig="separate"))
        assert read(path).tolist() == [[False, True, False, True]]

    @pytest.mark.parametrize("read", READERS)
    def test_16_bit_grey_tiff_with_transparency(self, saved, read):
        path = saved(tiff(np.array([[[0, 65535], [65535, 0], [32767, 65535]]], np.uint16)))
        assert read(path).tolist() == [[False, True, False]]

    @pytest.mark.parametrize("read", READERS)
    def test_16_bit_pnm(self, saved, read):
        path = saved(b"P5 3 1 65535\n" + struct.pack(">3H", 255, 32767, 32896), "mask.pgm")
        assert read(path).tolist() == [[False, False, True]]

    @pytest.mark.parametrize("read", READERS)
    def test_several_frames_are_refused(self, saved, read):
        with pytest.raises(InputError, match=r"has 3 frames: save the one you mean as a file of its own$"):
            read(saved(animated("GIF")))

    @pytest.mark.parametrize("read", READERS)
    def test_a_bomb_is_refused_by_its_header(self, saved, read):
        with pytest.raises(InputError, match=r"has 60000 x 60000 = 3,600,000,000 pixels, and 500,000,000 are allowed"):
            read(saved(png(60000, 60000, 1, 0, b"")))
