"""Starts the page: a server on this machine alone, and the browser."""

import contextlib
import functools
import os
import secrets
import shutil
import socket
import sys
import tempfile
import threading
import time
import webbrowser
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import psutil

from pconv_jax.common.cache import cache_folder
from pconv_jax.common.errors import InputError, reason
from pconv_jax.inpainting.inpainter import Inpainter
from pconv_jax.inpainting.windows import BROAD_MARGIN
from pconv_jax.page.desk import Desk
from pconv_jax.page.ending import end
from pconv_jax.page.jobs import Job
from pconv_jax.page.look import Look

HOST = "127.0.0.1"
DEFAULT_PORT = 7411
_LOOK = 0.2  # seconds
_LOCK = "lock"
_JUST_MADE = 60.0  # seconds
_PATIENCE = 5.0  # seconds for requests that are being answered
_FIRST = 60.0  # seconds at most
_HOLE = 6  # side of a hole for which programs are compiled, px: not broad
_DUSTY = 512  # side of a square with specks, px
_SPECKS = (128, 64)  # px between two of them: 16 of them and 64, computed in batches of 4 and of 16


def serve(
    photographs: Sequence[Path],
    look: Look,
    inpainter: Inpainter,
    *,
    out: Path,
    port: int | None = None,
    browser: bool = True,
    max_pixels: int | None = None,
) -> int:
    """Serves the page until Ctrl-C.

    Args:
        photographs: to open at once.
        look: looks for damage.
        inpainter: restores.
        out: folder for the results.
        port: to serve on; by default `DEFAULT_PORT`, or any that is free.
        browser: open the page in the browser.
        max_pixels: of a photograph, as for `read_photograph`.

    Returns:
        The exit status, as of `ending.end`.

    Raises:
        InputError: the port is taken, or there is no room for what is kept meanwhile.
    """
    import uvicorn

    from pconv_jax.page.guard import Guard
    from pconv_jax.page.server import application

    with _listening(port) as listener, _folder_of_this_process() as folder:
        chosen = listener.getsockname()[1]
        printed, opened = (secrets.token_urlsafe(16) for _ in range(2))
        uploads, kept = folder / "uploads", folder / "photographs"
        uploads.mkdir()
        kept.mkdir()
        desk = Desk(look, inpainter, out=out, folder=kept, max_pixels=max_pixels)
        app = Guard(application(desk, uploads), secret=printed, opened=opened, port=chosen)
        config = uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        serving = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        try:
            for path in photographs:
                desk.open(path)
            desk.get_ready(functools.partial(_warm_up, desk, inpainter))
            address = f"http://{HOST}:{chosen}/?key="
            print(f"the page is at {address}{printed}\nCtrl-C ends it; results go to {out}", flush=True)
            if browser:
                threading.Thread(target=webbrowser.open, args=(address + opened,), daemon=True).start()
            serving.start()
            while serving.is_alive():  # in a thread of its own, where it leaves Ctrl-C to this one
                serving.join(_LOOK)
        except KeyboardInterrupt:  # the way in which the page ends
            pass
        finally:
            server.should_exit = True
            with contextlib.suppress(KeyboardInterrupt):
                if serving.is_alive():
                    serving.join(_PATIENCE)
            status = end(desk)
    return status


def _warm_up(desk: Desk, inpainter: Inpainter, job: Job) -> None:
    """Compiles all that a photograph may need, the smallest first, while the person looks at what was found."""
    for each in desk.jobs.listed()[:2]:  # the first photograph is opened and looked through before
        each.finished.wait(_FIRST)
    steps = len(inpainter.windows) + len(_SPECKS)
    for done, size in enumerate(inpainter.windows):
        job.progress(1 + done, 1 + steps)  # the first step was to start
        image, hole = np.full((size, size, 3), 128, np.uint8), np.zeros((size, size), bool)
        hole[size // 2 : size // 2 + _HOLE, size // 2 : size // 2 + _HOLE] = True
        one_size = (size,) if size > 2 * BROAD_MARGIN else inpainter.windows
        Inpainter(inpainter.generator, windows=one_size, best=inpainter.best)(image, hole=hole)
    for done, apart in enumerate(_SPECKS, len(inpainter.windows)):
        job.progress(1 + done, 1 + steps)
        specks = np.zeros((_DUSTY, _DUSTY), bool)
        specks[apart // 2 :: apart, apart // 2 :: apart] = True
        inpainter(np.full((*specks.shape, 3), 128, np.uint8), hole=specks)


@contextlib.contextmanager
def _listening(port: int | None) -> Iterator[socket.socket]:
    """A socket on a port of this machine that others cannot reach."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if sys.platform == "win32":  # where SO_REUSEADDR lets two programs listen on one port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    with listener:
        try:
            listener.bind((HOST, DEFAULT_PORT if port is None else port))
        except (OSError, OverflowError) as error:
            if port is not None:
                raise InputError(f"--port {port} cannot be used ({error}): choose another, or leave it out") from error
            listener.bind((HOST, 0))
        listener.listen()
        yield listener


@contextlib.contextmanager
def _folder_of_this_process() -> Iterator[Path]:
    """A folder that only this user can read, removed at the end; those that killed processes left go first."""
    root = cache_folder() / "page"
    try:
        root.mkdir(parents=True, exist_ok=True)
        for left in root.iterdir():
            if not _is_in_use(left):
                shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-{int(psutil.Process().create_time())}-", dir=root))
        lock = (folder / _LOCK).open("xb")
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError as error:
        raise InputError(f"{root} cannot be used ({reason(error)}): set PCONV_JAX_CACHE to a folder") from error
    with lock:
        try:
            yield folder
        finally:
            if sys.platform == "win32":  # which removes no file that is open
                lock.close()
            shutil.rmtree(folder, ignore_errors=True)


def _is_in_use(folder: Path) -> bool:
    """Whether a page still runs whose folder it is, be it of another machine or container that shares the cache."""
    if sys.platform == "win32":  # by the number of the process
        return _is_alive(folder.name)
    import fcntl

    try:
        with (folder / _LOCK).open("rb+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:  # it is about to be locked, or of a version that had none
        return time.time() - folder.stat().st_mtime < _JUST_MADE or _is_alive(folder.name)
    except OSError:
        return True
    return False


def _is_alive(name: str) -> bool:
    """Whether the process whose folder it is still runs; a number of a process can come again, with another start."""
    number, _, rest = name.partition("-")
    started = rest.partition("-")[0]
    try:
        return int(psutil.Process(int(number)).create_time()) == int(started)
    except (ValueError, psutil.Error):
        return False
