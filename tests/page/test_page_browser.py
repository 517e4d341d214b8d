"""The page in a real browser: from a dropped file to a saved result, with pointer and keys; two tabs, a lost server."""

import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from detectors import scratched
from restoring import ROOT, check, load, picture, save

webdriver = pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")

from selenium.webdriver import ActionChains, Keys  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from served import KEY, served  # noqa: E402

CHROMIUM, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))
# Without these it looks for hosts of its maker, and says so.
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--window-size=1280,860"),
)
DAMAGED, LINE = scratched(picture(120, 160), rows=(50, 53), columns=(30, 110))


@pytest.fixture(scope="module")
def chromium():
    if not CHROMIUM or not DRIVER:
        pytest.skip("there is no Chromium with its driver on this machine (packages chromium and chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


class Person:
    """Someone who looks at the page, and uses pointer and keys."""

    def __init__(self, browser, page):
        self.browser, self.page = browser, page
        browser.get(f"{page.address}/?key={KEY}")

    def see(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def click(self, selector):
        self.see(selector).click()

    def until(self, what, seconds=40):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if what():
                return
            time.sleep(0.05)
        raise AssertionError(f"{self.states}; {self.see('#alert').text}; {self.browser.get_log('browser')}")

    @property
    def states(self):
        return self.browser.execute_script(
            "return [...document.querySelectorAll('#list .state')].map((each) => each.textContent)"
        )

    def comes_to(self, *states):
        self.until(lambda: self.states == list(states))

    def opens(self, *paths):
        self.see("#open").send_keys("\n".join(map(str, paths)))

    def at(self, x, y):
        """Where a point of the photograph is seen, from the middle of the canvas, all of it being shown."""
        canvas = self.see("#canvas").rect
        scale = min(canvas["width"] / LINE.shape[1], canvas["height"] / LINE.shape[0]) * 0.97
        return round((x - LINE.shape[1] / 2) * scale), round((y - LINE.shape[0] / 2) * scale)

    def drags(self, *points):
        actions = ActionChains(self.browser, duration=20)
        actions.move_to_element_with_offset(self.see("#canvas"), *self.at(*points[0])).click_and_hold()
        for point in points[1:]:
            actions.move_to_element_with_offset(self.see("#canvas"), *self.at(*point))
        actions.release().perform()

    def presses(self, *keys):
        ActionChains(self.browser).send_keys(*keys).perform()

    def holds_control_and(self, key):
        ActionChains(self.browser).key_down(Keys.CONTROL).send_keys(key).key_up(Keys.CONTROL).perform()

    def marked(self, name="1"):
        return self.page.desk.photograph(name).hole()

    def edited(self, count, name="1"):
        self.until(lambda: len(self.page.desk.photograph(name).edits) == count)


@pytest.fixture
def person(tmp_path, weights, chromium):
    with served(tmp_path / "page", weights) as page:
        yield Person(chromium, page)
        chromium.get("about:blank")  # or it would ask on


@pytest.fixture
def photo(tmp_path):
    return save(tmp_path / "a scan.png", DAMAGED)


def test_open_correct_restore_compare_save(person, photo, tmp_path):
    person.opens(photo)
    person.comes_to("damage found")
    person.until(lambda: "marked" in person.see("#covered").text)
    assert person.see("#target").text.endswith("a scan.png")
    # A false alarm is rubbed out, and a line is drawn.
    person.click("[data-tool=erase]")
    person.drags((30, 51), (50, 51))
    person.edited(1)
    person.click("[data-tool=line]")
    person.drags((20, 90), (60, 70), (140, 90))
    person.edited(2)
    person.comes_to("corrected")
    hole = person.marked()
    assert not hole[51, 32:46].any() and hole[51, 60:108].all()
    assert hole[88:93, 25:135].any(axis=0).all() and not hole[65:75, 60].any()  # straight, wherever the pointer went
    person.click("#restore")
    person.comes_to("restored")
    person.until(lambda: person.see("#compare").is_displayed())
    assert person.see("[data-view=compare]").get_attribute("aria-checked") == "true"
    person.click("#save")
    person.comes_to("saved")
    check(DAMAGED, load(tmp_path / "page" / "out" / "a scan.png"), hole)
    # A second time it asks, and the answer "Keep it" keeps it.
    written = (tmp_path / "page" / "out" / "a scan.png").stat().st_mtime_ns
    person.click("#save")
    person.until(lambda: person.see("#question").is_displayed())
    assert "exists already" in person.see("#question p").text
    person.click("#question button[value=no]")
    assert (tmp_path / "page" / "out" / "a scan.png").stat().st_mtime_ns == written
    said = [entry for entry in person.browser.get_log("browser") if "409" not in entry["message"]]
    assert not said


def test_nothing_is_asked_of_other_hosts(person, photo):
    person.browser.get_log("performance")
    person.browser.refresh()
    person.opens(photo)
    person.comes_to("damage found")
    entries = [entry["message"] for entry in person.browser.get_log("performance")]
    sent = [entry for entry in entries if '"Network.requestWillBeSent"' in entry]
    assert len(sent) > 5 and all(f'"url":"{person.page.address}' in each or '"url":"blob:' in each for each in sent)


def test_sixteen_bits_stay_sixteen_bits(person, tmp_path):
    pixels, line = scratched(picture(120, 160, dtype=np.uint16), rows=(50, 53), columns=(30, 110))
    person.opens(save(tmp_path / "deep.tif", pixels))
    person.comes_to("damage found")
    hole = person.marked()
    person.presses("r")
    person.comes_to("restored")
    person.holds_control_and("s")
    person.comes_to("saved")
    result = load(tmp_path / "page" / "out" / "deep.tif")
    assert result.dtype == np.uint16 and hole[line].all()
    np.testing.assert_array_equal(result[~hole], pixels[~hole])
    assert (result[hole] != pixels[hole]).any()


def test_keys_alone(person, photo):
    person.opens(photo)
    person.comes_to("damage found")
    person.browser.execute_script("document.getElementById('canvas').focus()")
    person.presses(Keys.ARROW_RIGHT, Keys.ENTER, *[Keys.ARROW_DOWN] * 6, Keys.ENTER)
    person.edited(1)
    person.holds_control_and("z")
    person.edited(0)
    person.holds_control_and("y")
    person.edited(1)
    before = person.see("#size-value").text
    person.presses("]")
    assert person.see("#size-value").text != before
    for key, tool in (("e", "erase"), ("l", "line"), ("h", "hand"), ("b", "brush")):
        person.presses(key)
        assert person.see(f"[data-tool={tool}]").get_attribute("aria-checked") == "true"
    person.presses("+")
    shown = person.see("#zoom").text
    person.presses("0")
    assert person.see("#zoom").text != shown


def test_sensitivity_clear_and_a_mask(person, photo, tmp_path):
    person.opens(photo)
    person.comes_to("damage found")
    person.until(lambda: person.see("#covered").text.startswith(f"{100 * person.marked().mean():.2f} %"))
    person.see("#dilate").send_keys(Keys.HOME)
    person.until(lambda: np.array_equal(person.marked(), LINE))
    person.until(lambda: person.see("#covered").text.startswith(f"{100 * LINE.mean():.2f} %"))
    person.click("#clear")
    person.edited(1)
    assert not person.marked().any()
    own = np.zeros_like(LINE)
    own[100:104, 20:40] = True
    person.see("#load-mask").send_keys(str(save(tmp_path / "own.png", own)))
    person.edited(2)
    np.testing.assert_array_equal(person.marked(), own)


def test_a_click_restores_what_is_near(person, photo):
    person.opens(photo)
    person.comes_to("damage found")
    person.click("#restore-here")
    person.drags((60, 51))
    person.until(lambda: person.page.desk.photograph("1").shown == 1)
    person.until(lambda: person.see("[data-view=after]").get_attribute("aria-checked") == "true")


def test_several_photographs_and_a_bad_file(person, photo, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"this is no picture")
    person.opens(photo, tmp_path / "bad.jpg", save(tmp_path / "b.png", DAMAGED[::-1]))
    person.comes_to("damage found", "damage found")
    person.until(lambda: "bad.jpg" in person.see("#alert").text)
    person.click("#alert button")
    assert not person.see("#alert").is_displayed()
    person.click("[aria-label='Close a scan.png']")
    person.comes_to("damage found")
    assert photo.exists()


def test_two_tabs_show_the_same(person, photo):
    person.opens(photo)
    person.comes_to("damage found")
    first = person.browser.current_window_handle
    person.browser.switch_to.new_window("tab")
    person.browser.get(person.page.address)
    person.comes_to("damage found")
    person.click("#clear")
    person.edited(1)
    person.browser.close()
    person.browser.switch_to.window(first)
    person.comes_to("corrected")
    person.until(lambda: person.see("#undo").is_enabled())
    person.click("#undo")
    person.edited(0)


def test_the_server_is_lost(tmp_path, weights, chromium, photo):
    with served(tmp_path / "page", weights) as page:
        person = Person(chromium, page)
        person.opens(photo)
        person.comes_to("damage found")
    person.until(lambda: "does not answer: start `pconv-jax page` again" in person.see("#alert").text)


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window(person, photo, width):
    person.opens(photo)
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


def test_everything_has_a_name(person, photo):
    """For screen readers."""
    person.opens(photo)
    person.comes_to("damage found")
    for element in person.browser.find_elements(By.CSS_SELECTOR, "button, input, select, a, canvas, progress"):
        if element.is_displayed():
            assert element.accessible_name, element.get_attribute("outerHTML")
