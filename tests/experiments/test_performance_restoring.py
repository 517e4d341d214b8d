"""The restoring suite gives every method the same photograph. Timings are no tests."""

from typing import get_args

import cv2
import numpy as np
import pytest

from experiments.performance import restoring
from experiments.performance.options import Options, PhotographDamage


@pytest.mark.parametrize("megapixels", [0.03, 0.3])
def test_the_photograph_has_the_stated_size_and_damage(megapixels):
    image, mask = restoring.photograph(megapixels)
    assert image.dtype == np.uint8
    assert image.shape == (*mask.shape, 3)
    assert abs(mask.size / 1e6 / megapixels - 1) < 0.01
    assert set(np.unique(mask)) == {0, 1}
    assert 0.02 <= np.mean(mask == 0) < 0.15  # a small one is passed by its last stroke
    for first, second in zip((image, mask), restoring.photograph(megapixels), strict=True):
        np.testing.assert_array_equal(first, second)


def test_specks_are_as_many_and_as_small_as_stated():
    image, mask = restoring.photograph(0.6, "specks")
    assert image.shape == (*mask.shape, 3)
    count, _, stats, _ = cv2.connectedComponentsWithStats(1 - mask, connectivity=8)
    assert 90 <= count - 1 <= 100  # of 100, some touch
    assert np.median(stats[1:, cv2.CC_STAT_WIDTH]) in (2, 3, 4)


def test_hairs_are_thin_and_cover_what_is_stated():
    _, mask = restoring.photograph(0.3, "hairs")
    assert 0.003 <= np.mean(mask == 0) < 0.006
    depth = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 3)
    assert 0.9 < np.median(depth[mask == 0]) < 1.5  # px from the nearest valid pixel: of lines of 1 to 3 px
    assert len(np.unique(np.nonzero(mask == 0)[0])) > 100  # long


@pytest.mark.parametrize("damage", get_args(PhotographDamage))
@pytest.mark.parametrize("share", [0.001, 0.1])
def test_as_much_as_asked_for_is_damaged(damage, share):
    _, mask = restoring.photograph(0.2, damage, share=share)
    assert share <= np.mean(mask == 0) < share + 0.07  # passed by the last strokes


@pytest.mark.parametrize("name", restoring.METHODS)
def test_every_method_restores_it(name):
    image, mask = restoring.photograph(0.03)
    restored = np.asarray(restoring.build_method(name)(image, mask))
    assert restored.shape == image.shape
    damaged = np.where(mask[..., None] == 0, 0, image)
    scale = 255 if restored.dtype.kind == "f" else 1
    error = np.abs(restored.astype(float) * scale - image)[mask == 0].mean()
    assert error < 0.3 * np.abs(damaged.astype(float) - image)[mask == 0].mean()


def test_rows_and_ratios(monkeypatch):
    shown = []
    monkeypatch.setattr(restoring, "in_fresh_process", lambda function, *args: shown.append((function, args)) or 1.5)
    scratches, specks = restoring.run(Options(megapixels=(0.02, 0.03), repeats=2))
    for damage, table in (("scratches", scratches), ("specks", specks)):
        check(damage, None, table, shown)
    sparse, dense = restoring.run(Options(megapixels=(0.02, 0.03), damage=("hairs",), shares=(0.01, 0.1), repeats=2))
    assert "over 0.01 of the pixels" in sparse.title and "over 0.1 of the pixels" in dense.title
    for share, table in ((0.01, sparse), (0.1, dense)):
        check("hairs", share, table, shown)


def test_no_method_is_timed_with_the_start_of_its_libraries(monkeypatch):
    sides = {name: [] for name in restoring.METHODS}

    def build_method(name):
        return lambda image, mask: sides[name].append(min(mask.shape)) or image

    monkeypatch.setattr(restoring, "build_method", build_method)
    monkeypatch.setattr(restoring, "in_fresh_process", lambda *_: 1.5)
    restoring.run(Options(megapixels=(1.2,), damage=("scratches",)))
    for name, each in sides.items():
        assert each[0] <= restoring.WARM_UP < each[1]
        assert len(each) == 2 + (name == restoring.OURS)


def check(damage, share, table, shown):
    rows = [(row["megapixels"], row["method"]) for row in table.rows]
    assert rows == [(size, name) for size in (0.02, 0.03) for name in restoring.METHODS]
    assert [row["times this package"] for row in table.rows[::4]] == [1, 1]
    assert [args for _, args in shown if args[-2:] == (damage, share)] == [
        (*reversed(row), damage, share) for row in rows
    ]
    assert {function for function, _ in shown} == {restoring.peak_growth}
    assert damage in table.title
    assert "at 0.02 MP" in table.notes[0] and "at 0.03 MP" in table.notes[0]
