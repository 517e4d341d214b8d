"""What is marked, on the canvas: a frame draws what is new, and shows the same as if all were drawn again."""

import numpy as np
import pytest
from detectors import scratched
from restoring import picture, save

pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")

# Strokes over the photograph, one of them rubbed out, one cleared; each step as a person would make it.
SCRIPT = """
(() => {
  const stroke = (erases, ...points) => ({ kind: "stroke", erases, radius: 6, points });
  const [down, across, rub, dot] = [
    stroke(false, [20, 20], [40, 90]), stroke(false, [10, 60], [150, 60]), stroke(true, [60, 40], [100, 80]),
    stroke(false, [120, 30]),
  ];
  let strokes = 0;
  const native = CanvasRenderingContext2D.prototype.stroke;
  CanvasRenderingContext2D.prototype.stroke = function () { strokes += 1; native.call(this); };
  const frame = () => { strokes = 0; view.paint(); return [strokes, view.canvas.toDataURL()]; };
  const result = [];
  const see = (name, change) => {
    change();
    const [count, seen] = frame();
    const kept = view.marks;
    view.marks = new kept.constructor();
    const [all, again] = frame();
    view.marks = kept;
    result.push([name, count, all, seen === again]);
    return seen;
  };
  const seen = [
    see("none", () => { view.cursor = null; view.live = null; view.edits = []; }),
    see("first", () => { view.edits = [down]; }),
    see("more", () => { view.edits = [down, across, rub]; }),
    see("pointer", () => { view.divider = 0.4; }),
    see("live", () => { view.live = dot; }),
    see("grows", () => { view.live = stroke(false, [120, 30], [150, 100]); }),
    see("done", () => { view.edits = [...view.edits, view.live]; view.live = null; }),
    see("undone", () => { view.edits = view.edits.slice(0, -1); }),
    see("moved", () => { view.left += 7; view.scale *= 0.8; }),
    see("cleared", () => { view.edits = [...view.edits, { kind: "clear" }]; }),
    see("after", () => { view.edits = [...view.edits, dot]; }),
    see("found", () => { view.found = null; }),
  ];
  CanvasRenderingContext2D.prototype.stroke = native;
  return { result, different: seen.map((each, at) => at === 0 || each !== seen[at - 1]) };
})()
"""


def test_a_frame_draws_what_is_new(person, scan):
    person.opens(scan)
    person.comes_to("damage found")
    person.until(lambda: person.asks_view("view.found !== null"))
    drawn = person.asks_view(SCRIPT)
    strokes = {name: (count, whole) for name, count, whole, _ in drawn["result"]}  # in this frame, and of all again
    assert strokes == {
        **{"none": (0, 0), "first": (1, 1), "more": (2, 3), "pointer": (0, 3)},
        **{"live": (1, 4), "grows": (1, 4), "done": (1, 4), "undone": (3, 3)},
        **{"moved": (3, 3), "cleared": (0, 3), "after": (1, 4), "found": (4, 4)},
    }
    assert [name for name, *_, same in drawn["result"] if not same] == []
    unchanged = {name for name, different in zip(strokes, drawn["different"], strict=True) if not different}
    assert unchanged == {"pointer", "done", "found"}  # nothing found is left to see after "clear"


def test_enlarged_marks_end_where_the_mask_ends(person, tmp_path):
    """A preview of a photograph of 4800 px shows three by three of its pixels as one, marked if any of them is."""
    damaged, _ = scratched(picture(300, 4800), rows=(101, 102), columns=(2000, 2200))
    person.opens(save(tmp_path / "long.png", damaged))
    person.comes_to("damage found")
    person.until(lambda: person.asks_view("view.found !== null"))
    person.asks_view("(view.zoom(1 / view.scale), view.move(view.canvas.clientWidth / 2 - 2100 - view.left, 0))")
    person.until(lambda: person.asks_view("view.details.found !== undefined"))
    hole = person.marked()
    rows = """[...Array(300).keys()].filter((y) => {
        const at = Math.floor(view.top + (y + 0.5) * view.scale), left = Math.floor(view.left + 2100 * view.scale);
        return view.marks.drawn(view).getContext("2d").getImageData(left, at, 1, 1).data[3] > 127;
    })"""
    assert person.asks_view(rows) == np.flatnonzero(hole[:, 2100]).tolist()
    assert person.asks_view(f"(view.details = {{}}, {rows})") != np.flatnonzero(hole[:, 2100]).tolist()  # as before
