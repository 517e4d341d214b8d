"""What requests of the page bring: files, values, names."""

from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from pconv_jax.common.errors import InputError, reason
from pconv_jax.common.json_values import read_json

MOST_UPLOADED = 2**30
"""Bytes of a file that is dropped on the page."""
_LONGEST_NAME = 180  # bytes, of the 255 that most file systems allow: results have longer names


async def json(request: Request) -> dict[str, Any]:
    """The values in the body of a request.

    Raises:
        InputError: it is no JSON, or no object.
    """
    try:
        values = read_json(await request.body())
    except ValueError as error:
        raise InputError("the request is no JSON: reload the page") from error
    if not isinstance(values, dict):
        raise InputError("the request is incomplete: reload the page")
    return values


def four_numbers(values: Any) -> list[int]:
    """Left, top, right and bottom of a region, px.

    Raises:
        InputError: they are none.
    """
    try:
        left, top, right, bottom = (max(0, int(value)) for value in values)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError("a region is left, top, right and bottom, px: reload the page") from error
    return [left, top, right, bottom]


def one_number(value: Any) -> int:
    """The longest side of a picture, px, at least 1.

    Raises:
        InputError: it is none.
    """
    try:
        return max(1, int(value))
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError("the longest side of a picture is a number of px: reload the page") from error


def file_name(given: str) -> str:
    """The name alone, its end if it is long: no part of a path, on any system.

    Raises:
        InputError: nothing is left of it.
    """
    name = given.replace("\\", "/").rpartition("/")[2].replace("\0", "").strip()
    if name in ("", ".", ".."):
        raise InputError("the file has no name: rename it")
    name = name[-_LONGEST_NAME:]
    while len(name.encode("utf-8", "replace")) > _LONGEST_NAME:  # what file systems count
        name = name[1:]
    return name


async def receive(request: Request, path: Path) -> None:
    """Writes the bytes of a request to a file.

    Raises:
        InputError: there are too many, they cannot be written, or the browser has left.
    """
    _check_size(path.name, int(request.headers.get("content-length", 0)))
    received = 0
    try:
        with path.open("wb") as stream:
            async for chunk in request.stream():
                received += len(chunk)
                _check_size(path.name, received)
                await run_in_threadpool(stream.write, chunk)
    except ClientDisconnect as error:
        raise InputError(f"{path.name} came only in part: drop it again") from error
    except OSError as error:
        raise InputError(f"{path.name} cannot be kept ({reason(error)}): make room on the disk") from error


def _check_size(name: str, size: int) -> None:
    if size > MOST_UPLOADED:
        raise InputError(
            f"{name} has more than {MOST_UPLOADED / 2**30:.0f} GiB: name it on the command line, `pconv-jax page FILE`"
        )
