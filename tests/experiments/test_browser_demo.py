"""The page that restores photographs in the browser: in Chromium, beside the same network in onnxruntime."""

import contextlib
import functools
import http.server
import json
import os
import shutil
import threading
import time

import numpy as np
import pytest
from browser import open_chromium
from PIL import Image
from restoring import ROOT, picture, save

from experiments.browser_demo.__main__ import main
from pconv_jax.inpainting.inpainter import Inpainter

STATIC = ROOT / "experiments" / "browser_demo" / "static"
RUNTIME = os.environ.get("ONNXRUNTIME_WEB")


def test_another_runtime_is_refused(weights, tmp_path, capsys):
    (tmp_path / "other.tgz").write_bytes(b"anything")
    for name, message in (("none.tgz", "does not exist"), ("other.tgz", "is not version 1.30.0 of onnxruntime-web")):
        arguments = [str(tmp_path / "page"), "--runtime", str(tmp_path / name), "--weights", str(weights)]
        assert main(arguments) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "page").exists()


RUNTIME_OF_GREY = """
export const env = { wasm: {} };
export class Tensor { constructor(kind, data, shape) { Object.assign(this, { data, shape }); } }
const run = async ({ image }) => ({ restored: new Tensor("float32", image.data.map(() => 0.5), image.shape) });
export const InferenceSession = { create: async () => ({ run }) };
"""


class Files(http.server.SimpleHTTPRequestHandler):
    """A plain server of files, which takes nothing."""

    def log_message(self, *_):
        """Says nothing."""


@contextlib.contextmanager
def served(folder):
    """Where a folder is."""
    handler = functools.partial(Files, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def address(weights, tmp_path):
    """Where the page is."""
    if not RUNTIME:
        pytest.skip("the variable ONNXRUNTIME_WEB names no package of `npm pack onnxruntime-web@1.30.0`")
    pytest.importorskip("onnx", reason="programs need the extra `export`")
    assert main([str(tmp_path / "page"), "--runtime", RUNTIME, "--weights", str(weights)]) == 0
    with served(tmp_path / "page") as place:
        yield place


@pytest.fixture
def page(tmp_path):
    """A driver at the page, with a runtime in which every network returns grey."""
    shutil.copytree(STATIC, tmp_path / "static")
    (tmp_path / "static" / "ort.wasm.min.mjs").write_text(RUNTIME_OF_GREY)
    with served(tmp_path / "static") as place, open_chromium() as driver:
        driver.get(place)
        until(driver, lambda: "Open a photograph" in status(driver))
        yield driver


def until(driver, true, seconds=60):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, (status(driver), driver.get_log("browser"))
        time.sleep(0.05)


def status(driver):
    return driver.find_element("id", "status").text


def opened(driver, path):
    """The canvas to paint on, when a file is open."""
    driver.find_element("id", "photograph").send_keys(str(path))
    until(driver, lambda: path.name in status(driver))
    return driver.find_element("id", "damage")


def painted(driver):
    """What is painted, bool `[H, W]`."""
    read = "const c = arguments[0]; return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    canvas = driver.find_element("id", "damage")
    height, width = (int(canvas.get_property(side)) for side in ("height", "width"))
    return np.uint8(driver.execute_script(read, canvas)).reshape(height, width, 4)[..., 3] > 0


def test_only_the_first_button_paints_and_only_where_it_is_pressed(page, tmp_path):
    from selenium.webdriver import ActionChains

    canvas = opened(page, save(tmp_path / "a.png", picture(120, 300)))
    pull = ActionChains(page, duration=20).move_to_element_with_offset(canvas, -120, 0).click_and_hold()
    pull.move_to_element_with_offset(canvas, -100, 0).release().perform()
    first = painted(page)
    assert first[60, 30:50].all() and not first[:, 70:].any()
    outside = page.find_element("tag name", "h1")  # from there on into the picture
    pull = ActionChains(page, duration=20).move_to_element_with_offset(outside, 0, 0).click_and_hold()
    pull.move_to_element_with_offset(canvas, 100, 40).release().perform()
    ActionChains(page).move_to_element_with_offset(canvas, 80, -40).context_click().perform()
    np.testing.assert_array_equal(painted(page), first)


def test_a_click_paints_a_disc(page, tmp_path):
    from selenium.webdriver import ActionChains

    canvas = opened(page, save(tmp_path / "a.png", picture(120, 300)))
    ActionChains(page).move_to_element_with_offset(canvas, 10, 20).click().perform()
    rows, columns = np.nonzero(painted(page))
    assert {len(np.unique(rows)), len(np.unique(columns))} <= {10, 11, 12}  # the brush has 10 px
    assert abs(rows.mean() - 80) < 2 and abs(columns.mean() - 160) < 2


def test_nothing_is_painted_while_it_restores(page, tmp_path):
    """It would be cleared with the rest, and not be restored."""
    from selenium.webdriver import ActionChains

    canvas = opened(page, save(tmp_path / "a.png", picture(40, 900)))
    page.execute_script("arguments[0].getContext('2d').fillRect(0, 0, 10, 40)", canvas)
    during = """
        const canvas = arguments[0];
        document.getElementById('restore').click();
        const at = canvas.getBoundingClientRect();
        const place = { pointerId: 1, button: 0, clientX: at.x + 300, clientY: at.y + 20, bubbles: true };
        try { canvas.dispatchEvent(new PointerEvent('pointerdown', place)); } catch (error) { return String(error); }
        const c = canvas.getContext('2d');
        return c.getImageData(300, 0, 1, 40).data.some((value) => value > 0);
    """
    assert page.execute_script(during, canvas) is False
    until(page, lambda: "Restored 400 pixels." in status(page))
    ActionChains(page).move_to_element_with_offset(canvas, 0, 0).click_and_hold().perform()
    assert painted(page).any()
    page.execute_script("document.getElementById('restore').click()")  # the stroke ends here
    until(page, lambda: "Restored" in status(page) and "400" not in status(page))
    ActionChains(page).move_to_element_with_offset(canvas, 100, 0).release().perform()
    assert not painted(page).any()


def test_transparency_is_laid_on_white_and_said(page, tmp_path):
    transparent = np.dstack([picture(60, 200), picture(60, 200, channels=1, seed=1)])
    opened(page, save(tmp_path / "a.png", transparent))
    assert "It is laid on white" in status(page)
    read = "return [...document.getElementById('image').getContext('2d').getImageData(0, 0, 200, 60).data]"
    shown = np.int32(page.execute_script(read)).reshape(60, 200, 4)
    alpha = transparent[..., 3:] / 255
    assert np.abs(shown[..., :3] - (255 - alpha * (255 - transparent[..., :3]))).max() <= 3
    assert (shown[..., 3] == 255).all()
    opened(page, save(tmp_path / "b.png", picture(60, 200)))
    assert "white" not in status(page)


def test_a_photograph_is_opened_again_and_what_is_none_is_told_once(page, tmp_path):
    opened(page, save(tmp_path / "a.png", picture(60, 200)))
    script = """
        const field = document.getElementById("photograph");
        field.addEventListener("click", (event) => event.preventDefault()); // or a window of the system would open
        field.click();
        return field.value;
    """
    assert page.execute_script(script) == ""  # so that the same file is another choice
    (tmp_path / "none.png").write_text("none")
    page.find_element("id", "photograph").send_keys(str(tmp_path / "none.png"))
    until(page, lambda: status(page).startswith("That did not work: "))
    assert status(page).endswith(".") and not status(page).endswith("..")


def test_the_width_of_the_brush_is_told(page):
    assert "Brush 10 px" in " ".join(page.find_element("id", "tools").text.split())
    page.execute_script(
        "const brush = document.getElementById('brush'); brush.value = 33; brush.dispatchEvent(new Event('input'))"
    )
    assert page.find_element("id", "width").text == "33 px"


def test_what_is_made_up_is_said(page, tmp_path):
    canvas = opened(page, save(tmp_path / "a.png", picture(40, 900)))
    fill = "arguments[0].getContext('2d').fillRect(0, 0, arguments[1], 40)"
    for width, said in ((440, ""), (500, f"{384 * 40} of them are so far inside the paint")):
        page.execute_script(fill, canvas, width)
        page.find_element("id", "restore").click()
        until(page, lambda width=width: f"Restored {width * 40} pixels." in status(page))
        assert said in status(page) and ("made up" in status(page)) == bool(said)


def test_a_photograph_is_restored_in_the_browser(address, weights, tmp_path):
    from selenium.webdriver import ActionChains

    photograph = picture(80, 500)
    photograph[::40, ::40], photograph[20::40, ::40] = 0, 255  # of a wide range, which is not stretched
    with open_chromium() as driver:
        driver.get(address)
        until(driver, lambda: "Open a photograph" in status(driver))
        driver.find_element("id", "photograph").send_keys(str(save(tmp_path / "a.png", photograph)))
        until(driver, lambda: "a.png: 500 x 80 px" in status(driver))
        canvas = driver.find_element("id", "damage")
        pull = ActionChains(driver, duration=20).move_to_element_with_offset(canvas, -100, 0).click_and_hold()
        pull.move_to_element_with_offset(canvas, 200, 10).release().perform()
        hole = painted(driver)
        driver.find_element("id", "restore").click()
        until(driver, lambda: f"Restored {hole.sum()} pixels" in status(driver))
        behaviour = {"behavior": "allow", "downloadPath": str(tmp_path)}
        driver.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)
        driver.find_element("id", "download").click()
        until(driver, lambda: (tmp_path / "restored.png").exists())
        requests = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    urls = [each["params"]["request"]["url"] for each in requests if each["method"] == "Network.requestWillBeSent"]
    assert len(urls) >= 6 and all(url.startswith((address, "data:", f"blob:{address}")) for url in urls)
    restored = np.asarray(Image.open(tmp_path / "restored.png").convert("RGB"))
    assert hole[34:56, 160:440].any(axis=0).all() and hole.mean() < 0.15
    np.testing.assert_array_equal(restored[~hole], photograph[~hole])
    expected = Inpainter.from_pretrained(weights)(photograph, hole=hole)
    assert np.abs(np.int32(restored) - expected)[hole].max() <= 4
