"""Changes reach the server, one after the other, before anything is done that depends on them."""

import threading

import pytest

from pconv_jax.page import server
from pconv_jax.page.photographs import OpenPhotograph

pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")

LEAVES = "return window.dispatchEvent(new Event('beforeunload', { cancelable: true }))"


def test_a_mask_is_saved_and_a_tab_closed_with_all_that_is_marked(person, scan, monkeypatch):
    change, known, saved = OpenPhotograph.change, threading.Event(), []
    count, counted, asked = OpenPhotograph.count, threading.Event(), []

    def slow(*arguments):
        assert known.wait(30)
        change(*arguments)

    monkeypatch.setattr(OpenPhotograph, "change", slow)
    monkeypatch.setattr(server, "_mask_file", lambda hole: saved.append(hole.copy()) or b"")
    person.opens(scan)
    person.comes_to("damage found")
    person.until(lambda: "marked" in person.see("#covered").text)
    before = person.see("#covered").text
    assert person.browser.execute_script(LEAVES)
    monkeypatch.setattr(OpenPhotograph, "count", lambda each: (asked.append(1), counted.wait(30), count(each))[-1])
    for row in (20, 90):
        person.drags((20, row), (60, row))
    person.click("#save-mask")
    assert not person.browser.execute_script(LEAVES) and not saved  # the browser asks
    known.set()
    person.until(lambda: saved)
    assert saved[0][20, 40] and saved[0][90, 40]
    assert person.browser.execute_script(LEAVES)
    # Nor does a change wait until the one before is counted; that is done once for all that wait for it.
    person.drags((20, 10), (60, 10))
    person.edited(3)
    assert len(asked) == 1 and person.see("#covered").text == before
    counted.set()
    share = f"{100 * person.marked().mean():.2f} % of it is marked"
    person.until(lambda: person.see("#covered").text == share)
