"""Measures how long training takes, in wall and CPU time, and how much of that it waits."""

import contextlib
import multiprocessing
import time
from collections.abc import Iterator
from typing import Literal

import psutil

from experiments.train.training_time import TrainingTime

_Phase = Literal["compilation", "steps", "other"]


class Clock:
    """Time of a sitting: until the first step is done, then of steps and of the pauses between them."""

    def __init__(self) -> None:
        """Counts from now on."""
        self._phase: _Phase = "compilation"
        self._since = _now()
        self._spent: dict[_Phase, tuple[float, float]] = {
            "compilation": (0.0, 0.0),
            "steps": (0.0, 0.0),
            "other": (0.0, 0.0),
        }
        self._waited = 0.0

    def compiled(self) -> None:
        """The first step is done: what follows are steps."""
        self._enter("steps")
        self._waited = 0.0

    def read(self) -> tuple[float, float]:
        """Seconds of the steps after the first, and those of them spent waiting for data."""
        self._enter(self._phase)
        return self._spent["steps"][0], self._waited

    def total(self, steps: int) -> TrainingTime:
        """All of this sitting, which has taken so many steps."""
        self._enter(self._phase)
        (wall, cpu), compilation, other = (self._spent[phase] for phase in ("steps", "compilation", "other"))
        return TrainingTime(
            steps=steps,
            wall_seconds=wall,
            cpu_seconds=cpu,
            compilation_wall_seconds=compilation[0],
            compilation_cpu_seconds=compilation[1],
            other_wall_seconds=other[0],
            other_cpu_seconds=other[1],
        )

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Counts the time inside as waiting for data."""
        started = time.perf_counter()
        yield
        self._waited += time.perf_counter() - started

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Counts the time inside as "other", not as steps."""
        before = self._phase
        self._enter("other")
        yield
        self._enter(before)

    def _enter(self, phase: _Phase) -> None:
        now = _now()
        wall, cpu = self._spent[self._phase]
        self._spent[self._phase] = wall + now[0] - self._since[0], cpu + now[1] - self._since[1]
        self._phase, self._since = phase, now


def _now() -> tuple[float, float]:
    """Wall time, and CPU time of this process and of its children."""
    living = sum(map(_cpu_of_process, (child.pid for child in multiprocessing.active_children())))
    ended = psutil.Process().cpu_times()  # of its children that have ended; 0 on macOS and Windows
    return time.perf_counter(), time.process_time() + ended.children_user + ended.children_system + living


def _cpu_of_process(pid: int | None) -> float:
    """CPU time of another process so far; 0 if it has ended."""
    try:
        spent = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return spent.user + spent.system
