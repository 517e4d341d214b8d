"""What the page shows is what is marked and restored: after switches, late answers, and at any zoom."""

import threading

import numpy as np
import pytest
from detectors import scratched
from restoring import picture, save

pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")

from person import LINE

# How many pixels of the picture of what was found are marked.
FOUND = """(() => {
    const canvas = new OffscreenCanvas(view.found.width, view.found.height), context = canvas.getContext("2d");
    context.drawImage(view.found, 0, 0);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    return data.filter((each, at) => at % 4 === 3 && each).length;
})()"""


def test_after_the_linear_switch_the_new_search_is_shown(person, tmp_path):
    pixels, _ = scratched(picture(120, 160, dtype=np.uint16), rows=(50, 53), columns=(30, 110))
    person.opens(save(tmp_path / "raw.tif", pixels // 3 * 2))
    person.comes_to("nothing found")
    person.until(lambda: person.asks_view("view.found !== null"))
    assert person.asks_view(FOUND) == 0
    person.click("#linear")
    person.comes_to("damage found")
    person.until(lambda: person.asks_view(FOUND) == person.marked().sum() > 0)


def test_a_late_answer_takes_no_stroke_back(person, scan):
    person.opens(scan)
    person.comes_to("damage found")
    person.browser.execute_script(
        "window.asked = fetch; window.fetch = async (...given) => {"
        "  const answer = await asked(...given);"
        "  if (String(given[0]).includes('/api/state')) await new Promise((done) => setTimeout(done, 700));"
        "  return answer; }"
    )
    for row in (10, 30, 70, 90):
        person.drags((20, row), (60, row))
    person.edited(4)
    person.until(lambda: person.asks_view("view.edits.length") == 4)
    assert len(person.page.desk.photograph("1").edits) == 4


def test_changes_that_wait_are_sent_at_once(person, scan):
    person.opens(scan)
    person.comes_to("damage found")
    person.browser.execute_script(
        "window.puts = 0; window.asked = fetch; window.fetch = async (...given) => {"
        "  if (given[1]?.method === 'PUT') { puts += 1; await new Promise((done) => setTimeout(done, 300)); }"
        "  return asked(...given); }"
    )
    script = """
        const done = arguments[arguments.length - 1];
        import("/static/changes.js").then(async ({ add, sent }) => {
            for (let row = 0; row < 12; row += 1)
                add({ kind: "stroke", erases: false, radius: 2, points: [[10, 8 * row], [40, 8 * row]] });
            await sent();
            done(puts);
        });
    """
    assert person.browser.execute_async_script(script) <= 2
    assert len(person.page.desk.photograph("1").edits) == 12


def test_a_restored_photograph_whose_choices_changed_is_not_closed_without_asking(person, scan):
    person.opens(scan)
    person.comes_to("damage found")
    person.click("#restore")
    person.comes_to("restored")
    person.browser.execute_script(
        "const each = document.getElementById('sensitivity'); each.value = 0.6; each.dispatchEvent(new Event('input'))"
    )
    person.comes_to("damage found")
    person.click("#list button:not(.pick)")
    person.until(lambda: "is not saved" in person.see("body").text)
    assert person.states == ["damage found"]


def test_a_thumbnail_is_not_dragged_as_a_photograph(person, scan):
    person.opens(scan)
    person.comes_to("damage found")
    assert person.see("#list img").get_attribute("draggable") == "false"


def test_thin_lines_are_seen_when_all_of_the_photograph_is(person, tmp_path):
    person.opens(save(tmp_path / "wide.png", picture(400, 1500, seed=3)))
    person.until(lambda: person.states in (["nothing found"], ["damage found"]))
    mask = np.zeros((400, 1500), np.uint8)
    mask[:, 15::61] = 255  # 25 lines of a pixel
    person.click("#clear")
    person.see("#load-mask").send_keys(str(save(tmp_path / "mask.png", mask)))
    person.edited(2)
    with person.in_window(900, 700):
        person.click("#fit")
        seen = person.asks_view(
            "(() => { view.paint(); const layer = view.marks.drawn(view), { width, height } = layer;"
            " const row = layer.getContext('2d').getImageData(0, Math.round(height / 2), width, 1).data;"
            " return [...row].filter((each, at) => at % 4 === 3).map((each) => each > 60); })()"
        )
    begins = sum(now and not before for before, now in zip([False, *seen], seen, strict=False))
    assert begins == 25


@pytest.mark.parametrize(("height", "width"), [(1, 1), (20, 30_000)])
def test_zooming_in_never_makes_smaller_nor_out_larger(person, tmp_path, height, width):
    person.opens(save(tmp_path / "odd.png", np.full((height, width, 3), 90, np.uint8)))
    person.until(lambda: person.asks_view("view.width") == width and person.asks_view("view.scale"))
    scales = person.asks_view(
        "(() => { const scales = [view.scale]; view.zoom(1.4); scales.push(view.scale); view.fit(); view.zoom(1 / 1.4);"
        " scales.push(view.scale); return scales; })()"
    )
    assert scales[2] <= scales[0] <= scales[1]


def test_a_pointer_that_passes_does_not_move_what_keys_lowered(person, scan):
    from selenium.webdriver import ActionChains, Keys

    person.opens(scan)
    person.comes_to("damage found")
    person.browser.execute_script("document.getElementById('canvas').focus()")
    person.presses(Keys.ARROW_RIGHT, Keys.ENTER, Keys.ARROW_RIGHT)
    before = person.asks_view("view.live.points.length")
    x, y = person.at(10, LINE.shape[0] - 10)
    ActionChains(person.browser, duration=20).move_to_element_with_offset(person.see("#canvas"), x, y).perform()
    assert person.asks_view("view.live.points.length") == before
    person.presses(Keys.ENTER)
    person.edited(1)


def test_who_goes_on_marking_is_not_interrupted_by_the_result(person, scan):
    """Neither after a stroke nor while one is held."""
    from selenium.webdriver import ActionChains

    person.opens(scan)
    person.comes_to("damage found")
    canvas, held = person.see("#canvas"), threading.Event()
    person.page.desk.get_ready(lambda job: held.wait(30))
    person.click("#restore")
    person.until(lambda: person.see("#job-text").text.startswith("Getting ready"))
    person.drags((20, 90), (60, 90))
    person.edited(1)
    actions = ActionChains(person.browser, duration=20)
    actions.move_to_element_with_offset(canvas, *person.at(20, 20)).click_and_hold().move_by_offset(9, 0).perform()
    held.set()
    person.until(lambda: person.asks_view("view.after !== null"))
    assert person.see("[data-view=marked]").get_attribute("aria-checked") == "true"
    ActionChains(person.browser, duration=20).move_by_offset(20, 0).release().perform()
    person.edited(2)
