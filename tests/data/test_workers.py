"""Worker processes that are killed, or that raise: told at once, and the batches go on from the same place."""

import itertools
import multiprocessing
import os
import signal
import threading
import time
import warnings

import numpy as np
import pytest
from batches import Damaged, Shades, equal, first, training

from pconv_jax.data import workers as worker_processes
from pconv_jax.data.workers import WorkerDied


def workers():
    return [child for child in multiprocessing.active_children() if child.name == "data worker"]


class Faulty(Shades):
    """One of the images cannot be read, for a reason that nobody foresaw."""

    def __getitem__(self, index):
        if index == 2:
            raise ZeroDivisionError("nobody foresaw this")
        return super().__getitem__(index)


@pytest.mark.parametrize("when", ["at its start", "while it sends"])
def test_a_killed_worker_is_told_and_new_ones_go_on_from_there(when):
    settings = {"image_size": 128, "batch_size": 8}  # 3 MB: more than a pipe holds, so a part of the next one is sent
    expected = first(training(Shades(5), **settings), 4)
    iterator = iter(training(Shades(5), workers=1, **settings))
    taken = []
    if when == "at its start":
        threading.Timer(0.3, lambda: os.kill(workers()[0].pid, signal.SIGKILL)).start()
    else:
        taken += itertools.islice(iterator, 2)
        (worker,) = workers()
        os.kill(worker.pid, signal.SIGTERM)  # as to all processes of a job; this one is left to its parent
        time.sleep(0.5)
        assert worker.is_alive()
        os.kill(worker.pid, signal.SIGKILL)
    started = time.monotonic()
    with pytest.raises(WorkerDied, match=r"^a data worker process was killed by SIGKILL \(out of memory\?\)"):
        next(iterator)
    assert time.monotonic() - started < 20
    assert not workers() and iterator.get_state() == {"next_index": len(taken)}
    taken += itertools.islice(iterator, 4 - len(taken))
    assert equal(taken, expected)
    iterator.close()
    assert not workers()


def test_what_workers_warn_of_is_said_once_by_their_parent(capfd):
    with pytest.warns(UserWarning, match=r"^1\.jpg is damaged: copy it again; until then the next image") as caught:
        found = first(training(Damaged(3), workers=2), 4)
    assert {str(warning.message) for warning in caught} == {str(caught[0].message)}
    assert "UserWarning" not in capfd.readouterr().err
    with warnings.catch_warnings(action="ignore"):
        assert equal(found, first(training(Damaged(3)), 4))


def test_what_a_worker_raises_is_raised_with_where_it_was():
    iterator = iter(training(Faulty(3), workers=1))
    with pytest.raises(ZeroDivisionError, match="nobody foresaw this") as raised:
        list(itertools.islice(iterator, 2))
    assert any("in __getitem__" in note for note in raised.value.__notes__)
    iterator.close()


@pytest.mark.parametrize("system", ["this one", "Windows"])
def test_what_goes_through_a_pipe_comes_out_of_it(system, monkeypatch):
    if system == "Windows":  # where pipes are not files
        monkeypatch.delattr(os, "readv")
        monkeypatch.setattr(os, "write", None)
    content = {"image": np.arange(2**18, dtype=np.float32).reshape(2, -1), "empty": np.zeros((0, 3)), "name": "a"}
    here, there = multiprocessing.Pipe()
    sender = threading.Thread(target=worker_processes._send, args=(there, content))  # more than a pipe holds
    sender.start()
    received = worker_processes._receive(here)
    sender.join()
    assert received.keys() == content.keys() and received["name"] == "a"
    np.testing.assert_array_equal(received["image"], content["image"])
    assert received["empty"].shape == (0, 3)
