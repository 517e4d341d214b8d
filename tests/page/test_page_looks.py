"""What the page looks like: nothing is cut off, everything has a name, and the picture for the README."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
from restoring import ROOT, load, save

pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")

from person import By, Person
from served import served

BOX = 'document.getElementById("canvas").getBoundingClientRect()'
LINE_AT = f"{BOX}.left + view.left + view.split() * view.scale"
# The middle of what a pointer can take hold of; half of it may be out of sight.
KNOB_AT = f"""(() => {{
    const box = {BOX}, seen = [];
    const y = box.top + box.height / 2;
    for (let x = box.left; x < box.right; x += 0.5) if (document.elementFromPoint(x, y)?.id === "divider") seen.push(x);
    const [first, last] = [seen[0], seen[seen.length - 1]];
    if (first < box.left + 4) return last - 14;
    return last > box.right - 4 ? first + 14 : (first + last) / 2;
}})()"""


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window(person, scan, width):
    person.opens(scan)
    person.comes_to("damage found")
    with person.in_window(width, 720, mobile=width < 800):
        assert person.browser.execute_script("return document.documentElement.scrollWidth") <= width
        for selector in ("#restore", "#save", "[data-view=after]", "#fit"):
            place = person.see(selector).rect
            assert place["x"] >= 0 and place["x"] + place["width"] <= width, selector
        canvas = person.see("#canvas").rect
        for selector in ("#views", "#zooms"):  # beside the photograph, not over it
            place = person.see(selector).rect
            assert place["y"] + place["height"] <= canvas["y"], selector
        person.click("#restore")
        person.until(lambda: person.see("#compare").is_displayed())
        for zoomed in (False, True):
            for share in (0, 0.13, 0.5, 1):
                line, knob = person.asks_view(f"(looks.divide({share}), [{LINE_AT}, {KNOB_AT}])")
                assert abs(line - knob) <= 1, (zoomed, share)
            for _ in range(4 if not zoomed else 0):
                person.click("#zoom-in")


@pytest.mark.parametrize(("width", "height"), [(320, 256), (568, 320)])
def test_all_tools_can_be_reached_in_a_low_window(person, scan, width, height):
    """A phone on its side; a window of 1280 x 1024 px at 400 %."""
    person.opens(scan)
    person.comes_to("damage found")
    script = """
        const hidden = [];
        for (const each of document.querySelectorAll("aside button, aside input[type=range], aside select")) {
            if (!each.checkVisibility()) continue;
            each.scrollIntoView({ block: "center" });
            const box = each.getBoundingClientRect();
            const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
            if (top === each || each.contains(top) || each.disabled) continue;
            hidden.push([each.id || each.outerHTML, "under", top && (top.id || top.tagName)]);
        }
        return hidden;
    """
    with person.in_window(width, height):
        assert person.browser.execute_script(script) == []


def test_what_is_chosen_shows_in_the_systems_own_colours(person, scan):
    person.opens(scan)
    person.comes_to("damage found")
    forced = {"features": [{"name": "forced-colors", "value": "active"}]}
    person.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", forced)
    script = """
        return [...document.querySelectorAll("[data-tool]")]
            .map((each) => [each.ariaChecked, getComputedStyle(each).backgroundColor]);
    """
    try:
        colours = person.browser.execute_script(script)
        chosen = {colour for checked, colour in colours if checked == "true"}
        assert len(chosen) == 1 and chosen.isdisjoint(colour for checked, colour in colours if checked != "true")
    finally:
        person.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_the_picture_of_the_page(tmp_path, chromium):
    """With the weights that ship; PAGE_PICTURE=page.png keeps it, for the README."""
    with served(tmp_path / "page", None, out=Path("restored")) as page:
        person = Person(chromium, page)
        person.opens(ROOT / "docs" / "scratched.jpg")
        person.comes_to("damage found")
        person.until(lambda: "marked" in person.see("#covered").text)
        time.sleep(0.5)  # until it is drawn
        picture = Path(os.environ.get("PAGE_PICTURE", tmp_path / "page.png"))
        chromium.save_screenshot(str(picture))
        pink = np.abs(load(picture)[..., :3].astype(int) - (255, 0, 160)).sum(axis=2) < 200
        assert 0.005 < pink.mean() < 0.2
        chromium.get("about:blank")


PAIRS = [("h1", "header"), ("#ready", "header"), ("#empty", "#stage"), ("#undo", "#undo"), ("#save", "#save")]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_in_both_themes(person, theme):
    """By the contrast that WCAG 2.2 asks for."""

    def luminance(colour):
        values = np.array([int(value) for value in colour[colour.index("(") + 1 : -1].split(",")[:3]]) / 255
        return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4) @ (0.2126, 0.7152, 0.0722)

    media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    person.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    try:
        for text, ground in PAIRS:
            colour = luminance(person.see(text).value_of_css_property("color"))
            back = luminance(person.see(ground).value_of_css_property("background-color"))
            assert (max(colour, back) + 0.05) / (min(colour, back) + 0.05) >= 4.5, text
            assert ground != "header" or (back < 0.2) == (theme == "dark")
    finally:
        person.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_everything_has_a_name(person, scan):
    """For screen readers."""
    person.opens(scan)
    person.comes_to("damage found")
    for element in person.browser.find_elements(By.CSS_SELECTOR, "button, input, select, a, canvas, progress"):
        if element.is_displayed():
            assert element.accessible_name, element.get_attribute("outerHTML")


def test_a_message_moves_nothing(person, scan):
    """Neither the stroke that is being drawn, nor a button under the pointer."""
    person.opens(scan)
    person.comes_to("damage found")
    script = """
        const placed = () => [...document.querySelectorAll("#canvas, button, .button")]
            .filter((each) => each.checkVisibility() && !each.closest("#alert"))
            .map((each) => JSON.stringify(each.getBoundingClientRect()));
        const done = arguments[arguments.length - 1], before = placed();
        import("/static/messages.js").then(({ alertOf }) => {
            alertOf(["one", "two", "three"].join("\\n"));
            done([before.length, JSON.stringify(before) === JSON.stringify(placed())]);
        });
    """
    for width, mobile in ((1280, False), (390, True)):
        with person.in_window(width, 720, mobile=mobile):
            count, same = person.browser.execute_async_script(script)
            assert count > 15 and same
            person.click("#alert button")


def test_the_brush_is_no_wider_than_the_weights_can_fill(person, tmp_path):
    """Unless somebody makes it so, and is told."""
    person.opens(save(tmp_path / "wide.png", np.full((300, 9000, 3), 90, np.uint8)))
    person.until(lambda: person.asks_view("view.before !== null"))
    assert person.asks_view("14 / view.scale") > 100  # px of the photograph for a line of 14 px of the screen
    width, hint = person.see("#size-value"), person.see("#size-hint")
    assert 22 <= int(width.text.split()[0]) <= 24 and not hint.text
    person.presses("]")
    assert int(width.text.split()[0]) > 24 and hint.text == "Over 24 px gets smooth: zoom in"
    person.presses("e")
    assert not hint.text  # what is erased may be as wide as one likes
