"""The page that restores photographs in the browser: in Chromium, beside the same network in onnxruntime."""

import functools
import http.server
import json
import os
import threading
import time

import numpy as np
import pytest
from browser import open_chromium
from PIL import Image
from restoring import picture, save

from experiments.browser_demo.__main__ import main
from pconv_jax.inpainting.inpainter import Inpainter

RUNTIME = os.environ.get("ONNXRUNTIME_WEB")


def test_another_runtime_is_refused(weights, tmp_path, capsys):
    (tmp_path / "other.tgz").write_bytes(b"anything")
    for name, message in (("none.tgz", "does not exist"), ("other.tgz", "is not version 1.30.0 of onnxruntime-web")):
        arguments = [str(tmp_path / "page"), "--runtime", str(tmp_path / name), "--weights", str(weights)]
        assert main(arguments) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "page").exists()


class Files(http.server.SimpleHTTPRequestHandler):
    """A plain server of files, which takes nothing."""

    def log_message(self, *_):
        """Says nothing."""


@pytest.fixture
def address(weights, tmp_path):
    """Where the page is."""
    if not RUNTIME:
        pytest.skip("the variable ONNXRUNTIME_WEB names no package of `npm pack onnxruntime-web@1.30.0`")
    pytest.importorskip("onnx", reason="programs need the extra `export`")
    assert main([str(tmp_path / "page"), "--runtime", RUNTIME, "--weights", str(weights)]) == 0
    handler = functools.partial(Files, directory=tmp_path / "page")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def until(driver, true, seconds=60):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, (status(driver), driver.get_log("browser"))
        time.sleep(0.05)


def status(driver):
    return driver.find_element("id", "status").text


def test_a_photograph_is_restored_in_the_browser(address, weights, tmp_path):
    from selenium.webdriver import ActionChains

    photograph = picture(80, 500)
    with open_chromium() as driver:
        driver.get(address)
        until(driver, lambda: "Open a photograph" in status(driver))
        driver.find_element("id", "photograph").send_keys(str(save(tmp_path / "a.png", photograph)))
        until(driver, lambda: "a.png: 500 x 80 px" in status(driver))
        canvas = driver.find_element("id", "damage")
        pull = ActionChains(driver, duration=20).move_to_element_with_offset(canvas, -100, 0).click_and_hold()
        pull.move_to_element_with_offset(canvas, 200, 10).release().perform()
        painted = "const c = arguments[0]; return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
        hole = np.uint8(driver.execute_script(painted, canvas)).reshape(80, 500, 4)[..., 3] > 0
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
