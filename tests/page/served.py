"""The page, served to the tests: with the detector of pale pixels and a network of seconds."""

import contextlib
import functools
import io
import threading
import time

import numpy as np
import pytest
import requests
from detectors import pale_detector, scratched
from PIL import Image
from restoring import picture

from pconv_jax.detection.detector import Detector
from pconv_jax.inpainting.inpainter import Inpainter
from pconv_jax.page import run
from pconv_jax.page.desk import Desk

uvicorn = pytest.importorskip("uvicorn", reason="the page needs the extra `page`")

from pconv_jax.page.guard import Guard  # noqa: E402 - which need that
from pconv_jax.page.server import application  # noqa: E402

KEY = "the-key"
OPENED = "the-key-of-the-browser"
DAMAGED, LINE = scratched(picture())


class Client:
    """Asks as the page does."""

    def __init__(self, port, desk, key):
        self.address = f"http://127.0.0.1:{port}"
        self.desk = desk
        self.session = requests.Session()
        assert self.session.get(f"{self.address}/?key={key}").status_code == 200

    def ask(self, method, path, **more):
        return self.session.request(method, self.address + path, timeout=60, **more)

    def get(self, path):
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer

    def post(self, path, values=None):
        return self.ask("POST", path, json={} if values is None else values)

    def photograph(self, name):
        return next(each for each in self.get("/api/state").json()["photographs"] if each["name"] == name)

    def upload(self, path, name=None):
        answer = self.ask("POST", "/api/photographs", params={"name": name or path.name}, data=path.read_bytes())
        assert answer.status_code == 200, answer.text
        self.wait()
        return answer.json()["name"]

    def change(self, name, **values):
        now = self.get(f"/api/photographs/{name}/edits").json()
        kept = {key: now[key] for key in ("revision", "sensitivity", "tones", "dilate", "edits")}
        return self.ask("PUT", f"/api/photographs/{name}/edits", json=kept | values)

    def wait(self):
        """Until nothing is to be done; the last job."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            jobs = self.get("/api/state").json()["jobs"]
            if all(job["state"] not in ("waiting", "running") for job in jobs):
                return jobs[-1]
            time.sleep(0.02)
        raise AssertionError(f"still busy: {jobs}")


def stroke(*points, radius=2.0, erases=False):
    return {"kind": "stroke", "erases": erases, "radius": radius, "points": points}


def marked(page, name):
    """What is marked, as the page saves it."""
    answer = page.get(f"/api/photographs/{name}/mask.png")
    return np.asarray(Image.open(io.BytesIO(answer.content))) > 0


@contextlib.contextmanager
def served(folder, weights, *, out=None, port=0, key=KEY):
    """A page whose results go to a folder; without weights, with those that ship."""
    kept, uploads = folder / "kept", folder / "uploads"
    for each in (kept, uploads):
        each.mkdir(parents=True)
    detector = Detector.from_pretrained() if weights is None else Detector(pale_detector())
    desk = Desk(
        lambda photograph, path, *, notes, **more: detector(photograph.as_array, **more),
        _inpainter(weights),
        out=out or folder / "out",
        folder=kept,
    )
    with run._listening(port) as listener:
        port = listener.getsockname()[1]
        app = Guard(application(desk, uploads), secret=key, opened=OPENED, port=port)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield Client(port, desk, key)
        finally:
            server.should_exit = True
            thread.join(timeout=20)
            desk.shut()


@functools.lru_cache(maxsize=1)
def _inpainter(weights):
    return Inpainter.from_pretrained() if weights is None else Inpainter.from_pretrained(weights)
