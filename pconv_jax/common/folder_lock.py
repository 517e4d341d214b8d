"""A lock on a folder of results, so that two processes never write to the same one."""

import contextlib
import json
import os
import socket
import sys
import warnings
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO

from pconv_jax.common.atomic_write import is_temporary
from pconv_jax.common.errors import InputError, reason
from pconv_jax.common.json_values import read_json
from pconv_jax.common.output_folder import check_output_folder

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOCK_FILE = ".pconv-jax.lock"
_LOCKED_BYTE = 2**20  # beyond what the file says, which others may read on Windows too


@contextlib.contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Keeps a folder of results to this process, and makes the folder if need be.

    The lock belongs to the process and ends with it, in whichever way it ends, so a lock file that a killed process
    left blocks nobody. At the end the file is removed, and so are folders that were created and stayed empty.

    Args:
        folder: what `--out` names.

    Raises:
        InputError: another process holds it, or it cannot be used.
    """
    check_output_folder(folder)
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / LOCK_FILE
    try:
        with _locked(lock, folder):
            yield
    finally:
        for place in made:
            with contextlib.suppress(OSError):  # there are results in it
                place.rmdir()


@contextlib.contextmanager
def _locked(lock: Path, folder: Path) -> Iterator[None]:
    file = _open_locked(lock, folder)
    try:
        file.truncate(0)
        file.write(json.dumps({"process": os.getpid(), "host": socket.gethostname()}))
        file.flush()
        yield
    finally:
        if sys.platform == "win32":  # which removes no file that is open
            file.close()
        with contextlib.suppress(OSError):  # the folder may be gone, or another process waits for it on Windows
            lock.unlink()
        with contextlib.suppress(OSError):  # what is not written yet is not needed any more
            file.close()


def _open_locked(lock: Path, folder: Path) -> IO[str]:
    """The lock file, open and locked, and still the one of this name."""
    while True:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)  # Windows has it not
        file = os.fdopen(os.open(lock, flags, 0o666), "r+", encoding="utf-8")
        try:
            _lock(file)
        except BlockingIOError as error:
            holder = _holder(file)
            file.close()
            raise InputError(
                f"--out {folder} is in use by {holder}: wait until that has ended, stop it, or choose another --out"
            ) from error
        except OSError as error:  # some network drives have no locks
            warnings.warn(
                f"{folder} cannot be locked ({reason(error)}): start no second process with this --out", stacklevel=4
            )
            return file
        if sys.platform == "win32":  # where nobody removes a file that is open
            return file
        with contextlib.suppress(FileNotFoundError):  # the process before removed it before this one had locked it
            if os.path.samestat(lock.lstat(), os.fstat(file.fileno())):
                return file
        file.close()


def _lock(file: IO[str]) -> None:
    """Locks a file for this process, at once; a BlockingIOError if another has."""
    if sys.platform == "win32":
        os.lseek(file.fileno(), _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(*error.args) from error
        finally:
            os.lseek(file.fileno(), 0, os.SEEK_SET)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_unused(folder: Path, *, besides: Collection[str] = ()) -> bool:
    """Whether a folder does not exist, or holds nothing but the lock and what a killed process had not finished.

    Args:
        folder: the folder.
        besides: names in it that do not count.
    """
    if not folder.exists():
        return True
    return all(is_temporary(path) or path.name in (LOCK_FILE, *besides) for path in folder.iterdir())


def _holder(file: IO[str]) -> str:
    """Who holds a lock file, as it says itself."""
    try:
        content = read_json(file.read())
        return f"process {content['process']} on {content['host']}"
    except (ValueError, KeyError, TypeError):  # it was only just locked
        return "another process"
