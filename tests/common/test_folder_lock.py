"""The lock on a folder of results: one process at a time, whatever became of those before."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from pconv_jax.common import folder_lock
from pconv_jax.common.errors import InputError
from pconv_jax.common.folder_lock import LOCK_FILE, is_unused, locked_folder

HOLDS = """
import pathlib, sys
from pconv_jax.common.folder_lock import locked_folder
with locked_folder(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def another_process(folder):
    """A process that holds the folder."""
    command = [sys.executable, "-c", HOLDS, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.stdin.close()


def test_a_second_process_is_told_who_holds_the_folder_and_a_killed_one_holds_nothing(tmp_path):
    folder = tmp_path / "deep" / "run"
    with another_process(folder) as process:
        told = (
            rf"^--out {folder} is in use by process {process.pid} on {socket.gethostname()}: wait until that has "
            "ended, stop it, or choose another --out$"
        )
        with pytest.raises(InputError, match=told), locked_folder(folder):
            pytest.fail("two processes hold the folder")
        assert json.loads((folder / LOCK_FILE).read_text())["process"] == process.pid
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert is_unused(folder) and (folder / LOCK_FILE).exists()
    with locked_folder(folder):  # the file that was left is no obstacle
        assert json.loads((folder / LOCK_FILE).read_text())["process"] == os.getpid()
    assert list(folder.iterdir()) == []


def test_nothing_is_left_of_a_folder_that_stayed_empty(tmp_path):
    with pytest.raises(ZeroDivisionError), locked_folder(tmp_path / "deep" / "run"):
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []
    with locked_folder(tmp_path / "run"):
        (tmp_path / "run" / "result").touch()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["result"]
    assert not is_unused(tmp_path / "run")


def test_a_folder_is_held_once_in_a_process_too(tmp_path):
    with (
        locked_folder(tmp_path),
        pytest.raises(InputError, match=f"in use by process {os.getpid()} on "),
        locked_folder(tmp_path),
    ):
        pass


def test_a_drive_without_locks_is_a_warning(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(folder_lock.fcntl, "flock", no_locks)
    told = "cannot be locked .Operation not supported.: start no second"
    with pytest.warns(UserWarning, match=told), locked_folder(tmp_path):
        pass


def test_a_folder_that_is_removed_in_the_meantime_is_no_error(tmp_path):
    with locked_folder(tmp_path / "run"):
        (tmp_path / "run" / LOCK_FILE).unlink()
        (tmp_path / "run").rmdir()
    assert list(tmp_path.iterdir()) == []


class PretendedLocks:
    """The locks of Windows, in this process; a byte of a file is locked until the file is closed."""

    LK_NBLCK = 2

    def __init__(self):
        self.held = {}

    def locking(self, descriptor, mode, count):
        place = os.fstat(descriptor).st_ino, os.lseek(descriptor, 0, os.SEEK_CUR)
        assert (mode, count) == (self.LK_NBLCK, 1) and place[1] > 1000  # others may read what the file says
        if self.held.get(place, descriptor) != descriptor:
            raise PermissionError(13, "Permission denied")
        self.held[place] = descriptor


def test_windows_has_locks_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_lock, "msvcrt", PretendedLocks(), raising=False)
    monkeypatch.setattr(folder_lock.sys, "platform", "win32")
    with (
        locked_folder(tmp_path),
        pytest.raises(InputError, match=f"in use by process {os.getpid()} on "),
        locked_folder(tmp_path),
    ):
        pass
    assert list(tmp_path.iterdir()) == []
