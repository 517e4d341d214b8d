"""Specks: which holes are taken apart, and that they become what windows make of them."""

import numpy as np
import pytest
from inpainter_examples import SMALL, damaged

from pconv_jax.inpainting import inpainter as module
from pconv_jax.inpainting import specks as specks_module
from pconv_jax.inpainting.inpainter import Inpainter
from pconv_jax.inpainting.specks import BATCH, Speck, batches, find_specks


@pytest.fixture
def few(monkeypatch):
    """One speck is enough."""
    monkeypatch.setattr(specks_module, "FEWEST", 1)
    monkeypatch.setattr(specks_module, "FEWEST_ALONE", 1)


def holes(*boxes, size=(200, 200)):
    hole = np.zeros(size, bool)
    for rows, columns in boxes:
        hole[rows, columns] = True
    return hole


@pytest.mark.usefixtures("few")
def test_isolated_holes_of_a_few_pixels_are_specks():
    hole = holes(np.s_[50:52, 60:66], np.s_[120:121, 30:31])
    found, rest = find_specks(hole)
    assert found == [Speck(50, 60, 2, 6), Speck(120, 30, 1, 1)]
    assert found[0].patch == np.s_[35:67, 47:79] and found[1].patch == np.s_[104:136, 14:46]
    assert not rest.any()
    assert hole.any()  # not changed


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    "hole",
    [
        holes(np.s_[50:52, 60:67]),  # a pixel too long
        holes(np.s_[:2, :3]),  # in a corner of the image, where a block of the patch is all hole
        holes(np.s_[198:200, 195:200]),
        holes(np.s_[10:12, 12:13], size=(26, 28)),  # all of an image that is smaller than a patch
        holes(np.s_[50:52, 60:62], np.s_[20:90, 76:78]),  # a scratch in its patch
        holes(*(np.s_[y : y + 2, x : x + 2] for y in (100, 130) for x in range(100, 184, 12))),  # 14 in a cell
    ],
)
def test_other_holes_are_left_to_windows(hole):
    found, rest = find_specks(hole)
    assert found == []
    np.testing.assert_array_equal(rest, hole)


@pytest.mark.usefixtures("few")
def test_a_scratch_beside_a_patch_does_not_matter():
    hole = holes(np.s_[50:52, 60:62], np.s_[20:190, 77:79])
    found, rest = find_specks(hole)
    assert found == [Speck(50, 60, 2, 2)]
    np.testing.assert_array_equal(rest, holes(np.s_[20:190, 77:79]))


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("y", [0, 14, 184, 196])
@pytest.mark.parametrize("x", [1, 60, 196])
@pytest.mark.parametrize("turned", [False, True])
def test_patches_may_reach_beyond_the_image(y, x, turned):
    hole = holes(np.s_[y : y + 4, x : x + 2])
    found, rest = find_specks(np.ascontiguousarray(hole.T) if turned else hole)
    assert found == [Speck(x, y, 2, 4) if turned else Speck(y, x, 4, 2)] and not rest.any()


@pytest.mark.usefixtures("few")
def test_patches_do_not_reach_into_another_region(monkeypatch):
    monkeypatch.setattr(specks_module, "_REGION", 96)
    hole = holes(np.s_[60:62, 80:82], np.s_[60:62, 40:42], np.s_[60:62, 5:7])
    found, _ = find_specks(hole)
    assert [speck.left for speck in found] == [5, 40]


@pytest.mark.parametrize("count", [3, 4, 15, 16])
@pytest.mark.parametrize("scratch", [False, True])
def test_few_specks_are_left_to_windows_too(count, scratch):
    hole = holes(*(np.s_[y : y + 2, 60:62] for y in range(30, 30 + 60 * count, 60)), size=(1100, 200))
    hole[20:1000, 180] = scratch
    assert len(find_specks(hole)[0]) == (count if count >= (16 if scratch else 4) else 0)


def test_every_speck_is_in_one_batch():
    found = [Speck(index, 0, 1, 1) for index in range(2 * BATCH + 3)]
    assert [len(batch) for batch in batches(found)] == [BATCH, BATCH, 3]
    assert [speck for batch in batches(found) for speck in batch] == found
    assert [len(batch) for batch in batches(found[:6])] == [4, 2]


@pytest.mark.parametrize(("channels", "dtype"), [(3, np.uint8), (1, np.uint16)])
def test_specks_become_what_windows_make_of_them(monkeypatch, channels, dtype):
    image, _ = damaged(420, 430, channels=channels, dtype=dtype, spots=0)
    hole = np.zeros((420, 430), bool)
    rng = np.random.default_rng(1)
    for y in range(30, 390, 40):
        for x in range(30, 390, 40):
            hole[y + rng.integers(8) :, x:][: rng.integers(1, 7), : rng.integers(1, 7)] = True
    hole[400:404, 100:300] = True  # and a scratch
    inpainter = Inpainter.from_pretrained(windows=SMALL)
    found, rest = find_specks(hole)
    assert len(found) >= 64 and rest[400:404, 100:300].all()
    calls = []
    result = inpainter(image, hole=hole, progress=lambda *numbers: calls.append(numbers))
    assert calls[-1][0] == calls[-1][1] == len(calls)
    np.testing.assert_array_equal(result[~hole], image[~hole])
    monkeypatch.setattr(module, "find_specks", lambda hole: ([], hole))
    windows = inpainter(image, hole=hole)
    difference = np.abs(result.astype(float) - windows) / np.iinfo(dtype).max * 255
    assert difference.max() < 8 and difference[hole].mean() < 0.8
    assert (result[hole] != image[hole]).mean() > 0.5


@pytest.mark.parametrize("best", [False, True])
def test_specks_at_the_border_become_what_windows_make_of_them(monkeypatch, best):
    """The patches' own size of windows knows as little of what lies beyond the image."""
    image, _ = damaged(150, 180, spots=0)
    hole = np.zeros((150, 180), bool)
    for y, x in ((0, 60), (3, 110), (144, 70), (147, 120), (60, 0), (90, 2), (70, 174), (3, 4), (141, 173)):
        hole[y : y + 5, x : x + 6] = True
    assert len(find_specks(hole)[0]) == 9
    inpainter = Inpainter.from_pretrained(windows=SMALL, best=best)
    result = inpainter(image, hole=hole)
    np.testing.assert_array_equal(result[~hole], image[~hole])
    monkeypatch.setattr(module, "find_specks", lambda hole: ([], hole))
    difference = np.abs(result.astype(float) - inpainter(image, hole=hole))[hole]
    assert difference.max() < 8 and difference.mean() < 1.2  # of noise of 5, seen from one side


@pytest.mark.usefixtures("few")
def test_specks_are_averaged_over_symmetries_too(monkeypatch):
    image, _ = damaged(120, 130, spots=0)
    hole = holes(np.s_[50:54, 60:65], size=(120, 130))
    plain, best = (Inpainter.from_pretrained(windows=SMALL, best=best)(image, hole=hole) for best in (False, True))
    monkeypatch.setattr(module, "find_specks", lambda hole: ([], hole))
    windows = Inpainter.from_pretrained(windows=SMALL, best=True)(image, hole=hole)
    assert np.abs(best.astype(int) - windows).max() <= 2
    assert (best != plain).any()


def test_transparent_images_have_windows_alone(model, monkeypatch):
    monkeypatch.setattr(module, "find_specks", lambda hole: pytest.fail("looked for specks"))
    image, mask = damaged(100, 120, channels=4)
    Inpainter(model, windows=SMALL)(image, mask)
