"""Long work of the page: one job at a time, the most urgent first, with progress, that can be cancelled."""

import dataclasses
import itertools
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from pconv_jax.common.errors import InputError

_PATIENCE = 3.0  # seconds; what XLA compiles cannot be interrupted
_KEPT = 50  # finished jobs whose outcome can still be asked for
_PAUSES = ("find",)  # kinds that let shorter ones pass between two of their steps
_SEARCH = 2
_URGENCY = {"save": 0, "download": 0, "restore": 0, "open": 1, "close": 1}  # 0 for what somebody waits for


def _urgency(kind: str, *, chosen: bool) -> int:
    return _URGENCY.get(kind, _SEARCH if chosen else _SEARCH + 1)


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
        pause: called at each step, where it may let others pass.
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
    pause: Callable[["Job"], None] = lambda job: None
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
        self.check_cancelled()
        self.pause(self)
        self.check_cancelled()

    def check_cancelled(self) -> None:
        """Ends the work.

        Raises:
            Cancelled: it is to stop.
        """
        if self.cancelled.is_set():
            raise Cancelled

    def run(self) -> None:
        """Does the work, and notes what came of it."""
        try:
            self.check_cancelled()
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
    """A thread that does one job after the other: the most urgent first, those of one photograph in their order.

    A search lets what is short and asked for pass, also after it has begun: it goes on where it was.

    Attributes:
        chosen: the photograph that is looked at, whose search comes before those of others.
    """

    def __init__(self) -> None:
        """Starts the thread, which ends with the process."""
        self.chosen = ""
        self._numbers = itertools.count(1)
        self._waiting: list[Job] = []  # the oldest first
        self._begun: list[Job] = []  # the one that runs is the last; those before it let it pass
        self._jobs: dict[int, Job] = {}
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="page jobs", daemon=True)
        self._thread.start()

    def submit(self, kind: str, photograph: str, work: Callable[[Job], None]) -> Job:
        """Queues a job.

        Args:
            kind: what it does.
            photograph: which photograph it is about.
            work: does it; calls `Job.progress` now and then.
        """
        with self._changed:
            job = Job(next(self._numbers), photograph, kind, work)
            if kind in _PAUSES:
                job.pause = self._let_pass
            self._jobs[job.number] = job
            over = [each.number for each in self._jobs.values() if each.finished.is_set()][:-_KEPT]
            for number in over:
                del self._jobs[number]
            self._waiting.append(job)
            self._changed.notify()
        return job

    def cancel(self, *, number: int | None = None, photograph: str | None = None) -> None:
        """Cancels a job, those of a photograph, or all: what waits has ended then, what runs ends at its next step."""
        with self._changed:
            for job in self._jobs.values():
                if number in (None, job.number) and photograph in (None, job.photograph):
                    job.cancelled.set()
                    if job in self._waiting:
                        self._waiting.remove(job)
                        job.state = "cancelled"
                        job.finished.set()

    def forget(self, number: int) -> None:
        """Forgets a job that has ended: its outcome was seen."""
        with self._changed:
            if (job := self._jobs.get(number)) is not None and job.finished.is_set():
                del self._jobs[number]

    def listed(self) -> list[Job]:
        """All jobs, the oldest first."""
        with self._changed:
            return list(self._jobs.values())

    def to_json(self) -> list[dict[str, Any]]:
        """What the page shows of all jobs, the oldest first: also how many come before one that waits."""
        with self._changed:
            urgency = self._urgencies()
            order = sorted(self._waiting, key=lambda job: (urgency[job], job.number))
            before = {job: at + sum(not _passes(job, each) for each in self._begun) for at, job in enumerate(order)}
            before |= {job: len(self._begun) - at for at, job in enumerate(self._begun, 1)}
            return [{**job.to_json(), "before": before.get(job, 0)} for job in self._jobs.values()]

    def close(self) -> None:
        """Cancels what is left, and waits a moment for the job that runs."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self.cancel()
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        while (job := self._next()) is not None:
            self._do(job)

    def _next(self) -> Job | None:
        """Waits for a job; None once all is closed."""
        with self._changed:
            while not self._closed:
                if (job := self._take()) is not None:
                    return job
                self._changed.wait()
        return None

    def _do(self, job: Job) -> None:
        try:
            job.run()
        finally:
            with self._changed:
                self._begun.remove(job)

    def _let_pass(self, job: Job) -> None:
        """Does what is more urgent than a search, while that waits."""
        while not job.cancelled.is_set() and (other := self._take(before=job)) is not None:
            job.state = "waiting"
            self._do(other)
            job.state, job.timed = "running", None  # the time that the other took is none of its steps'

    def _take(self, *, before: Job | None = None) -> Job | None:
        """Takes the most urgent of those that may begin now, or that pass a search; None for none."""
        with self._changed:
            urgency = self._urgencies()
            busy = {job.photograph for job in self._begun}
            free = [
                job for job in self._waiting if job.photograph not in busy and (before is None or _passes(job, before))
            ]
            job = min(free, key=lambda job: (urgency[job], job.number), default=None)
            if self._closed or job is None:
                return None
            self._waiting.remove(job)
            self._begun.append(job)
            return job

    def _urgencies(self) -> dict[Job, int]:
        """How urgent each job is: as much as the most urgent that waits for it, a later one of its photograph."""
        urgency: dict[Job, int] = {}
        most: dict[str, int] = {}
        for job in reversed((*self._begun, *self._waiting)):
            own = _urgency(job.kind, chosen=job.photograph == self.chosen)
            urgency[job] = most[job.photograph] = min(own, most.get(job.photograph, own))
        return urgency


def _passes(job: Job, begun: Job) -> bool:
    """Whether a job need not wait for one that has begun. No search passes another, or many were in memory."""
    return begun.kind in _PAUSES and job.kind in _URGENCY
