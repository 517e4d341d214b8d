"""How long training takes, and how much of that it waits."""

import contextlib
import time
from collections.abc import Iterator


class Clock:
    """Seconds of training without pauses, and those of them spent waiting for data."""

    def __init__(self) -> None:
        """Counts from now on."""
        self._started, self._waited, self._paused = time.perf_counter(), 0.0, 0.0

    def read(self) -> tuple[float, float]:
        """Seconds in all, and seconds of waiting."""
        return time.perf_counter() - self._started - self._paused, self._waited

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Counts as waiting what happens inside."""
        started = time.perf_counter()
        yield
        self._waited += time.perf_counter() - started

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Does not count what happens inside."""
        started = time.perf_counter()
        yield
        self._paused += time.perf_counter() - started
