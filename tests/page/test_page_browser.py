"""The page in a real browser: from a dropped file to a saved result, with pointer and keys; two tabs, a lost server."""

import os
import socket
import threading
import time

import numpy as np
import pytest
from detectors import grown, scratched
from restoring import check, files, load, picture, save

from pconv_jax.page.photographs import OpenPhotograph

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
    assert person.see("#restore").is_enabled()
    person.click("#undo")
    person.comes_to("restored")
    person.until(lambda: not person.see("#restore").is_enabled())
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


def test_what_is_done_is_done_to_the_photograph_that_is_shown_then(person, scan, tmp_path, monkeypatch):
    """And not to the one that is chosen before the server knows."""
    change, known = OpenPhotograph.change, threading.Event()

    def slow(*arguments):
        assert known.wait(30)
        change(*arguments)

    monkeypatch.setattr(OpenPhotograph, "change", slow)
    person.opens(scan, save(tmp_path / "b.png", DAMAGED[::-1]))
    person.comes_to("damage found", "damage found")
    for row in (20, 80, 100):
        person.drags((20, row), (60, row))
    person.click("#save")
    person.click("#list li:nth-child(2) button")
    person.until(lambda: person.see("#list .chosen .title").text == "b.png")
    known.set()
    person.edited(3)
    person.edited(0, "2")
    person.comes_to("saved", "damage found")
    assert files(tmp_path / "page" / "out") == {"a scan.png"}
    person.click("#list li:nth-child(1) button")
    person.until(lambda: person.see("#undo").is_enabled())
    person.click("#undo")
    person.edited(2)


def test_what_was_restored_near_clicks_is_not_closed_unasked(person, scan):
    person.opens(scan)
    person.comes_to("damage found")
    person.presses("n")
    person.drags((60, 51))
    person.until(lambda: person.page.desk.photograph("1").partly)
    person.until(lambda: person.see("[data-view=after]").get_attribute("aria-checked") == "true")
    person.click("[aria-label='Close a scan.png']")
    person.until(lambda: person.see("#question").is_displayed())
    assert "is not saved" in person.see("#question p").text


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


def test_several_photographs_and_a_bad_file(person, scan, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"this is no picture")
    (tmp_path / "worse.jpg").touch()
    person.opens(scan, tmp_path / "bad.jpg", tmp_path / "worse.jpg", save(tmp_path / "b.png", DAMAGED[::-1]))
    person.comes_to("damage found", "damage found")
    person.until(lambda: person.see("#alert span").text.splitlines()[0].startswith("bad.jpg is not an image"))
    person.until(lambda: person.see("#alert span").text.splitlines()[-1].startswith("worse.jpg is empty"))
    person.click("#alert button")
    assert not person.see("#alert").is_displayed()
    assert person.see("#list .chosen .title").text == "a scan.png"  # the first
    more = [save(tmp_path / name, DAMAGED) for name in ("c.png", "d.png")]
    person.opens(tmp_path / "bad.jpg", *more)
    person.comes_to(*["damage found"] * 4)
    assert person.see("#list .chosen .title").text == "c.png"
    person.click("[aria-label='Close a scan.png']")
    person.comes_to(*["damage found"] * 3)
    assert scan.exists()


def test_two_tabs_show_the_same(person, scan):
    person.opens(scan)
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


def test_a_closed_tab_loses_nothing(person, scan, monkeypatch):
    closed, look = threading.Event(), person.page.desk._look

    def slow(*about, **more):
        assert closed.wait(30)
        return look(*about, **more)

    monkeypatch.setattr(person.page.desk, "_look", slow)
    person.opens(scan)
    person.comes_to("opened")
    person.browser.get("about:blank")
    closed.set()
    person.page.wait()
    person.browser.get(person.page.address)
    person.comes_to("damage found")


def test_the_server_is_lost_and_started_again(tmp_path, weights, chromium, scan):
    with served(tmp_path / "page", weights) as page:
        person = Person(chromium, page)
        person.opens(scan)
        person.comes_to("damage found")
    person.until(lambda: "does not answer: start `pconv-jax page` again" in person.see("#alert").text)
    with served(tmp_path / "again", weights, port=int(page.address.rpartition(":")[2]), key="another"):
        person.until(lambda: "was started again: open the address" in person.see("#alert").text)
    chromium.get("about:blank")


def test_files_are_dropped_but_no_folders(person, scan):
    def drops(path):
        place = person.see("#stage").rect
        middle = {"x": place["x"] + place["width"] / 2, "y": place["y"] + place["height"] / 2}
        for kind in ("dragEnter", "dragOver", "drop"):
            data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
            person.browser.execute_cdp_cmd("Input.dispatchDragEvent", {"type": kind, **middle, "data": data})

    drops(scan.parent)
    person.until(lambda: "A folder cannot be dropped" in person.see("#alert").text)
    drops(scan)
    person.comes_to("damage found")


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
    person.until(lambda: person.marked()[48:55, 30:110].all())
    assert np.flatnonzero(person.marked().any(axis=1)).tolist() == list(range(48, 55))
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
    person.until(lambda: person.see("#ready").text.startswith("Getting ready, once: about "))
    person.opens(scan)
    person.comes_to("damage found")
    person.click("#restore")
    person.until(lambda: person.see("#job-text").text.endswith(" s; then: Restoring a scan.png"))
    assert person.see("#progress").get_attribute("value") == "2"
    release.set()
    person.comes_to("restored")
    person.until(lambda: person.see("#ready").text == "Ready")


def test_a_search_is_cancelled_and_begun_again(person, scan, monkeypatch):
    from pconv_jax.page import bodies

    def slow(photograph, path, *, linear, progress):
        for step in range(2000):
            progress(1 + step % 2, 100)
            time.sleep(0.02)

    desk, look = person.page.desk, person.page.desk._look
    monkeypatch.setattr(desk, "_look", slow)
    person.opens(scan)
    person.comes_to("opened")
    person.until(lambda: "s left" in person.see("#job-text").text)
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
    person.opens(save(tmp_path / "raw.tif", pixels // 3))
    person.comes_to("damage found", "nothing found")
    person.until(lambda: person.see("#linear").is_displayed())
    person.click("#linear")
    person.comes_to("damage found", "damage found")
    assert person.page.desk.photograph("2").linear and person.see("#linear").is_selected()
