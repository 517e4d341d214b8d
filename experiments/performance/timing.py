"""Timing: candidates take turns within one run and are compared round by round; memory, in fresh processes.

On a shared machine absolute times drift by a factor; the ratio of two timings a moment apart hardly does.
"""

import concurrent.futures
import dataclasses
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import psutil

from experiments.performance.table import Cell

# PyTorch's threads spin for about a millisecond after their work, which would slow down the next candidate.
_REST = 0.005


@dataclasses.dataclass(frozen=True)
class Timing:
    """Seconds of one candidate, a number each round."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median seconds."""
        return statistics.median(self.seconds)

    @property
    def milliseconds(self) -> float:
        """Median in milliseconds."""
        return self.median * 1e3

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, as a fraction of the median."""
        return _spread(self.seconds)

    def over(self, other: "Timing") -> "Ratio":
        """The ratio of this candidate's times to another's of the same rounds."""
        return Ratio(tuple(a / b for a, b in zip(self.seconds, other.seconds, strict=True)))


@dataclasses.dataclass(frozen=True)
class Ratio:
    """Ratios of the times of two candidates, one each round."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median of the ratios."""
        return statistics.median(self.rounds)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, as a fraction of the median."""
        return _spread(self.rounds)


def _spread(values: tuple[float, ...]) -> float:
    if len(values) < 2:
        return 0.0
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / 2 / middle


def interleave(candidates: Mapping[str, Callable[[], Any]], *, repeats: int, warmup: int = 2) -> dict[str, Timing]:
    """Times candidates in turn.

    Args:
        candidates: functions to time, by name; the time includes waiting for the JAX arrays that they return.
        repeats: number of timed rounds; each times every candidate once.
        warmup: number of untimed rounds before them, for compilation and caches.

    Returns:
        The timing of each candidate.
    """
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for index in range(warmup + repeats):
        for name, candidate in candidates.items():
            time.sleep(_REST)
            start = time.perf_counter()
            jax.block_until_ready(candidate())
            taken = time.perf_counter() - start
            if index >= warmup:
                seconds[name].append(taken)
    return {name: Timing(tuple(values)) for name, values in seconds.items()}


def compared(
    timings: Mapping[str, Timing], to: str, heading: str, peak: Callable[[str], float], **place: Cell
) -> list[dict[str, Cell]]:
    """Rows of a table: the time of each candidate, as a ratio to that of one of them, and its peak memory.

    Args:
        timings: of each candidate, by name.
        to: the one that the others are compared with.
        heading: of the column of the ratios.
        peak: peak memory of a candidate, MiB, by its name.
        place: the first columns: what was measured.

    Returns:
        A row for each candidate.
    """
    return [
        {
            **place,
            "method": name,
            "ms": timing.milliseconds,
            "± %": timing.spread * 100,
            heading: timing.over(timings[to]).median,
            "peak MiB": peak(name),
        }
        for name, timing in timings.items()
    ]


def in_fresh_process(function: Callable[..., Any], *args: Any) -> Any:
    """Calls a top-level function in a new Python process and returns its result.

    For what depends on the state of the process: imports, the number of simulated devices, peak memory.
    """
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(max_workers=1, mp_context=spawn) as pool:
        return pool.submit(function, *args).result()


def peak_mib() -> float:
    """Peak memory of this process so far, MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux, where getrusage starts a new process with the peak of its parent
        return int(status.read_text(encoding="utf-8").partition("VmHWM:")[2].split()[0]) / 2**10
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset / 2**20
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def available_cores() -> int:
    """CPU cores that this process may use; all of them where the system has no such limit."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
