"""Uploads and requests to the page: damaged photographs and masks, JSON of every kind, names that climb out."""

import asyncio
import json
import tempfile
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from experiments.hostile.doors import Door, Fault, check_said
from experiments.hostile.mutations import HOSTILE_VALUES, mutated, mutated_text
from experiments.hostile.pictures import HEIGHT, MASK, PHOTOGRAPH, WEIGHTS, WIDTH, files, prepare_photograph
from experiments.hostile.small_networks import save_small_detector
from pconv_jax.checkpoints.detector_file import load_detector
from pconv_jax.detection.damage_map import DamageMap
from pconv_jax.detection.detector import Detector
from pconv_jax.imaging import Photograph
from pconv_jax.inpainting.inpainter import Inpainter
from pconv_jax.page.desk import Desk

_DETECTOR, _REQUESTS = "detector.safetensors", "requests.json"
_NAMES = ("../../escaped.png", "/escaped.png", "C:\\x.png", "a" * 400, "\x1b[2J.png", "\ud800.png", "x", " ", ".png")
_EDITS: dict[str, Any] = {
    "revision": 0,
    "sensitivity": 0.9,
    "tones": "both",
    "dilate": 1,
    "edits": [{"kind": "stroke", "erases": False, "radius": 2, "points": [[1, 1], [9, 9]]}, {"kind": "clear"}],
}
_WAIT = 200  # seconds for the jobs of a case


def _prepare(folder: Path) -> None:
    prepare_photograph(folder)
    save_small_detector(folder / _DETECTOR)
    requests = [{"what": "edits", "body": json.dumps(_EDITS)}, {"what": "restore", "body": "{}"}]
    (folder / _REQUESTS).write_text(json.dumps({"name": "photograph.png", "requests": requests}), encoding="utf-8")


def _damage(rng: np.random.Generator, folder: Path) -> str:
    name = "photograph.png"
    if rng.random() < 0.3:
        name = _NAMES[rng.integers(len(_NAMES))]
    if rng.random() < 0.4:
        kind, content = list(files().items())[rng.integers(len(files()))]
        (folder / f"{PHOTOGRAPH}.png").write_bytes(mutated(rng, content, sides=(WIDTH, HEIGHT)))
        name = kind if rng.random() < 0.7 else name
    if rng.random() < 0.4:
        (folder / MASK).write_bytes(mutated(rng, (folder / MASK).read_bytes(), sides=(WIDTH, HEIGHT)))
    region = {"region": [HOSTILE_VALUES[rng.integers(len(HOSTILE_VALUES))] for _ in range(4)]}
    bodies = {
        "edits": mutated_text(rng, json.dumps(_EDITS)),
        "masks": (folder / MASK).read_bytes(),
        "restore": json.dumps(region).encode("utf-8", "surrogatepass") if rng.random() < 0.5 else b"{}",
        "save": mutated_text(rng, '{"replace": true}'),
    }
    chosen = [list(bodies)[index] for index in rng.integers(len(bodies), size=4)]
    requests = [{"what": what, "body": bodies[what].decode("latin-1")} for what in chosen]
    (folder / _REQUESTS).write_text(json.dumps({"name": name, "requests": requests}), encoding="utf-8")
    return f"{name!r}, {', '.join(chosen)}"


class _Page:
    """The application without a server: requests go in and answers come out."""

    def __init__(self, desk: Desk, uploads: Path):
        from pconv_jax.page.server import application

        self._app = application(desk, uploads)

    def ask(self, method: str, path: str, *, query: str = "", body: bytes = b"") -> tuple[int, bytes]:
        """Status and body of an answer."""
        sent: list[dict[str, Any]] = []
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if not waiting:
                await asyncio.Event().wait()  # whoever asked stays
            return waiting.pop()

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {
            **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http"},
            **{"path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": ""},
            **{"headers": [], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2)},
        }
        asyncio.run(self._app(scope, receive, send))  # type: ignore[arg-type]  # its types are wider
        status = next(message["status"] for message in sent if message["type"] == "http.response.start")
        return status, b"".join(message.get("body", b"") for message in sent)


def _enter(folder: Path, out: Path) -> None:
    """Uploads the photograph and the mask, sends the requests, waits, and looks at every picture."""
    detector = Detector(load_detector(folder / _DETECTOR))
    inpainter = Inpainter.from_pretrained(folder / WEIGHTS)
    with tempfile.TemporaryDirectory(prefix="hostile-page-") as name:
        kept, uploads = Path(name) / "kept", Path(name) / "uploads"
        kept.mkdir()
        uploads.mkdir()

        def look(
            photograph: Photograph,
            path: Path,
            *,
            linear: bool,
            notes: list[str],
            progress: Callable[[int, int], object],
        ) -> DamageMap:
            return detector(photograph.as_array, linear=linear, progress=progress)

        desk = Desk(look, inpainter, out=out, folder=kept)
        try:
            _talk(_Page(desk, uploads), folder)
        finally:
            desk.shut()
        left = [path.name for path in Path(name).iterdir() if path.name not in ("kept", "uploads")]
        if left:
            raise Fault(f"written beside the uploads: {left}")


def _talk(page: _Page, folder: Path) -> None:
    plan = json.loads((folder / _REQUESTS).read_text(encoding="utf-8"))
    query = "name=" + urllib.parse.quote(plan["name"].encode("utf-8", "surrogatepass"))
    content = (folder / f"{PHOTOGRAPH}.png").read_bytes()
    status, body = page.ask("POST", "/api/photographs", query=query, body=content)
    _check(status, body)
    if status != 200:
        return
    one = f"/api/photographs/{json.loads(body)['name']}"
    _wait(page)
    for request in plan["requests"]:
        method = "PUT" if request["what"] == "edits" else "POST"
        body = request["body"].encode("latin-1")
        _check(*page.ask(method, f"{one}/{request['what']}", query="name=mask.png", body=body))
    _wait(page)
    for what in ("before.jpg", "after.jpg", "found.png", "mask.png", "covered", "detail/before.jpg", "download"):
        status, body = page.ask("GET", f"{one}/{what}", query="left=0&top=0&right=9&bottom=9")
        if status >= 500 and status != 507:
            raise Fault(f"{what}: status {status} with {body[:200]!r}")


def _check(status: int, body: bytes) -> None:
    """An answer is JSON, and a refusal a sentence."""
    if status >= 500:
        raise Fault(f"status {status} with {body[:300]!r}")
    answer = json.loads(body)
    if status >= 400:
        check_said(answer["error"])


def _wait(page: _Page) -> None:
    end = time.monotonic() + _WAIT
    while time.monotonic() < end:
        status, body = page.ask("GET", "/api/state")
        _check(status, body)
        jobs = json.loads(body)["jobs"]
        for job in jobs:
            check_said(str(job))
        if all(job["state"] not in ("waiting", "running") for job in jobs):
            return
        time.sleep(0.05)
    raise Fault(f"still busy after {_WAIT} s")


DOORS = (Door("page", _prepare, _damage, _enter, seconds=30),)
