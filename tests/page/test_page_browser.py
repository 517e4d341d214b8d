"""The page in a real browser: from a dropped file to a saved result, with pointer and keys; a lost server."""

import os
import socket
import threading
import time

import numpy as np
import pytest
from detectors import grown, scratched
from restoring import check, load, picture, save

pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")

from person import DAMAGED, LINE, Keys, Person
from served import served


def test_open_correct_restore_compare_save(person, scan, tmp_path):
    person.opens(scan)
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
    assert person.see("#download").get_attribute("title") == "Restore it first"
    person.click("#restore")
    person.comes_to("restored")
    person.until(lambda: person.see("#compare").is_displayed())
    assert person.see("[data-view=compare]").get_attribute("aria-checked") == "true"
    assert "a scan.png, as Save does" in person.see("#download").get_attribute("title")
    # Undone, it is restored as before.
    person.click("#clear")
    person.comes_to("corrected")
    assert person.may_press("#restore")
    person.click("#undo")
    person.comes_to("restored")
    person.until(lambda: not person.may_press("#restore"))
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


def test_with_the_network_cut_everything_works(person, scan, monkeypatch):
    """The browser finds no other host at all (browser.py), and the program may reach none."""
    connect = socket.socket.connect

    def only_here(self, address):
        assert self.family == socket.AF_UNIX or address[0] in ("127.0.0.1", "localhost", "::1"), address
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", only_here)
    person.browser.get_log("performance")
    person.browser.refresh()
    person.opens(scan)
    person.comes_to("damage found")
    person.click("#restore")
    person.comes_to("restored")
    person.click("#save")
    person.comes_to("saved")
    entries = [entry["message"] for entry in person.browser.get_log("performance")]
    sent = [entry for entry in entries if '"Network.requestWillBeSent"' in entry]
    assert len(sent) > 5 and all(f'"url":"{person.page.address}' in each or '"url":"blob:' in each for each in sent)


def test_sixteen_bits_stay_sixteen_bits(person, tmp_path):
    pixels, line = scratched(picture(120, 160, dtype=np.uint16), rows=(50, 53), columns=(30, 110))
    person.opens(save(tmp_path / "deep.tif", pixels))
    person.comes_to("damage found")
    person.until(lambda: "marked" in person.see("#covered").text)
    hole = person.marked()
    person.presses("r")
    person.comes_to("restored")
    person.holds_control_and("s")
    person.comes_to("saved")
    result = load(tmp_path / "page" / "out" / "deep.tif")
    assert result.dtype == np.uint16 and hole[line].all()
    np.testing.assert_array_equal(result[~hole], pixels[~hole])
    assert (result[hole] != pixels[hole]).any()


def test_keys_alone(person, scan):
    person.opens(scan)
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
    person.presses("h")
    for _ in range(3):  # it cannot be moved out of view
        person.drags((0, 0), (150, 110))
    x, y = person.asks_view("view.at(view.canvas.clientWidth / 2, view.canvas.clientHeight / 2)")
    assert (x, y) == (pytest.approx(0, abs=0.01), pytest.approx(0, abs=0.01))
    assert person.browser.execute_script("return document.activeElement.id") == "canvas"  # its keys follow a click


def test_sensitivity_clear_and_a_mask(person, scan, tmp_path):
    person.opens(scan)
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


def test_a_click_restores_what_is_near(person, scan):
    person.opens(scan)
    person.comes_to("damage found")
    person.click("#restore-here")
    assert person.see("#hint").text.startswith("Click on the picture")
    person.presses(Keys.ESCAPE)
    assert person.see("#restore-here").get_attribute("aria-pressed") == "false"
    person.presses("n")
    person.drags((60, 51))
    person.until(lambda: person.page.desk.photograph("1").shown == 1)
    person.until(lambda: person.see("[data-view=after]").get_attribute("aria-checked") == "true")


def test_a_download_that_fails_is_told(person, scan):
    person.opens(scan)
    person.comes_to("damage found")
    person.click("#restore")
    person.comes_to("restored")
    source = person.page.desk.photograph("1").source
    os.utime(source, (1, 1))
    person.click("#download")
    person.until(lambda: "was changed since it was opened" in person.see("#alert").text)
    assert person.see("#list .chosen .title").text == "a scan.png"


def test_the_server_is_lost_and_started_again(tmp_path, weights, chromium, scan):
    with served(tmp_path / "page", weights) as page:
        person = Person(chromium, page)
        person.opens(scan)
        person.comes_to("damage found")
    person.until(lambda: "does not answer: start `pconv-jax page` again" in person.see("#alert").text)
    with served(tmp_path / "again", weights, port=int(page.address.rpartition(":")[2]), key="another"):
        person.until(lambda: "was started again: open the address" in person.see("#alert").text)
    chromium.get("about:blank")


def test_what_was_not_found_and_outlines_that_stay(person, tmp_path):
    faint = picture(120, 160)
    faint[LINE] = 238  # found from a sensitivity of 0.67 on
    person.opens(save(tmp_path / "faint.png", faint))
    person.comes_to("nothing found")
    person.until(lambda: person.see("#hint").text.startswith("Nothing was found"))
    person.click("#more")
    person.comes_to("damage found")
    np.testing.assert_array_equal(person.marked(), grown(LINE))
    assert person.see("#sensitivity-value").text == "0.70"
    person.click("#restore")
    person.comes_to("restored")
    person.until(lambda: "Outlines of scratches" in person.see("#hint").text)
    person.click("#widen")
    person.until(lambda: person.marked()[47:56, 30:110].all())  # by 3 px instead of 2
    assert np.flatnonzero(person.marked().any(axis=1)).tolist() == list(range(47, 56))
    person.until(lambda: person.see("#hint").text.startswith("Press Restore again"))
    person.click("#clear")
    person.until(lambda: "Undo brings it back" in person.see("#hint").text)


def test_what_is_compiled_first_is_told(person, scan):
    compiled, release = threading.Event(), threading.Event()

    def compile_slowly(job):
        job.progress(1, 4)
        assert compiled.wait(30)
        job.progress(2, 4)
        assert release.wait(30)

    person.page.desk.get_ready(compile_slowly)
    person.until(lambda: person.see("#ready").text == "Getting ready, once")
    compiled.set()
    person.until(lambda: person.see("header p").text.startswith("Getting ready, once: about "))
    person.opens(scan)
    person.comes_to("damage found")
    person.click("#restore")
    person.until(lambda: "then: Restoring a scan.png, " in person.see("#job").text)
    assert person.see("#progress").get_attribute("value") == "2"
    release.set()
    person.comes_to("restored")
    person.until(lambda: person.see("#ready").text == "Ready")


def test_a_search_is_cancelled_and_begun_again(person, scan, monkeypatch):
    from pconv_jax.page import bodies

    def slow(photograph, path, *, linear, notes, progress):
        for step in range(2000):
            progress(1 + step % 2, 100)
            time.sleep(0.02)

    desk, look = person.page.desk, person.page.desk._look
    monkeypatch.setattr(desk, "_look", slow)
    person.opens(scan)
    person.comes_to("opened")
    person.until(lambda: "s left" in person.see("#job").text)
    assert "left" not in person.see("#job-text").text  # which screen readers say, each time that it changes
    person.click("#cancel")
    person.until(lambda: "was not looked for" in person.see("#hint").text)
    assert person.states == ["opened"]
    monkeypatch.setattr(desk, "_look", look)
    person.click("#find")
    person.comes_to("damage found")
    # Nor is a huge file sent at all.
    monkeypatch.setattr(bodies, "MOST_UPLOADED", 1000)
    person.until(lambda: person.page.get("/api/state").json()["most_uploaded"] == 1000)
    person.browser.refresh()
    person.comes_to("damage found")
    person.opens(scan)
    person.until(lambda: "name it on the command line" in person.see("#alert").text)


def test_the_switch_for_linear_scans(person, scan, tmp_path):
    pixels, _ = scratched(picture(120, 160, dtype=np.uint16), rows=(50, 53), columns=(30, 110))
    person.opens(scan)
    person.comes_to("damage found")
    assert not person.see("#linear").is_displayed()
    person.opens(save(tmp_path / "raw.tif", pixels // 3 * 2))
    person.comes_to("damage found", "nothing found")
    person.until(lambda: person.see("#linear").is_displayed())
    person.click("#linear")
    person.comes_to("damage found", "damage found")
    assert person.page.desk.photograph("2").linear and person.see("#linear").is_selected()
