"""What is marked after many edits: drawn once, and the same as if all were drawn anew."""

import numpy as np
import pytest

from pconv_jax.page.drawn import Drawn
from pconv_jax.page.edits import Stroke

# Dots of one pixel, the n-th in column n.
DOTS = [{"kind": "stroke", "erases": False, "radius": 0.5, "points": [[column + 0.5, 0.5]]} for column in range(100)]


def columns(hole):
    return np.flatnonzero(hole[0]).tolist()


@pytest.fixture
def drawing(monkeypatch):
    """How many strokes were drawn."""
    drawn, draw = [], Stroke.draw
    monkeypatch.setattr(Stroke, "draw", lambda stroke, hole: (drawn.append(1), draw(stroke, hole)))
    return drawn


def test_each_edit_is_drawn_once_and_the_latest_ones_anew(drawing):
    holes, found = Drawn(), np.zeros((1, 100), bool)
    assert columns(holes.hole("a", found, DOTS[:41], {})) == list(range(41))
    assert (holes.kept, len(drawing)) == (21, 41)
    for count, kept, drawn in ((42, 21, 21), (40, 21, 19), (62, 42, 21 + 20), (41, 21, 41)):  # 40: two are undone
        drawing.clear()
        assert columns(holes.hole("a", found, DOTS[:count], {})) == list(range(count))
        assert (holes.kept, len(drawing)) == (kept, drawn), count
    assert not found.any()


def test_what_was_drawn_for_something_else_is_not_used(drawing):
    holes, found = Drawn(), np.zeros((1, 100), bool)
    holes.hole("a", found, DOTS[:50], {})
    other = [*DOTS[:10], DOTS[60], *DOTS[11:50]]
    assert columns(holes.hole("a", found, other, {})) == [*range(10), *range(11, 50), 60]
    found[0, 99] = True
    assert columns(holes.hole("b", found, DOTS[:50], {})) == [*range(50), 99]
    found[0, 99] = False
    holes.forget()
    assert columns(holes.hole("b", found, DOTS[:50], {})) == list(range(50))
