"""Starts the page: a server on this machine alone, and the browser."""

import contextlib
import os
import secrets
import shutil
import socket
import tempfile
import threading
import webbrowser
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import psutil

from pconv_jax.common.cache import cache_folder
from pconv_jax.common.errors import InputError, reason
from pconv_jax.inpainting.inpainter import Inpainter
from pconv_jax.page.desk import Desk
from pconv_jax.page.photographs import Look

HOST = "127.0.0.1"
DEFAULT_PORT = 7411
_LOOK = 0.2  # seconds
_PATIENCE = 5.0  # seconds for requests that are being answered
_WARM_UP = ((96, 6), (300, 14))  # sides of squares, and of holes in them, that need windows of the usual sizes


def serve(
    photographs: Sequence[Path],
    look: Look,
    inpainter: Inpainter,
    *,
    out: Path,
    port: int | None = None,
    browser: bool = True,
    max_pixels: int | None = None,
) -> None:
    """Serves the page until Ctrl-C.

    Args:
        photographs: to open at once.
        look: looks for damage.
        inpainter: restores.
        out: folder for the results.
        port: to serve on; by default `DEFAULT_PORT`, or any that is free.
        browser: open the page in the browser.
        max_pixels: of a photograph, as for `read_photograph`.

    Raises:
        InputError: the port is taken, or there is no room for what is kept meanwhile.
    """
    import uvicorn

    from pconv_jax.page.guard import Guard
    from pconv_jax.page.server import application

    with _listening(port) as listener, _folder_of_this_process() as folder:
        chosen = listener.getsockname()[1]
        key = secrets.token_urlsafe(16)
        uploads, kept = folder / "uploads", folder / "photographs"
        uploads.mkdir()
        kept.mkdir()
        desk = Desk(look, inpainter, out=out, folder=kept, max_pixels=max_pixels)
        app = Guard(application(desk, uploads), secret=key, port=chosen)
        config = uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        serving = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        try:
            threading.Thread(target=_warm_up, args=(desk, inpainter), daemon=True).start()
            for path in photographs:
                desk.open(path)
            address = f"http://{HOST}:{chosen}/?key={key}"
            print(f"the page is at {address}\nCtrl-C ends it; results go to {out}", flush=True)
            if browser:
                threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
            serving.start()
            while serving.is_alive():  # in a thread of its own, where it leaves Ctrl-C to this one
                serving.join(_LOOK)
        except KeyboardInterrupt:  # the way in which the page ends
            pass
        finally:
            server.should_exit = True
            if serving.is_alive():
                serving.join(_PATIENCE)
            desk.shut()


def _warm_up(desk: Desk, inpainter: Inpainter) -> None:
    """Compiles what a first photograph needs while the person looks at it."""
    for side, hole in _WARM_UP:
        marked = np.zeros((side, side), bool)
        marked[side // 2 : side // 2 + hole, side // 2 : side // 2 + hole] = True
        inpainter(np.full((side, side, 3), 128, np.uint8), hole=marked)
    desk.ready.set()


@contextlib.contextmanager
def _listening(port: int | None) -> Iterator[socket.socket]:
    """A socket on a port of this machine that others cannot reach."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
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
            if not _is_alive(left.name):
                shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-{int(psutil.Process().create_time())}-", dir=root))
    except OSError as error:
        raise InputError(f"{root} cannot be used ({reason(error)}): set PCONV_JAX_CACHE to a folder") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_alive(name: str) -> bool:
    """Whether the process whose folder it is still runs; a number of a process can come again, with another start."""
    number, _, rest = name.partition("-")
    started = rest.partition("-")[0]
    try:
        return int(psutil.Process(int(number)).create_time()) == int(started)
    except (ValueError, psutil.Error):
        return False
