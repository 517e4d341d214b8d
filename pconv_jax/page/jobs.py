"""Long work of the page: one job at a time, with progress, that can be cancelled."""

import dataclasses
import itertools
import queue
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from pconv_jax.common.errors import InputError

_PATIENCE = 3.0  # seconds; what XLA compiles cannot be interrupted
_KEPT = 50  # finished jobs whose outcome can still be asked for


class Cancelled(Exception):
    """A job was cancelled."""


@dataclasses.dataclass(eq=False)
class Job:
    """A piece of work.

    Attributes:
        number: its number.
        photograph: which photograph it is about; empty for none.
        kind: what it does, such as "open", "find", "restore" or "save".
        work: does it.
        state: "waiting", "running", "done", "failed" or "cancelled".
        done: steps done.
        total: steps in all; 0 while that is not known.
        message: why it failed; empty if it did not.
        timed: the steps that were done and when, in seconds of a clock that never goes back: at the first progress and
            at the latest.
        cancelled: set when it is to stop.
        finished: set when it has ended, in whichever way.
    """

    number: int
    photograph: str
    kind: str
    work: Callable[["Job"], None]
    state: str = "waiting"
    done: int = 0
    total: int = 0
    message: str = ""
    timed: tuple[tuple[int, float], tuple[int, float]] | None = None
    cancelled: threading.Event = dataclasses.field(default_factory=threading.Event)
    finished: threading.Event = dataclasses.field(default_factory=threading.Event)

    def progress(self, done: int, total: int) -> None:
        """Notes how far it is.

        Raises:
            Cancelled: it is to stop.
        """
        if total != self.total:
            self.timed = None
        self.done, self.total = done, total
        if done:
            latest = (done, time.monotonic())
            self.timed = (self.timed[0] if self.timed else latest, latest)
        if self.cancelled.is_set():
            raise Cancelled

    def run(self) -> None:
        """Does the work, and notes what came of it."""
        try:
            self.progress(0, 0)
            self.state = "running"
            self.work(self)
            self.state = "done"
        except Cancelled:
            self.state = "cancelled"
        except (InputError, MemoryError) as error:
            self.state, self.message = "failed", str(error) or "not enough memory: close other programs"
        except Exception as error:  # noqa: BLE001 - the page must go on, and say so
            traceback.print_exc()
            self.state, self.message = "failed", f"{type(error).__name__}: {error} (a fault of the program)"
        self.finished.set()

    def to_json(self) -> dict[str, Any]:
        """What the page shows of it."""
        return {
            **{name: getattr(self, name) for name in ("number", "photograph", "kind", "state", "done", "total")},
            "message": self.message,
            "seconds_left": self._seconds_left() if self.state == "running" else None,
        }

    def _seconds_left(self) -> float | None:
        """By the steps after the first, which may have waited for the compiler; None before there are any."""
        if self.timed is None or self.timed[1][0] <= self.timed[0][0]:
            return None
        (first, since), (latest, now) = self.timed
        return (now - since) / (latest - first) * (self.total - latest)


class Jobs:
    """A thread that does one job after the other."""

    def __init__(self) -> None:
        """Starts the thread, which ends with the process."""
        self._numbers = itertools.count(1)
        self._waiting: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._jobs: dict[int, Job] = {}
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="page jobs", daemon=True)
        self._thread.start()

    def submit(self, kind: str, photograph: str, work: Callable[[Job], None]) -> Job:
        """Queues a job.

        Args:
            kind: what it does.
            photograph: which photograph it is about.
            work: does it; calls `Job.progress` now and then.
        """
        with self._lock:
            job = Job(next(self._numbers), photograph, kind, work)
            self._jobs[job.number] = job
            over = [each.number for each in self._jobs.values() if each.finished.is_set()][:-_KEPT]
            for number in over:
                del self._jobs[number]
        self._waiting.put(job)
        return job

    def cancel(self, *, number: int | None = None, photograph: str | None = None) -> None:
        """Cancels a job, or those of a photograph, or all; one that runs ends at its next step."""
        for job in self.listed():
            if number in (None, job.number) and photograph in (None, job.photograph):
                job.cancelled.set()

    def forget(self, number: int) -> None:
        """Forgets a job that has ended: its outcome was seen."""
        with self._lock:
            if (job := self._jobs.get(number)) is not None and job.finished.is_set():
                del self._jobs[number]

    def listed(self) -> list[Job]:
        """All jobs, the oldest first."""
        with self._lock:
            return list(self._jobs.values())

    def close(self) -> None:
        """Cancels what is left, and waits a moment for the job that runs."""
        self.cancel()
        self._waiting.put(None)
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        while (job := self._waiting.get()) is not None:
            job.run()
