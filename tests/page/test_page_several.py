"""Several photographs and several tabs in a real browser: opened, chosen one after the other, closed."""

import threading

import pytest
from restoring import files, save

from pconv_jax.page.photographs import OpenPhotograph

pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")

from person import DAMAGED, Keys


@pytest.mark.parametrize(("button", "state"), [("#save", "saved"), ("#restore", "restored")])
def test_what_is_done_is_done_to_the_photograph_that_is_shown_then(person, scan, tmp_path, monkeypatch, button, state):
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
    person.click(button)
    person.click("#list li:nth-child(2) button")
    person.until(lambda: person.see("#list .chosen .title").text == "b.png")
    person.until(lambda: person.page.desk.jobs.chosen == "2")  # whose search would come first
    known.set()
    person.edited(3)
    person.edited(0, "2")
    person.comes_to(state, "damage found")
    assert files(tmp_path / "page" / "out") == ({"a scan.png"} if state == "saved" else set())
    person.click("#list li:nth-child(1) button")
    person.until(lambda: person.may_press("#undo"))
    person.click("#undo")
    person.edited(2)


def test_what_was_restored_near_clicks_is_not_closed_unasked(person, scan):
    person.opens(scan)
    person.comes_to("damage found")
    person.until(person.see("#restore-here").is_enabled)  # until then keys do nothing
    person.presses("n")
    person.until(lambda: person.see("#restore-here").get_attribute("aria-pressed") == "true")
    person.drags((60, 51))
    person.until(lambda: person.page.desk.photograph("1").partly)
    person.until(lambda: person.see("[data-view=after]").get_attribute("aria-checked") == "true")
    person.click("[aria-label='Close a scan.png']")
    person.until(lambda: person.see("#question").is_displayed())
    assert "is not saved" in person.see("#question p").text


def test_several_photographs_and_a_bad_file(person, scan, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"this is not a picture")
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
    person.until(lambda: person.may_press("#undo"))
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


def test_a_photograph_that_is_being_saved_is_not_closed_unasked(person, scan, tmp_path):
    may_go_on = threading.Event()
    person.page.desk.get_ready(lambda job: may_go_on.wait(60))
    person.opens(scan)
    person.comes_to("damage found")
    person.click("#save")
    person.until(lambda: "Saving a scan.png" in person.see("#job-text").text)
    person.click("#list li button:not(.pick)")
    person.until(lambda: person.see("#question").is_displayed())
    assert "is being saved: closing it cancels that" in person.see("#question p").text
    person.click("#question button[value=no]")
    may_go_on.set()
    person.comes_to("saved")
    assert files(tmp_path / "page" / "out") == {"a scan.png"}


def test_the_focus_stays_in_the_list(person, scan, tmp_path):
    person.opens(scan, save(tmp_path / "b.png", DAMAGED[::-1]), save(tmp_path / "c.png", DAMAGED))
    person.comes_to(*["damage found"] * 3)

    def focused():
        return person.browser.execute_script("return document.activeElement.innerText")

    second = person.see("#list li:nth-child(2) .pick")
    person.browser.execute_script("arguments[0].focus()", second)
    person.presses(Keys.ENTER)
    person.until(lambda: person.see("#list .chosen .title").text == "b.png")
    assert focused().startswith("b.png")
    person.presses(Keys.TAB)
    assert focused() == "×"
    person.presses(Keys.ENTER)  # closes it: the next one takes its place
    person.comes_to("damage found", "damage found")
    person.until(lambda: focused().startswith("c.png"))


def test_each_photograph_is_seen_where_it_was_left(person, scan, tmp_path):
    person.opens(scan, save(tmp_path / "b.png", DAMAGED[::-1]))
    person.comes_to("damage found", "damage found")
    fitted = person.asks_view("[view.scale, view.left, view.top]")
    whole = person.see("#size").get_attribute("value")
    for _ in range(3):
        person.click("#zoom-in")
    person.browser.execute_script(
        "const size = document.getElementById('size'); size.value = 50; size.dispatchEvent(new Event('input'))"
    )
    near = person.asks_view("[view.scale, view.left, view.top]")
    person.click("#clear")
    person.click("#undo")  # what was undone can be done again later, too
    assert near[0] > 2 * fitted[0]
    person.click("#list li:nth-child(2) button")
    person.until(lambda: person.see("#list .chosen .title").text == "b.png")
    person.until(person.see("#controls").is_enabled)
    assert person.asks_view("[view.scale, view.left, view.top]") == fitted
    assert not person.may_press("#redo")
    assert person.see("#size").get_attribute("value") == whole
    person.click("#list li:nth-child(1) button")
    person.until(lambda: person.see("#list .chosen .title").text == "a scan.png")
    person.until(person.see("#controls").is_enabled)
    assert person.asks_view("[view.scale, view.left, view.top]") == pytest.approx(near)
    assert person.see("#size").get_attribute("value") == "50"
    person.click("#redo")
    person.edited(1)


def test_a_warning_that_was_read_does_not_come_again(person, scan):
    person.opens(scan)
    person.comes_to("damage found")
    photograph = person.page.desk.photograph("1")
    photograph.warn(["the first sentence"])
    person.until(lambda: person.see("#alert span").text == "the first sentence")
    person.browser.refresh()
    person.until(lambda: person.see("#alert span").text == "the first sentence")  # it was not read yet
    person.click("#alert button")
    person.until(lambda: photograph.dismissed == 1)
    person.browser.refresh()
    person.comes_to("damage found")
    assert not person.see("#alert").is_displayed()
    photograph.warn(["the first sentence", "the second one"])
    person.until(lambda: person.see("#alert span").text == "the second one")


def test_what_waits_for_another_photograph_is_told_and_cancelled(person, scan, tmp_path, monkeypatch):
    release, desk = threading.Event(), person.page.desk
    look, read = desk._look, desk._memory.read

    def slow(photograph, path, *, progress, **more):
        if path.name == "b.png":
            for _ in range(3000):
                progress(1, 9)
                if release.wait(0.01):
                    break
        return look(photograph, path, progress=progress, **more)

    monkeypatch.setattr(desk, "_look", slow)
    person.opens(scan)
    person.comes_to("damage found")
    person.opens(save(tmp_path / "b.png", DAMAGED), save(tmp_path / "c.png", DAMAGED))
    person.comes_to("damage found", "opened", "opened")  # the third is opened while the second is searched
    assert person.see("#list .chosen .title").text == "b.png"
    person.until(lambda: person.see("#job-text").text.startswith("Looking for damage in b.png"))
    person.click("#list li:nth-child(3) button")
    person.until(lambda: person.see("#job-text").text == "Looking for damage in c.png: waits for another")
    person.click("#cancel")
    person.until(lambda: "was not looked for" in person.see("#hint").text)
    # Nor does a restoration wait for that search.
    person.click("#list li:nth-child(1) button")
    person.until(lambda: person.may_press("#restore"))
    person.click("#restore")
    person.comes_to("restored", "opened", "opened")
    # A photograph that is not there yet says so.
    slowly = threading.Event()
    monkeypatch.setattr(desk._memory, "read", lambda photograph: (slowly.wait(30), read(photograph))[1])
    person.opens(save(tmp_path / "d.png", DAMAGED))
    person.until(lambda: person.see("#opening").text == "Opening d.png…")
    slowly.set()
    release.set()
    person.comes_to("restored", "damage found", "opened", "damage found")
    assert not person.see("#opening").is_displayed()


def test_questions_are_asked_one_after_the_other(person):
    """Or one answer would count for both: a file would be replaced, and another photograph closed."""
    script = """
        window.answers = [];
        import("/static/messages.js").then(({ asked }) => {
            for (const text of ["one exists already.", "two is not saved."])
                asked(text, "Yes").then((yes) => answers.push([text, yes]));
        });
    """
    person.browser.execute_script(script)
    for text, answer in (("one exists already.", "yes"), ("two is not saved.", "no")):
        person.until(lambda text=text: person.see("#question p").text == text)
        person.click(f"#question button[value={answer}]")
    said = [["one exists already.", True], ["two is not saved.", False]]
    person.until(lambda: person.browser.execute_script("return answers") == said)
