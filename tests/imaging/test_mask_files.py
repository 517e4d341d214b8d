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
from pconv_jax.imaging.masks import luma, resized_hole


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

    STROKE = np.array([[0, 1, 1], [0, 0, 1]], bool)

    def on(self, paper, ink):
        """The stroke in one colour on another, each with its transparency if it has four values."""
        return np.where(self.STROKE[..., None], np.uint8(ink), np.uint8(paper))

    @pytest.mark.parametrize("read", READERS)
    @pytest.mark.parametrize(
        ("paper", "ink"),
        [((0, 0, 0, 0), (255, 255, 255, 255)), ((255, 0, 0), (255, 255, 0)), ((0, 0, 0, 255), (200, 200, 200, 90))],
    )
    def test_what_crosses_the_threshold_is_the_hole_whatever_its_transparency(self, saved, read, paper, ink):
        assert read(saved(encoded(self.on(paper, ink), "PNG"))).tolist() == self.STROKE.tolist()

    @pytest.mark.parametrize("read", READERS)
    @pytest.mark.parametrize(
        ("paper", "ink", "sentence"),
        [
            ((255, 255, 255, 0), (255, 255, 255, 255), "marks something by its transparency, which is ignored in"),
            ((255, 255, 255, 255), (255, 255, 255, 0), "marks something by its transparency"),
            ((0, 0, 0, 0), (255, 0, 0, 255), "marks something by its transparency"),
            ((0, 0, 0, 0), (0, 0, 0, 255), "marks something by its transparency"),
            ((0, 0, 0, 255), (100, 100, 100, 255), "has two values, 0 and 100, both below the threshold 128: save it"),
            ((200, 200, 200), (255, 255, 255), "has two values, 200 and 255, both from the threshold 128: save it"),
            (
                (0, 0, 0),
                (1, 1, 1),
                "holds only 0 and 1, .* multiply it by 255, or give (threshold=|--mask-threshold )1$",
            ),
        ],
    )
    def test_a_mask_that_marks_something_and_no_hole_is_refused(self, saved, read, paper, ink, sentence):
        with pytest.raises(InputError, match=rf"photo\.png {sentence}"):
            read(saved(encoded(self.on(paper, ink), "PNG")))

    def test_a_palette_of_classes(self, saved):
        classes = Image.fromarray(self.STROKE.astype(np.uint8)).convert("P")
        classes.putpalette([0, 0, 0, 128, 0, 0])
        with pytest.raises(InputError, match="has two values, 0 and 38, both below the threshold 128"):
            read_hole(saved(encoded(classes, "PNG")))
        assert read_hole(saved(encoded(classes, "PNG")), threshold=38).tolist() == self.STROKE.tolist()

    def test_16_bits_of_which_only_the_lowest_is_used(self, saved):
        with pytest.raises(InputError, match="holds only 0 and 1"):
            read_hole(saved(png16(self.STROKE.astype(np.uint16))))

    @pytest.mark.parametrize("read", READERS)
    @pytest.mark.parametrize("values", [[0, 255], [0, 255, 100]])
    def test_8_bits_that_were_saved_as_16(self, saved, read, values):
        words = (
            r"has 16 bits, and its brightest value is 255 of 65535, as if it had 8: save it with 8 bits, or multiply"
        )
        with pytest.raises(InputError, match=words):
            read(saved(png16(np.array([values], np.uint16))))
        even = png16(np.full((2, 2), 255, np.uint16))
        assert not read_hole(saved(even)).any()  # a scan of nothing

    @pytest.mark.parametrize("grey", [[[0, 0, 0]], [[100, 100, 100]], [[0, 40, 90]]])
    def test_even_masks_and_maps_of_probabilities_may_have_no_hole(self, saved, grey):
        path = saved(encoded(np.array(grey, np.uint8), "PNG"))
        assert not read_hole(path).any() and read_hole(path, invert=True).all()

    def test_values_of_0_and_1_with_their_threshold(self, saved):
        path = saved(encoded(self.STROKE.astype(np.uint8), "PNG"))
        assert read_hole(path, threshold=1).tolist() == self.STROKE.tolist()

    @pytest.mark.parametrize("read", READERS)
    def test_several_frames_are_refused(self, saved, read):
        with pytest.raises(InputError, match=r"has 3 frames: save the one you mean as a file of its own$"):
            read(saved(animated("GIF")))

    @pytest.mark.parametrize("read", READERS)
    def test_a_bomb_is_refused_by_its_header(self, saved, read):
        with pytest.raises(InputError, match=r"has 60000 x 60000 = 3,600,000,000 pixels, and 500,000,000 are allowed"):
            read(saved(png(60000, 60000, 1, 0, b"")))


@pytest.mark.parametrize(
    ("before", "size", "after"),
    [
        ([[0, 0, 0, 0, 1, 0, 0, 0]], (1, 2), [[0, 1]]),
        ([[0, 0, 0, 1, 0, 0, 0, 0]], (1, 3), [[0, 1, 0]]),  # from 2.67 to 5.33
        ([[0, 1, 0], [0, 0, 0]], (4, 6), [[0, 0, 1, 1, 0, 0]] * 2 + [[0] * 6] * 2),
        ([[1, 0]], (1, 3), [[1, 1, 0]]),  # the middle one overlaps with both
        ([[0, 1]], (1, 2), [[0, 1]]),
    ],
)
def test_a_resized_hole_has_every_pixel_that_touches_it(before, size, after):
    assert resized_hole(np.array(before, bool), *size).astype(int).tolist() == after


def test_no_hole_is_lost_in_resizing():
    rng = np.random.default_rng(0)
    for _ in range(30):
        height, width, *size = rng.integers(1, 40, 4)
        hole = np.zeros((height, width), bool)
        hole[rng.integers(height), rng.integers(width)] = True
        assert resized_hole(hole, *size).any()
