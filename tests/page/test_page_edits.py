"""What is drawn on the page, as pixels: literals by hand, and what is refused."""

import numpy as np
import pytest

from pconv_jax.common.errors import InputError
from pconv_jax.page.edits import edited, read_edits


def stroke(*points, radius=0.5, erases=False):
    return {"kind": "stroke", "erases": erases, "radius": radius, "points": [list(point) for point in points]}


def drawn(*edits, found=None, size=(7, 9), masks=()):
    hole = np.zeros(size, bool) if found is None else found
    return edited(hole, read_edits(list(edits), dict(masks)))


def test_a_line_of_one_pixel():
    hole = drawn(stroke((2.5, 3.5), (6.5, 3.5)))
    assert np.argwhere(hole).tolist() == [[3, column] for column in range(2, 7)]


def test_a_click_marks_a_disc():
    hole = drawn(stroke((4.5, 3.5), radius=2), size=(8, 9))
    rows, columns = np.nonzero(hole)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (1, 5, 2, 6)
    assert np.argwhere(drawn(stroke((4.5, 3.5)))).tolist() == [[3, 4]]


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 6, 8, 40])
@pytest.mark.parametrize("slope", [0, 0.3, 1])
def test_a_line_is_as_thick_as_its_pointer(width, slope):
    hole = drawn(stroke((20.3, 20.3), (70.3, 20.3 + 50 * slope), radius=width / 2), size=(100, 100))
    across = hole[:, 30:60].sum(0).mean() / np.hypot(1, slope)
    assert abs(across - width) < (0.6 if width < 10 else 1.5)


def test_a_thick_line_has_round_ends():
    hole = drawn(stroke((20.5, 10.5), (60.5, 10.5), radius=5), size=(30, 80))
    assert hole[10, 16] and not hole[6, 16]


def test_edits_follow_each_other():
    found = np.zeros((7, 9), bool)
    found[1] = True
    eraser = stroke((0.5, 1.5), (3.5, 1.5), erases=True)
    hole = drawn(eraser, stroke((2.5, 1.5)), found=found)
    assert np.flatnonzero(hole[1]).tolist()[-5:] == [4, 5, 6, 7, 8] and hole[1, 2] and not hole[1, 0]
    assert not drawn(eraser, {"kind": "clear"}, found=found).any()
    mask = np.zeros((7, 9), bool)
    mask[6, 8] = True
    only = drawn({"kind": "clear"}, {"kind": "mask", "mask": "m"}, found=found, masks={"m": mask})
    np.testing.assert_array_equal(only, mask)
    assert found[1].all()  # it is not drawn into what was found


def test_what_lies_outside_is_left_out():
    assert not drawn(stroke((-50, -50), (-20, -20), radius=3)).any()
    assert drawn(stroke((-50, 3.5), (500, 3.5)))[3].all()


@pytest.mark.parametrize(
    "edit",
    [
        None,
        {},
        {"kind": "stroke"},
        {"kind": "mask", "mask": "unknown"},
        {"kind": "mask", "mask": "../../etc/passwd"},
        stroke((1, 2), radius=0),
        stroke((1, 2), radius=-1),
        stroke((1, 2), radius=float("nan")),
        stroke((1, 2), radius=1e9),
        stroke((1, float("inf"))),
        stroke((1, float("nan"))),
        stroke((1e9, 0)),
        stroke(),
        stroke((1, 2, 3)),
        {**stroke((1, 2)), "points": [["a", "b"]]},
        {**stroke((1, 2)), "points": [[1, 2], [3]]},
        {**stroke((1, 2)), "erases": 1},
    ],
)
def test_what_is_no_edit(edit):
    with pytest.raises(InputError, match="is no edit: reload the page"):
        read_edits([edit], {})


def test_too_many():
    with pytest.raises(InputError, match="more than 20,000 edits"):
        read_edits([{"kind": "clear"}] * 20_001, {})
    with pytest.raises(InputError, match="more than 500,000 points"):
        read_edits([stroke(*[(1, 2)] * 250_001)] * 2, {})
