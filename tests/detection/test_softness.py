"""Soft images, such as scans of prints at a high resolution: recognised, and looked at made smaller as well."""

import cv2
import numpy as np
import pytest
from detectors import pale_detector
from skimage import data

import pconv_jax
from pconv_jax import Choice, Detector
from pconv_jax.detection.looks import less_sure, surer
from pconv_jax.detection.seen import Halved, Whole
from pconv_jax.detection.softness import softness


def seen(image):
    return Whole(image, linear=False)


def larger(image, times):
    return np.ascontiguousarray(cv2.resize(image, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC))


PHOTOGRAPHS = {
    "chelsea": lambda: data.chelsea(),
    "coffee": lambda: data.coffee(),
    "rocket": lambda: data.rocket(),
    "camera": lambda: np.repeat(data.camera()[..., None], 3, axis=2),
}


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_photographs_are_soft_once_they_are_enlarged(name):
    image = PHOTOGRAPHS[name]()[:300, :320]
    assert not softness(seen(image))
    assert softness(seen(larger(image, 4))) == 1
    assert softness(seen(larger(image, 8))) == 1


@pytest.mark.parametrize("name", ["chelsea", "coffee"])
def test_a_soft_image_is_sharp_once_it_is_small_enough(name):
    image = PHOTOGRAPHS[name]()[:300, :320]
    four = larger(image, 4)
    assert not softness(seen(larger(image, 2)))
    assert not softness(Halved(seen(four)))
    assert softness(Halved(seen(larger(image, 8)))) == 1
    noise = np.random.default_rng(0).normal(0, 3, four.shape)
    assert softness(seen(np.clip(four + noise, 0, 255).astype(np.uint8))) == 1


@pytest.mark.parametrize("shape", [(1, 1), (63, 900), (64, 64), (70, 800), (769, 1000)])
def test_images_of_one_tone_and_of_any_size_are_not_soft(shape):
    assert not softness(seen(np.full((*shape, 3), 90, np.uint8)))
    assert not softness(seen(np.random.default_rng(0).integers(0, 255, (*shape, 3), np.uint8)))


def test_the_surer_look_counts_by_hand():
    output = np.float32([[[0.2, 0.7], [0.9, 0.7], [0, 0]]] * 2)
    smaller = np.float32([[np.log(3), 0]])  # probabilities of 0.75 and 0.5
    np.testing.assert_allclose(surer(output, smaller), [[[0.75, 0.7], [0.9, 0.7]]], rtol=1e-6)


def test_the_look_at_half_the_size_counts_as_much_as_the_image_is_soft():
    smaller = np.float32([[2.0, -1.0]])
    np.testing.assert_array_equal(less_sure(smaller, 1.0), smaller)
    np.testing.assert_allclose(less_sure(smaller, 1 / np.e), smaller - 3, rtol=1e-6)


def test_softness_changes_little_from_frame_to_frame():
    image = data.chelsea()[60:260, 100:340]
    soft = [softness(seen(larger(image, times))) for times in np.linspace(2.3, 2.9, 7)]
    assert soft[0] < 0.2 and soft[-1] > 0.9 and sum(0.2 < each < 0.8 for each in soft) >= 2
    assert np.abs(np.diff(soft)).max() < 0.4


@pytest.mark.parametrize("best", [False, True])
@pytest.mark.parametrize(("times", "looks"), [(2, 0), (4, 1), (8, 2)])
def test_soft_images_are_looked_at_until_they_are_sharp(best, times, looks):
    image = larger(data.coffee()[:160, :160], times)
    detector, shapes, steps = Detector(pale_detector(), best=best), [], []
    look = detector._look_at_half
    detector._look_at_half = lambda half, *rest: shapes.append(half.shape) or look(half, *rest)
    detector(image, progress=lambda *done: steps.append(done))
    side = 160 * times
    halves = max(looks, 1 if best else 0)
    assert shapes == [(side // 2**n, side // 2**n) for n in range(halves, 0, -1)]
    assert steps == [(number, len(steps)) for number in range(1, len(steps) + 1)]


def test_soft_damage_of_a_soft_scan_is_found():
    image = data.chelsea()[:200, 60:300].copy()
    damage = np.zeros(image.shape[:2], np.uint8)
    for start, end in (((20, 30), (210, 60)), ((60, 180), (150, 20)), ((10, 120), (230, 170))):
        cv2.line(damage, start, end, 255, 2, cv2.LINE_AA)
    image[damage > 0] = image[damage > 0] * (1 - damage[damage > 0, None] / 255) + damage[damage > 0, None] * 0.97
    scan, line = larger(image, 4), larger(damage, 4) > 128
    found = pconv_jax.detect(scan).hole(Choice(dilate=0))
    assert (found & line).sum() > 0.6 * line.sum()
    assert (found & ~cv2.dilate(line.astype(np.uint8), np.ones((17, 17))).astype(bool)).mean() < 0.01


@pytest.mark.parametrize("level", [0, 1])
def test_the_less_surely_an_image_is_soft_the_less_its_half_counts(monkeypatch, level):
    """The looks at half the size and at a quarter find damage everywhere, that at the full size none."""
    odds = {}
    for sure in (1.0, 0.5):
        softnesses = iter([[sure, 0.0], [1.0, sure, 0.0]][level])
        monkeypatch.setattr("pconv_jax.detection.detector.softness", lambda _, each=softnesses: next(each))
        detector = Detector(pale_detector())
        looked = iter([[2.0], [2.0, -5.0]][level])  # the smallest first
        detector._look_at_half = lambda half, *_, each=looked: np.full(half.shape, next(each), np.float32)
        found = detector(np.zeros((96, 96, 3), np.uint8)).probability[40, 40]
        odds[sure] = np.log(found / (1 - found))
    np.testing.assert_allclose([odds[1.0], odds[0.5]], [2, 2 + 3 * np.log(0.5)], atol=1e-3)
