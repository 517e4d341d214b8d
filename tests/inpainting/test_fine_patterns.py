"""Fine patterns: recognised, tried on copies of the holes, and continued by waves where that is better."""

import numpy as np
import pytest
import skimage.data
from inpainter_examples import untrained

import pconv_jax
from pconv_jax.inpainting import window_pass
from pconv_jax.inpainting.fine_patterns import _seems_to_repeat, by_frequencies, continues_better
from pconv_jax.inpainting.inpainter import Inpainter

ALL = np.s_[:, :]


def screen(height=160, width=200, *, period=6.0, colour=False):
    """Dots of a printed screen, in 8 bits, whose size changes slowly."""
    rows, columns = np.mgrid[:height, :width]
    tone = 0.3 + 0.4 * columns / width
    layers = []
    for angle in (0.3, 0.9, 1.4) if colour else (0.6,):
        down, across = rows * np.cos(angle) + columns * np.sin(angle), columns * np.cos(angle) - rows * np.sin(angle)
        waves = np.cos(2 * np.pi * down / period) + np.cos(2 * np.pi * across / period)
        layers.append(1 / (1 + np.exp(6 * (waves / 4 + 0.5 - tone))))
    return np.rint(255 * np.dstack(layers * (1 if colour else 3))).astype(np.uint8)


def lines(height=160, width=200):
    hole = np.zeros((height, width), bool)
    hole[70:74, 20:180] = True
    hole[30:130, 100:103] = True
    return hole


def decibels(result, truth, hole):
    return -10 * np.log10(np.mean(((result.astype(float) - truth)[hole] / 255) ** 2))


@pytest.fixture
def by_network_alone(monkeypatch):
    def inpaint(inpainter, image, hole):
        with monkeypatch.context() as patched:
            patched.setattr(window_pass, "continues_better", lambda *_, **__: False)
            return inpainter(image, hole=hole)

    return inpaint


def test_screens_repeat_and_photographs_do_not():
    def repeats(pixels, valid=None):
        valid = np.ones(pixels.shape, bool) if valid is None else valid
        return _seems_to_repeat(pixels.astype(np.float32) / 255, valid, valid)

    for period in (4.3, 6.0, 11.0, 23.0):
        assert repeats(screen(period=period)[..., 1])
    for photograph in (skimage.data.astronaut(), skimage.data.coffee(), skimage.data.chelsea()):
        for top in (0, 100):
            assert not repeats(photograph[top : top + 160, 100:300, 1])
    assert not repeats(np.full((60, 60), 90))
    assert not repeats(screen()[..., 1], np.zeros((160, 200), bool))
    hidden = np.ones((160, 200), bool)
    hidden[:, 60:] = False
    beside = np.where(hidden, skimage.data.coffee()[100:260, 100:300, 1], screen()[..., 1])
    assert not repeats(beside, hidden)  # what is not known does not count


@pytest.mark.parametrize("colour", [False, True])
def test_waves_continue_a_screen(colour):
    truth, hole = screen(colour=colour), lines()
    shown = np.where(hole[..., None], 0, truth)
    pixels = np.nonzero(hole)
    found = by_frequencies(shown.astype(np.float32) / 255, ~hole, pixels)
    assert found.shape == (len(pixels[0]), 3) and found.dtype == np.float32
    error = np.abs(255 * found - truth[hole])
    assert error.mean() < 12  # of dots from 0 to 255
    some = tuple(places[::7] for places in pixels)
    few = by_frequencies(shown.astype(np.float32) / 255, ~hole, some)
    assert np.abs(255 * few - truth[some]).mean() < 12


def test_copies_of_the_holes_decide():
    truth, hole = screen().astype(np.float32) / 255, lines()
    asked = []

    def network(error):
        def output(valid, places):
            assert not valid[places].any() and not valid[hole].any()
            asked.append(places)
            return truth[places] + np.float32(error)

        return output

    assert continues_better(truth, ~hole, hole, network(0.4), within=ALL)
    assert len(asked) == 4 and all(len(rows) == 200 for rows, _ in asked)
    asked.clear()
    within = np.s_[40:120, 30:170]
    assert continues_better(truth, ~hole, hole, network(0.4), within=within)
    for rows, columns in asked:
        assert rows.min() >= 40 and rows.max() < 120 and columns.min() >= 30 and columns.max() < 170
    asked.clear()
    assert not continues_better(truth, ~hole, hole, network(0), within=ALL)
    assert len(asked) == 1  # waves are given up at once
    faint = (0.5 + 0.1 * (truth - 0.5)).astype(np.float32)
    for error, better in ((0.02, False), (0.05, True)):  # up to 0.03 the network is good enough
        found = continues_better(faint, ~hole, hole, lambda _, at, e=error: faint[at] + np.float32(e), within=ALL)
        assert found == better
    few = np.zeros_like(hole)
    few[70:73, 50:60] = True  # 30 pixels
    assert not continues_better(truth, ~few, few, lambda *_: 1 / 0, within=ALL)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("colour", [False, True])
def test_dots_go_on_in_holes(by_network_alone, dtype, colour):
    truth, hole = screen(colour=colour), lines()
    scale = np.iinfo(dtype).max // 255
    inpainter = Inpainter.from_pretrained()
    image = truth.astype(dtype) * scale
    result = inpainter(image, hole=hole)
    np.testing.assert_array_equal(result[~hole], image[~hole])
    alone = by_network_alone(inpainter, image, hole)
    assert decibels(result / scale, truth, hole) > decibels(alone / scale, truth, hole) + 3


def test_photographs_and_floating_point_are_the_networks_alone(by_network_alone):
    photograph, hole = skimage.data.coffee()[100:260, 100:300], lines()
    inpainter = Inpainter.from_pretrained()
    np.testing.assert_array_equal(inpainter(photograph, hole=hole), by_network_alone(inpainter, photograph, hole))
    floating = screen().astype(np.float32) / 255
    np.testing.assert_array_equal(inpainter(floating, hole=hole), by_network_alone(inpainter, floating, hole))


def test_transparency_goes_on_beside_it(by_network_alone):
    alpha = np.rint(np.linspace(100, 255, 200)).astype(np.uint8)
    image, hole = np.dstack([screen(), np.tile(alpha, (160, 1))]), lines()
    inpainter = Inpainter(untrained())
    result, alone = inpainter(image, hole=hole), by_network_alone(inpainter, image, hole)
    assert (result[..., :3] != alone[..., :3]).any()
    np.testing.assert_array_equal(result[..., 3], alone[..., 3])


def test_the_public_function_does_so_too():
    truth, hole = screen(), lines()
    assert decibels(pconv_jax.inpaint(truth, hole=hole), truth, hole) > 15
