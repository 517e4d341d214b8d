"""What the page looks like: nothing is cut off, everything has a name, and the picture for the README."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
from restoring import ROOT, load

pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")

from person import By, Person
from served import served


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window(person, scan, width):
    person.opens(scan)
    person.comes_to("damage found")
    size = {"width": width, "height": 720, "deviceScaleFactor": 1, "mobile": width < 800}
    person.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        assert person.browser.execute_script("return document.documentElement.scrollWidth") <= width
        for selector in ("#restore", "#save", "[data-view=after]", "#fit"):
            place = person.see(selector).rect
            assert place["x"] >= 0 and place["x"] + place["width"] <= width, selector
    finally:
        person.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


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


def test_everything_has_a_name(person, scan):
    """For screen readers."""
    person.opens(scan)
    person.comes_to("damage found")
    for element in person.browser.find_elements(By.CSS_SELECTOR, "button, input, select, a, canvas, progress"):
        if element.is_displayed():
            assert element.accessible_name, element.get_attribute("outerHTML")
