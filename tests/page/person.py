"""Someone in front of a real browser that shows the page."""

import contextlib
import time

import pytest
from detectors import scratched
from restoring import picture

pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")

from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from served import KEY

DAMAGED, LINE = scratched(picture(120, 160), rows=(50, 53), columns=(30, 110))


class Person:
    """Someone who looks at the page, and uses pointer and keys."""

    def __init__(self, browser, page):
        self.browser, self.page = browser, page
        browser.get(f"{page.address}/?key={KEY}")

    def see(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def may_press(self, selector):
        return self.see(selector).get_attribute("aria-disabled") == "false"

    def click(self, selector):
        self.see(selector).click()

    def until(self, what, seconds=40):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if what():
                return
            time.sleep(0.05)
        raise AssertionError(f"{self.states}; {self.see('#alert').text}; {self.browser.get_log('browser')}")

    @contextlib.contextmanager
    def in_window(self, width, height, *, ratio=1, mobile=False):
        """Sees the page in a window of another size, px, once it is laid out and drawn there."""
        size = {"width": width, "height": height, "deviceScaleFactor": ratio, "mobile": mobile}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        try:
            self.until(lambda: self.browser.execute_script("return [innerWidth, innerHeight]") == [width, height])
            # What is drawn is what answers to points on the screen.
            self.browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
            yield
        finally:
            self.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    @property
    def states(self):
        return self.browser.execute_script(
            "return [...document.querySelectorAll('#list .state')].map((each) => each.textContent)"
        )

    def comes_to(self, *states):
        """Waits for these states, and for the tools: keys and clicks do nothing before the photograph is there."""
        self.until(lambda: self.states == list(states))
        if states and "opened" not in states:
            self.until(lambda: self.see("#controls").is_enabled())

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

    def asks_view(self, expression):
        """What the page's view says: `view` of its desk, and `looks` that change it."""
        script = """
            const done = arguments[arguments.length - 1];
            const modules = ["desk", "looks"].map((name) => import(`/static/${name}.js`));
            const ask = ([{ view }, looks]) => EXPRESSION;
            Promise.all(modules).then(ask).catch((error) => error.stack).then(done);
        """
        return self.browser.execute_async_script(script.replace("EXPRESSION", expression))

    def presses(self, *keys):
        ActionChains(self.browser).send_keys(*keys).perform()

    def holds_control_and(self, key):
        ActionChains(self.browser).key_down(Keys.CONTROL).send_keys(key).key_up(Keys.CONTROL).perform()

    def marked(self, name="1"):
        return self.page.desk.photograph(name).hole()

    def edited(self, count, name="1"):
        self.until(lambda: len(self.page.desk.photograph(name).edits) == count)
