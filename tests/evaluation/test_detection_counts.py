"""Counts of damage detectors, by hand; classical detectors; and the photographs of their benchmark."""

import numpy as np
import pytest

from pconv_jax.evaluation.detection import classical_detectors, count, opacity_of
from pconv_jax.evaluation.detection_cases import MAPS, Row, damaged, photographs, rows
from pconv_jax.masks.film_damage import Laid
from pconv_jax.masks.pieces import KINDS


class Ramps:
    """Image i is i in its blue; its red is the row, and its green the column."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        rows, columns = np.mgrid[:30, :40]
        return np.dstack([rows, columns, np.full_like(rows, index)]).astype(np.uint8)

    def label(self, index):
        return f"{index}.png"


def test_counts_by_hand():
    response = np.array([[0.9, 0.6, 0.0, 0.0, 0.4, 0.0, 0.6]])
    truth = np.array([[1, 0, 0, 1, 0, 0, 0]]) > 0
    exact = count(response, truth, [0.5, 0.95], tolerance=0)
    np.testing.assert_array_equal([exact.hit, exact.missed, exact.false], [[1, 0], [1, 2], [2, 0]])
    np.testing.assert_allclose(exact.jaccard, [1 / 4, 0])
    np.testing.assert_allclose(exact.f1, [2 / 5, 0])
    np.testing.assert_allclose(exact.recall, [1 / 2, 0])
    np.testing.assert_allclose(exact.false_alarms, [2 / 7, 0])
    # A detection may be 1 px off: that beside the first is right, and at 0.4 the second is found too.
    near = count(response, truth, [0.5, 0.4])
    np.testing.assert_array_equal([near.hit, near.missed, near.false], [[1, 2], [1, 0], [1, 1]])


def test_what_is_ignored_counts_neither_way():
    truth = np.array([[1, 1, 0, 0]]) > 0
    counts = count(np.ones((1, 4)), truth, [0.5], ignored=np.array([[0, 1, 0, 1]]) > 0, tolerance=0)
    assert (counts.hit, counts.missed, counts.false, counts.pixels) == (1, 0, 1, 2)
    none = count(np.ones((1, 4)), truth, [0.5], ignored=np.ones((1, 4), bool))
    assert (none.pixels, none.false_alarms, none.jaccard) == (0, 0, 1) and np.isnan(none.recall)


def test_opacity_by_hand():
    seen = np.array([[True, True, False]])
    laid = Laid(np.zeros((1, 3, 3), np.uint8), np.float32([[1, 0.5, 0.3]]), np.ones((1, 3), bool), seen)
    assert opacity_of(np.float32([[0.75, 0.75, 0]]), laid) == (0.75, 0.75, 0.25)  # the third cannot be seen
    nothing = laid._replace(visible=np.zeros_like(seen))
    assert np.isnan(opacity_of(np.float32([[0.75, 0.75, 0]]), nothing)).all()


def test_nothing_to_find():
    nothing = np.zeros((2, 2), bool)
    counts = count(np.array([[0.9, 0], [0, 0]]), nothing, [0.5, 0.95])
    np.testing.assert_allclose(counts.jaccard, [0, 1])
    np.testing.assert_allclose(counts.false_alarms, [1 / 4, 0])
    assert np.isnan(counts.recall).all()


@pytest.mark.parametrize("name", classical_detectors())
@pytest.mark.parametrize("level", [40, 200])
def test_classical_detectors_respond_to_lines_of_either_tone(name, level):
    image = np.full((40, 48, 3), 120, np.uint8)
    image[18:21, 6:42] = level
    response = classical_detectors()[name](image)
    assert response.shape == (40, 48) and response.dtype == np.float32
    line, far = response[18:21, 12:36], response[:6, 12:36]
    assert line.max() > 0.1 and line.max() > 4 * far.max()
    assert line.mean() > far.mean()


def test_photographs_are_their_middles_evenly_spaced():
    ((name, image),) = photographs(Ramps(1), size=20, limit=None)
    assert name == "0.png" and image.shape == (20, 20, 3) and image[0, 0].tolist() == [5, 10, 0]
    (_, whole), *rest = photographs(Ramps(10), size=64, limit=4)
    assert whole.shape == (30, 40, 3) and [image[0, 0, 2] for _, image in rest] == [2, 5, 7]
    assert len(list(photographs(Ramps(3), size=8, limit=9))) == 3
    # Twice as large as a part of half the size, and noisy; always the same.
    (_, middle), *_ = photographs(Ramps(1), size=10, limit=None)
    ((_, larger),), ((_, again),) = (photographs(Ramps(1), size=20, limit=None, enlarge=2) for _ in range(2))
    assert larger.shape == (20, 20, 3) and larger.dtype == np.uint8 and np.array_equal(larger, again)
    sizes = [
        next(photographs(Ramps(1), size=size, limit=1, enlarge=e))[1].shape[:2] for size, e in ((11, 1.5), (47, 5))
    ]
    assert sizes == [(11, 11), (47, 47)]
    assert 1 < (larger[4:-4:2, 4:-4:2].astype(float) - middle[2:-2, 2:-2]).std() < 12


def test_rows_of_every_kind():
    kinds = [row.label for row in rows(with_maps=False) if row.table == "kind"]
    assert kinds == list(KINDS)
    assert [row.label for row in rows(with_maps=True) if row.table == "kind"] == [*KINDS, MAPS]


def test_contrast_and_opacity_of_a_row():
    image = np.full((64, 80, 3), 128, np.uint8)
    faint = Row(table="contrast", label="0.20", contrast=0.2, opacity=0.5)
    laid = [damaged(image, faint, seed=(seed,)) for seed in range(6)]
    # 128 and half of 0.2 x 255 more or less, where one piece lies: the edges of two are never as opaque to the bit.
    changes = np.concatenate([np.abs(each.image[each.opacity == 0.5].astype(int) - 128).ravel() for each in laid])
    assert len(changes) > 100 and np.abs(changes - 25.5).max() <= 0.5
    again = damaged(image, faint, seed=(0,))
    np.testing.assert_array_equal(again.image, laid[0].image)
    assert (laid[0].image != laid[1].image).any()
