"""Edges of paint, and of damage that a mask does not quite cover."""

import cv2
import numpy as np
import pytest
from skimage import data

from pconv_jax.imaging.edges import is_tight, paint_edge


def painted(photograph, colour, *, blur, scale=1):
    """A photograph with three strokes of paint 9 px wide, and how much of each pixel is paint."""
    paint = np.zeros(photograph.shape[:2], np.float32)
    for start, end in (((20, 30), (210, 60)), ((60, 180), (150, 20)), ((10, 120), (230, 170))):
        cv2.line(paint, start, end, 1.0, 9)
    paint = cv2.GaussianBlur(paint, (0, 0), blur) if blur else paint
    share = paint[..., None] if photograph.ndim == 3 else paint
    mixed = photograph * (1 - share) + share * np.float32(colour)
    return np.rint(mixed * scale).astype(np.uint8 if scale == 1 else np.uint16), paint


@pytest.mark.parametrize("scale", [1, 257])
@pytest.mark.parametrize(("blur", "widths"), [(0, [0]), (0.5, [2, 3, 4]), (1.2, [5, 6, 7, 8])])
def test_the_edge_of_paint_is_as_wide_as_the_brush_is_soft(blur, widths, scale):
    pixels, _ = painted(data.chelsea()[:200, 60:300], (255, 0, 0), blur=blur, scale=scale)
    hole = (pixels == np.array((255, 0, 0)) * scale).all(axis=2)
    assert paint_edge(pixels, hole, (255, 0, 0)) in widths


@pytest.mark.parametrize("name", ["coins", "hubble_deep_field", "coffee", "chelsea", "immunohistochemistry"])
@pytest.mark.parametrize("tone", [0, 255])
def test_hard_paint_has_no_edge_whatever_the_photograph(name, tone):
    photograph = getattr(data, name)()[:300, :380]
    pixels, paint = painted(photograph, tone if photograph.ndim == 2 else (tone,) * 3, blur=0)
    assert paint_edge(pixels, paint == 1, (tone,) * 3) == 0


def test_where_most_of_the_photograph_looks_like_the_paint_nothing_is_measured():
    photograph = data.hubble_deep_field()
    paint = np.zeros(photograph.shape[:2], np.uint8)
    for start, end in (((50, 60), (900, 700)), ((100, 800), (850, 90)), ((40, 400), (960, 430))):
        cv2.line(paint, start, end, 1, 9)
    pixels = np.where(paint[..., None] > 0, np.uint8(0), photograph)
    assert paint_edge(pixels, paint > 0, (0, 0, 0)) == 0


def test_grey_photographs_have_edges_of_paint_too():
    pixels, _ = painted(data.camera()[200:400, 100:340], 255, blur=1.2)
    assert paint_edge(pixels, pixels == 255, (255, 255, 255)) in (5, 6, 7)


@pytest.mark.parametrize("hole", [np.zeros((60, 70), bool), np.ones((60, 70), bool)])
def test_without_paint_or_photograph_there_is_no_edge(hole):
    pixels = np.full((60, 70, 3), 90, np.uint8)
    assert paint_edge(pixels, hole, (255, 0, 0)) == 0
    assert not is_tight(pixels, hole)


def test_a_large_photograph_is_measured_in_some_places():
    rng = np.random.default_rng(0)
    pixels = rng.integers(80, 100, (2000, 2500, 3), np.uint8)
    paint = np.zeros(pixels.shape[:2], np.float32)
    paint[::100, :] = paint[1::100, :] = paint[2::100, :] = 1
    paint = cv2.GaussianBlur(paint, (0, 0), 0.6)[..., None]
    pixels = np.rint(pixels * (1 - paint) + 255 * paint).astype(np.uint8)
    hole = (pixels == 255).all(axis=2)
    hole |= paint[..., 0] > 0.9
    assert paint_edge(pixels, hole, (255, 255, 255)) == 3
    assert is_tight(pixels, hole) and not is_tight(pixels, paint[..., 0] > 0.01)


@pytest.mark.parametrize("tone", [250, 10])
def test_a_mask_as_wide_as_damage_is_half_opaque_is_tight(tone):
    photograph = data.chelsea()[:200, 60:300]
    pixels, share = painted(photograph, (tone,) * 3, blur=1.0)
    assert is_tight(pixels, share > 0.5)
    assert not is_tight(pixels, cv2.dilate((share > 0.5).astype(np.uint8), np.ones((5, 5))) > 0)
    assert not is_tight(photograph, share > 0.5)  # nothing is damaged there


def test_of_faint_damage_nothing_is_said():
    photograph = np.full((200, 240, 3), 120, np.uint8)
    pixels, share = painted(photograph, (160,) * 3, blur=1.0)
    assert not is_tight(pixels, share > 0.5)
