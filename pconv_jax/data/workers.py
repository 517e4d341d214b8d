"""Batches from worker processes; the state of their iterator does not depend on the number of processes.

Each worker sends its batches through a pipe of its own, and nothing else is shared, so that a worker that is killed at
any instant ends its pipe and holds nothing that the others wait for. (Grain's own processes share locks and queues with
this one: killed while it holds one, a worker leaves everybody waiting for ever.)
"""

import atexit
import contextlib
import multiprocessing
import os
import pickle
import signal
import traceback
import warnings
import weakref
from collections.abc import Generator
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import numpy as np

from pconv_jax.common.worker_process import prepare_worker_process

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    import grain

_PATIENCE = 5  # seconds to wait for a process that was killed


class WorkerDied(RuntimeError):
    """A worker process ended without being asked to: the message says how."""


def in_processes(
    batches: "grain.MapDataset[Any]", workers: int, *, read: "grain.ReadOptions"
) -> "grain.IterDataset[Any]":
    """Makes batches in worker processes, in the order of `batches`.

    Unlike those of Grain's `mp_prefetch`, the state does not depend on the number of processes, iterators that were
    not closed cause no errors at exit, and workers that are killed are noticed at once.

    Args:
        batches: a sequence with random access.
        workers: number of processes, at least 1.
        read: number of threads and of prefetched batches within a process.

    Returns:
        A Grain dataset. The state of its iterators is {"next_index": number of batches taken}, as it is for
        `batches.to_iter_dataset()`. They raise `WorkerDied`, or what a worker raised; after that, or if they are
        interrupted, they continue from their state, with new workers.
    """
    import grain

    class Iterator(grain.DatasetIterator):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self._taken = 0
            self._workers: list[_Worker] = []  # that of the next batch first
            # At exit Python waits for the processes that it started, and these only end when they are told to.
            atexit.register(_close_if_alive, weakref.ref(self))

        def __next__(self) -> Any:
            self._assert_not_closed()
            if not self._workers:
                self._workers = [_Worker() for _ in range(workers)]
                for place, worker in enumerate(self._workers):
                    worker.start(batches[self._taken + place :: workers], read)
            try:
                batch = self._workers[0].receive()
            except BaseException:  # an interrupt too: it may have come in mid-batch
                self._stop()
                raise
            self._workers.append(self._workers.pop(0))
            self._taken += 1
            return batch

        def get_state(self) -> dict[str, Any]:
            return {"next_index": self._taken}

        def set_state(self, state: dict[str, Any]) -> None:
            self._stop()
            self._taken = state["next_index"]

        def close(self) -> None:
            super().close()
            self._stop()

        def _stop(self) -> None:
            stopped, self._workers = self._workers, []
            for worker in stopped:
                worker.end()

    class Batches(grain.IterDataset):  # type: ignore[misc]
        def __iter__(self) -> Iterator:
            return Iterator()

    return Batches()


class _Worker:
    """A worker process and this end of its pipe."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process: SpawnProcess = context.Process(
            target=_send_batches, args=(theirs,), daemon=True, name="data worker"
        )
        # What is to be done is sent later: starting a process that is killed meanwhile waits for ever to pass on more
        # than a pipe holds.
        self._process.start()
        theirs.close()  # the worker has the only one now, so that its end is the end of the pipe

    def start(self, batches: Any, read: Any) -> None:
        """Tells the worker what to make."""
        import cloudpickle

        with self._noticing_its_end():
            self._pipe.send_bytes(cloudpickle.dumps((batches, read)))

    def receive(self) -> Any:
        """Waits for the next batch, and warns of what the worker warned of: here it is said once, and in a line."""
        while isinstance(received := self._received(), Warning):
            warnings.warn(received, stacklevel=2)
        if isinstance(received, Exception):
            raise received
        return received

    def _received(self) -> Any:
        with self._noticing_its_end():
            return _receive(self._pipe)

    @contextlib.contextmanager
    def _noticing_its_end(self) -> Generator[None]:
        try:
            yield
        except (EOFError, OSError) as error:
            self._process.join(_PATIENCE)
            raise WorkerDied(f"a data worker process {_end(self._process.exitcode)}") from error

    def end(self) -> None:
        """Ends the process, whatever it is at: it holds nothing that others need."""
        self._pipe.close()
        self._process.kill()
        self._process.join(_PATIENCE)


def _close_if_alive(reference: Any) -> None:
    iterator = reference()
    if iterator is not None:
        iterator.close()


def _end(code: int | None) -> str:
    """How a process ended, by its exit code."""
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    with contextlib.suppress(ValueError):
        name = signal.Signals(-code).name
        return f"was killed by {name}{' (out of memory?)' if name == 'SIGKILL' else ''}"  # which Windows has not
    return f"was killed by signal {-code}"


def _send_batches(pipe: Connection) -> None:
    """What a worker process does: makes batches as long as they are read."""
    prepare_worker_process()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the parent gets it too, and saves before it ends
    with contextlib.suppress(BrokenPipeError, EOFError, ConnectionResetError):  # the parent has closed it, or has died
        _send_all(pipe)
    os._exit(0)  # without waiting for the threads that read ahead


def _send_all(pipe: Connection) -> None:
    import cloudpickle

    warned: list[Warning] = []  # by the threads that read ahead
    warnings.showwarning = lambda message, category, *_, **__: warned.append(
        message if isinstance(message, Warning) else category(message)
    )
    try:
        batches, read = cloudpickle.loads(pipe.recv_bytes())
        for batch in batches.to_iter_dataset(read):
            while warned:
                _send(pipe, warned.pop(0))
            _send(pipe, batch)
    except (BrokenPipeError, EOFError, ConnectionResetError):
        raise
    except Exception as error:  # noqa: BLE001 - the parent raises it
        error.add_note("".join(traceback.format_exception(error)))
        _send(pipe, error)


def _send(pipe: Connection, content: Any) -> None:
    """Sends a batch or an exception; arrays as they lie in memory, behind the rest."""
    arrays: list[pickle.PickleBuffer] = []
    rest = pickle.dumps(content, protocol=5, buffer_callback=arrays.append)
    views = [array.raw() for array in arrays]
    pipe.send((rest, [len(view) for view in views]))
    for view in views:
        if not hasattr(os, "readv"):  # on Windows, where pipes are not files
            pipe.send_bytes(view)
            continue
        while view:
            view = view[os.write(pipe.fileno(), view) :]


def _receive(pipe: Any) -> Any:
    """What `_send` sent; reads arrays to where they stay, as `Connection.recv` copies them twice."""
    rest, sizes = pipe.recv()
    arrays = [np.empty(size, np.uint8) for size in sizes]
    for array in arrays:
        view = array.data
        if not hasattr(os, "readv"):
            pipe.recv_bytes_into(view)
            continue
        while view:
            count = os.readv(pipe.fileno(), [view])
            if not count:
                raise EOFError
            view = view[count:]
    return pickle.loads(rest, buffers=arrays)  # noqa: S301 - from a process that this one started
