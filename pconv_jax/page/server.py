"""What the page asks for, by address. Failures are `{"error": sentence}` with a status of 400 and more."""

import mimetypes
import tempfile
import urllib.parse
from json import dumps
from pathlib import Path
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from pconv_jax.common.errors import InputError, reason
from pconv_jax.common.output import plain_text
from pconv_jax.detection.damage_map import Choice
from pconv_jax.page import bodies
from pconv_jax.page.bodies import file_name, four_numbers, json, one_number, receive
from pconv_jax.page.desk import Desk
from pconv_jax.page.jobs import Job
from pconv_jax.page.photographs import PREVIEW, OpenPhotograph
from pconv_jax.page.pictures import jpeg, marked_png, reduced

STATIC = Path(__file__).parent / "static"
_LARGEST_DETAIL = 4096  # px: of the largest screens
_LARGEST_PART = 8192  # px, that a detail is made of

for _ending, _kind in ((".js", "text/javascript"), (".css", "text/css"), (".svg", "image/svg+xml")):
    mimetypes.add_type(_kind, _ending)  # Windows reads them from its registry, where programs change them


def application(desk: Desk, uploads: Path) -> Starlette:
    """The application.

    Args:
        desk: what it works on.
        uploads: folder for files that are dropped on the page; exists.
    """
    pages = _Pages(desk, uploads)
    one = "/api/photographs/{name}"
    routes = [
        Route("/", lambda request: FileResponse(STATIC / "index.html")),
        Route("/api/state", pages.state),
        Route("/api/photographs", pages.upload, methods=["POST"]),
        Route(one, pages.close, methods=["DELETE"]),
        Route(f"{one}/chosen", pages.choose, methods=["POST"]),
        Route(f"{one}/edits", pages.edits),
        Route(f"{one}/edits", pages.change, methods=["PUT"]),
        Route(f"{one}/find", pages.find, methods=["POST"]),
        Route(f"{one}/linear", pages.take_for, methods=["POST"]),
        Route(f"{one}/dismissed", pages.dismiss, methods=["PUT"]),
        Route(f"{one}/masks", pages.load_mask, methods=["POST"]),
        Route(f"{one}/masks/{{mask:str}}.png", pages.loaded_mask),
        Route(f"{one}/restore", pages.restore, methods=["POST"]),
        Route(f"{one}/save", pages.save, methods=["POST"]),
        Route(f"{one}/{{what:str}}.jpg", pages.preview),
        Route(f"{one}/detail/{{what:str}}.jpg", pages.detail),
        Route(f"{one}/found.png", pages.found),
        Route(f"{one}/mask.png", pages.mask),
        Route(f"{one}/covered", pages.covered),
        Route(f"{one}/download", pages.download),
        Route("/api/jobs/{number:int}", pages.cancel, methods=["DELETE"]),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    handlers: Any = {InputError: _refused, KeyError: _unknown, FileExistsError: _exists, OSError: _failed}
    return Starlette(routes=routes, exception_handlers=handlers)


class _Answer(JSONResponse):
    """An answer in JSON. What is not UTF-8 in the name of a file is shown as question marks."""

    def render(self, content: Any) -> bytes:
        text = dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


class _Pages:
    """The answers. Those that are not `async` run in threads, so that they may take their time."""

    def __init__(self, desk: Desk, uploads: Path):
        self._desk, self._uploads = desk, uploads

    def state(self, request: Request) -> Response:
        """All photographs and jobs."""
        desk = self._desk
        return _Answer(
            {
                "getting_ready": _unfinished(desk.getting_ready),
                "most_uploaded": bodies.MOST_UPLOADED,
                "thickest_line": desk.thickest_line,
                "photographs": [each.to_json() for each in desk.photographs],
                "jobs": desk.jobs.to_json(),
            }
        )

    async def upload(self, request: Request) -> Response:
        """Opens a file whose bytes are the request."""
        name = file_name(request.query_params.get("name", ""))
        with tempfile.TemporaryDirectory(dir=self._uploads) as folder:
            await receive(request, Path(folder, name))
            photograph = await run_in_threadpool(self._desk.open, Path(folder, name), dropped=True)
        return _Answer(photograph.to_json())

    def close(self, request: Request) -> Response:
        """Forgets a photograph."""
        self._desk.close(self._photograph(request))
        return _Answer({})

    def choose(self, request: Request) -> Response:
        """Looks for damage in a photograph before others, as it is looked at."""
        self._desk.choose(self._photograph(request))
        return _Answer({})

    def edits(self, request: Request) -> Response:
        """A photograph with its edits."""
        photograph = self._photograph(request)
        return _Answer({**photograph.to_json(), "edits": photograph.edits})

    async def change(self, request: Request) -> Response:
        """Takes other choices and edits."""
        photograph, values = self._photograph(request), await json(request)
        try:
            choice = Choice(
                sensitivity=float(values["sensitivity"]),
                tones=values["tones"],
                dilate=int(values["dilate"]),
            )
            revision, edits = int(values["revision"]), values["edits"]
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError("the change is incomplete: reload the page") from error
        await run_in_threadpool(photograph.change, revision, choice, edits)
        return _Answer(photograph.to_json())

    def find(self, request: Request) -> Response:
        """Looks for damage, if that was cancelled."""
        return _Answer(self._desk.find(self._photograph(request)).to_json())

    async def take_for(self, request: Request) -> Response:
        """Takes a photograph for linear in light, or not: `{"linear": bool}`."""
        photograph, values = self._photograph(request), await json(request)
        self._desk.take_for(photograph, linear=values.get("linear") is True)
        return _Answer(photograph.to_json())

    async def dismiss(self, request: Request) -> Response:
        """Takes warnings for read: `{"count": how many, from the first on}`."""
        photograph, values = self._photograph(request), await json(request)
        try:
            photograph.dismiss(int(values["count"]))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError("which warnings were read is missing: reload the page") from error
        return _Answer(photograph.to_json())

    async def load_mask(self, request: Request) -> Response:
        """Reads a mask; the answer names it, for an edit, and says what may not be meant."""
        photograph = self._photograph(request)
        name = file_name(request.query_params.get("name", ""))
        with tempfile.TemporaryDirectory(dir=self._uploads) as folder:
            await receive(request, Path(folder, name))
            mask, notes = await run_in_threadpool(self._desk.load_mask, photograph, Path(folder, name))
        return _Answer({"mask": mask, "notes": notes})

    def loaded_mask(self, request: Request) -> Response:
        """What a loaded mask marks: all of it in little, or a part as for `detail`."""
        return _marks(request, self._photograph(request).masks[request.path_params["mask"]])

    async def restore(self, request: Request) -> Response:
        """Restores all that is marked, or what is in a region: `{"region": [left, top, right, bottom]}`."""
        photograph, values = self._photograph(request), await json(request)
        region = values.get("region")
        if region is not None:
            left, top, right, bottom = four_numbers(region)
            job = self._desk.restore(photograph, region=(slice(top, bottom), slice(left, right)))
        else:
            job = self._desk.restore(photograph)
        return _Answer(job.to_json())

    async def save(self, request: Request) -> Response:
        """Writes the result: `{"replace": whether a file that exists may be replaced}`."""
        photograph, values = self._photograph(request), await json(request)
        replace = values.get("replace") is True
        job = await run_in_threadpool(self._desk.save, photograph, replace=replace)  # it may compare long files
        return _Answer(job.to_json())

    def preview(self, request: Request) -> Response:
        """The photograph before, or after, in little."""
        path = self._photograph(request).folder / f"{_what(request)}.jpg"
        if not path.exists():
            raise KeyError(path.name)
        return Response(path.read_bytes(), media_type="image/jpeg")  # at once: it may be replaced meanwhile

    def detail(self, request: Request) -> Response:
        """A part of the photograph before, or after: pixel by pixel, or as large as is asked for."""
        photograph, what = self._photograph(request), _what(request)
        pixels = photograph.load(what)
        if pixels is None:
            raise KeyError("no such picture")
        part = reduced(*_part(request, pixels))
        return Response(jpeg(part, icc=photograph.profile(what)), media_type="image/jpeg")

    def found(self, request: Request) -> Response:
        """What was found, before any edits: all of it in little, or a part as for `detail`."""
        return _marks(request, self._opened(request).found_hole())

    def mask(self, request: Request) -> Response:
        """What is marked, as a mask file."""
        photograph = self._opened(request)
        name = f"{Path(photograph.title).stem}_mask.png"
        return Response(
            _mask_file(photograph.hole()), media_type="image/png", headers={"Content-Disposition": _attached(name)}
        )

    def covered(self, request: Request) -> Response:
        """The share of the photograph that is marked."""
        return _Answer({"covered": self._opened(request).count()})

    def download(self, request: Request) -> Response:
        """The result, as it would be saved."""
        path = self._desk.export(self._photograph(request))
        return FileResponse(path, headers={"Content-Disposition": _attached(path.name)})

    def cancel(self, request: Request) -> Response:
        """Cancels a job, or forgets one that has ended."""
        self._desk.cancel(request.path_params["number"])
        return _Answer({})

    def _photograph(self, request: Request) -> OpenPhotograph:
        return self._desk.photograph(request.path_params["name"])

    def _opened(self, request: Request) -> OpenPhotograph:
        """A photograph whose pixels are there."""
        photograph = self._photograph(request)
        photograph.check_open()
        return photograph


def _unfinished(job: Job | None) -> dict[str, Any] | None:
    return None if job is None or job.finished.is_set() else job.to_json()


def _what(request: Request) -> str:
    what: str = request.path_params["what"]
    if what not in ("before", "after"):
        raise KeyError(what)
    return what


def _marks(request: Request, hole: np.ndarray) -> Response:
    part, longest = _part(request, hole) if "left" in request.query_params else (np.asarray(hole), PREVIEW)
    return Response(marked_png(part, longest), media_type="image/png")


def _part(request: Request, array: np.ndarray) -> tuple[np.ndarray, int]:
    """The part of a photograph's array that is asked for, and the longest side of its picture, px."""
    asked = [request.query_params.get(name) for name in ("left", "top", "right", "bottom")]
    left, top, right, bottom = four_numbers(asked)
    longest = one_number(request.query_params.get("longest", _LARGEST_DETAIL))
    part = array[top : min(bottom, top + _LARGEST_PART), left : min(right, left + _LARGEST_PART)]
    if not part.size:
        raise InputError("this region lies outside the photograph")
    return np.asarray(part), min(longest, _LARGEST_DETAIL)


def _mask_file(hole: np.ndarray) -> bytes:
    import cv2

    return cv2.imencode(".png", hole.astype(np.uint8) * np.uint8(255))[1].tobytes()


def _attached(name: str) -> str:
    return f"attachment; filename*=UTF-8''{urllib.parse.quote(name, errors='replace')}"


def _refused(request: Request, error: Exception) -> Response:
    return _Answer({"error": plain_text(str(error))}, 400)


def _unknown(request: Request, error: Exception) -> Response:
    return _Answer({"error": "it is not open any more: reload the page"}, 404)


def _exists(request: Request, error: Exception) -> Response:
    return _Answer({"error": plain_text(str(error)), "exists": True}, 409)


def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)
    name = plain_text(str(error.filename or "a file"))
    return _Answer({"error": f"{name} cannot be used ({reason(error)})"}, 500)
