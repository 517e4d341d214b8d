"""One warning where holes are not those that weights were trained on."""

import concurrent.futures
import warnings

import numpy as np
import pytest
from inpainter_examples import SMALL, damaged, untrained

import pconv_jax
from pconv_jax.common.errors import WideHolesWarning
from pconv_jax.inpainting.inpainter import Inpainter
from pconv_jax.inpainting.known_holes import holes_as_intended


def lines_and_regions(thickness, size=(96, 120)):
    mask = np.ones(size, np.uint8)
    mask[40 : 40 + thickness, 20:100] = 0
    return mask


@pytest.mark.parametrize(
    ("masks", "words"), [("centre", "the centre of images"), ("random", "random regions"), ("blocks", "blocks")]
)
def test_lines_for_weights_of_regions_are_told_once(masks, words):
    image, _ = damaged(96, 120, spots=0)
    inpainter = Inpainter(untrained(settings={"masks": masks}), windows=SMALL)
    with pytest.warns(WideHolesWarning, match=f"about [2-9] px across, .* trained on {words}, not on lines") as told:
        inpainter(image, lines_and_regions(3))
    assert len(told) == 1 and told[0].filename == __file__


@pytest.mark.parametrize("linear", [False, True])
def test_the_warning_names_the_line_that_called(linear):
    image, _ = damaged(96, 120, spots=0)
    inpainter = Inpainter(untrained(thickest_line=4), windows=SMALL)
    hole = lines_and_regions(50) == 0
    for inpaint in (inpainter, pconv_jax.inpaint):
        with pytest.warns(WideHolesWarning) as told:
            inpaint((255 * image).astype(np.uint8), hole=hole, linear=linear)
        assert [each.filename for each in told] == [__file__]


@pytest.mark.parametrize(
    ("about", "thickness"),
    [
        ({"settings": {"masks": "centre"}}, 30),  # a region
        ({"settings": {"masks": "centre"}}, 0),
        ({"settings": {"masks": "folder"}}, 3),  # which may be any
        ({"settings": {"masks": ["centre"]}}, 3),
        ({"settings": {"masks": "lines"}, "thickest_line": 4}, 3),
        ({}, 3),
    ],
)
def test_holes_like_those_of_training_get_no_warning(about, thickness):
    image, _ = damaged(96, 120, spots=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Inpainter(untrained(**about), windows=SMALL)(image, lines_and_regions(thickness))


def test_holes_as_intended_get_none_and_other_threads_theirs():
    image, _ = damaged(96, 120, spots=0)
    inpainter = Inpainter(untrained(thickest_line=4), windows=SMALL)
    with holes_as_intended(), concurrent.futures.ThreadPoolExecutor(1) as other:
        inpainter(image, lines_and_regions(50))
        with pytest.warns(WideHolesWarning):
            other.submit(inpainter, image, lines_and_regions(50)).result()
    with pytest.warns(WideHolesWarning):
        inpainter(image, lines_and_regions(50))
