"""Files that are opened in a real browser: dropped, pasted, gone by then; what is no file."""

import io

import pytest
from PIL import Image
from restoring import save

pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")

from person import DAMAGED


def drops(person, **data):
    place = person.see("#stage").rect
    middle = {"x": place["x"] + place["width"] / 2, "y": place["y"] + place["height"] / 2}
    for kind in ("dragEnter", "dragOver", "drop"):
        dragged = {"items": [], "dragOperationsMask": 1, **data}
        person.browser.execute_cdp_cmd("Input.dispatchDragEvent", {"type": kind, **middle, "data": dragged})


def test_files_are_dropped_but_no_folders_nor_links(person, scan):
    drops(person, files=[str(scan.parent)])
    person.until(lambda: "A folder cannot be dropped" in person.see("#alert").text)
    link = {"mimeType": "text/uri-list", "data": "http://127.0.0.1/a.jpg"}
    drops(person, items=[link])
    person.until(lambda: "What was dropped is no file, perhaps a link" in person.see("#alert").text)
    drops(person, files=[str(scan)])
    person.comes_to("damage found")


def test_a_picture_is_pasted(person):
    paste = """
        const given = new DataTransfer();
        const [bytes] = arguments;
        if (bytes) given.items.add(new File([Uint8Array.from(bytes)], "image.png", { type: "image/png" }));
        document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: given, bubbles: true }));
    """
    person.browser.execute_script(paste, None)
    person.until(lambda: "There is no picture on the clipboard" in person.see("#alert").text)
    stream = io.BytesIO()
    Image.fromarray(DAMAGED).save(stream, "PNG")
    person.browser.execute_script(paste, list(stream.getvalue()))
    person.comes_to("damage found")
    assert person.see("#list .title").text == "image.png" and not person.see("#alert").is_displayed()


def test_a_file_that_is_gone_is_named_and_the_others_are_opened(person, scan, tmp_path):
    """As on a stick that was pulled out. It looks as if the server were lost."""
    gone = save(tmp_path / "gone.png", DAMAGED[::-1])
    person.browser.execute_script(
        "document.getElementById('open').addEventListener('change', (event) => {"
        " window.chosen = [...event.target.files]; event.stopImmediatePropagation(); }, { capture: true, once: true })"
    )
    person.opens(gone, scan)
    person.until(lambda: person.browser.execute_script("return window.chosen?.length") == 2)
    gone.unlink()
    person.browser.execute_script("import('/static/opening.js').then(({ openFiles }) => openFiles(chosen))")
    person.comes_to("damage found")
    assert person.see("#list .title").text == "a scan.png"
    assert person.see("#alert span").text.startswith("gone.png cannot be read (any more): copy it to this computer")
