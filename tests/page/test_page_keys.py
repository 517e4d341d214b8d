"""The page without a pointer: where the focus goes, what arrow keys show, which keys count on which keyboards."""

import pytest

pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")

from person import Keys

PRESSED = """
    document.body.dispatchEvent(new KeyboardEvent("keydown", { bubbles: true, cancelable: true, ...arguments[0] }));
    return document.getElementById("size").value;
"""


def focus(person, selector):
    person.browser.execute_script("document.querySelector(arguments[0]).focus()", selector)


def focused(person):
    return person.browser.execute_script("return document.activeElement.id")


def test_the_focus_stays_on_what_was_pressed_or_goes_on(person, scan):
    person.opens(scan)
    person.comes_to("damage found")
    person.drags((20, 90), (60, 90))
    person.edited(1)
    for button, edits in (("undo", 0), ("redo", 1)):
        focus(person, f"#{button}")
        person.presses(Keys.ENTER)
        person.edited(edits)
        person.until(lambda button=button: not person.may_press(f"#{button}"))
        assert focused(person) == button
        person.presses(Keys.ENTER)  # which does nothing
    assert len(person.page.desk.photograph("1").edits) == 1
    focus(person, "#restore")
    person.presses(Keys.ENTER)
    person.comes_to("restored")
    person.until(lambda: not person.may_press("#restore"))
    assert focused(person) == "restore"
    person.until(lambda: person.see("#widen").is_displayed())
    focus(person, "#widen")
    person.presses(Keys.ENTER)
    person.until(lambda: not person.see("#widen").is_displayed())
    assert focused(person) == "restore"


def test_arrow_keys_reach_all_of_a_photograph_that_is_seen_in_part(person, scan):
    person.opens(scan)
    person.comes_to("damage found")
    for _ in range(5):
        person.click("#zoom-in")
    focus(person, "#canvas")
    cross = "[view.cursor.x, view.cursor.y]"
    seen = "(({ left, top, right, bottom }) => [left, top, right, bottom])(view.visible())"
    before = person.asks_view(seen)
    person.presses(*[Keys.ARROW_RIGHT] * 60)
    (x, y), (left, top, right, bottom) = person.asks_view(cross), person.asks_view(seen)
    assert x > before[2] and left < x < right and top < y < bottom
    person.presses("h", *[Keys.ARROW_LEFT] * 3)  # the hand moves the picture: 60 px of the screen each
    scale = person.asks_view("view.scale")
    assert person.asks_view(seen)[0] == pytest.approx(left - 180 / scale, abs=2)


def test_brackets_count_with_the_keys_that_they_are_typed_with(person):
    person.browser.execute_script("document.getElementById('controls').disabled = false")
    size = int(person.see("#size").get_attribute("value"))
    for held, steps in (
        ({}, 4),
        ({"ctrlKey": True, "altKey": True}, 4),  # AltGr on Windows
        ({"altKey": True}, 4),  # Option of a Mac
        ({"ctrlKey": True}, 0),
        ({"metaKey": True}, 0),  # which goes back in the history
    ):
        after = int(person.browser.execute_script(PRESSED, {"key": "]", **held}))
        assert after - size == steps, held
        size = after
    person.browser.execute_script(PRESSED, {"key": "e", "altKey": True})  # no tool, but a menu of some browser
    assert person.see("[data-tool=brush]").get_attribute("aria-checked") == "true"


def test_the_list_of_keys_hides_no_tools_and_goes_with_escape_or_a_press_elsewhere(person):
    summary = person.see("#help summary")
    for close in (lambda: person.presses(Keys.ESCAPE), lambda: person.click("#ready")):
        summary.click()
        listed, tools = person.see("#keys").rect, person.see("aside").rect
        assert listed["width"] > 200 and listed["x"] + listed["width"] <= tools["x"]
        close()
        assert not person.see("#keys").is_displayed()
