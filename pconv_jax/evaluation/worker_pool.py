"""Scores many pairs: classical methods in worker processes, networks in this one."""

import concurrent.futures
import concurrent.futures.process
import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.common.worker_process import prepare_worker_process
from pconv_jax.evaluation.classical import CLASSICAL_METHODS
from pconv_jax.evaluation.pairs import Pairs
from pconv_jax.evaluation.scoring import Cost, NamedDistance, NamedMethod, score_pair

_pairs: Pairs  # of a worker process


_MOST_PROCESSES = 61 if sys.platform == "win32" else sys.maxsize  # of one pool


class ScoringTask(NamedTuple):
    """Some pairs to score a method on.

    Attributes:
        method: the method.
        indices: numbers of the pairs.
    """

    method: NamedMethod
    indices: Sequence[int]


class ScoredTask(NamedTuple):
    """The scores of a task.

    Attributes:
        rows: a row of scores for each pair.
        costs: what the method took for each pair.
        composites: number of the pair -> composite `[H, W, 3]`, uint8; in the order of the rows, empty if not wanted.
    """

    rows: list[dict[str, Any]]
    costs: list[Cost]
    composites: dict[int, np.ndarray]


def score_tasks(
    pairs: Pairs,
    tasks: Sequence[ScoringTask],
    *,
    workers: int,
    distances: Sequence[NamedDistance] = (),
    keep: bool = False,
) -> Iterator[ScoredTask]:
    """Scores tasks, and yields each when it is done, in any order.

    Args:
        pairs: what to score on.
        tasks: methods, and numbers of pairs.
        workers: processes for classical methods.
        distances: perceptual distances of the composites, computed in this process.
        keep: whether the composites are wanted too.

    Yields:
        The rows of a task, and its composites.

    Raises:
        InputError: a method returned something that is not an image, or a worker process was killed.
    """
    keep = keep or bool(distances)
    classical = [task for task in tasks if task.method.name in CLASSICAL_METHODS]
    networks = [task for task in tasks if task.method.name not in CLASSICAL_METHODS]
    for index, scored in _in_processes(pairs, classical, workers=workers, keep=keep) if classical else ():
        yield _with_distances(pairs, classical[index], scored, distances)
    for task in networks:
        yield _with_distances(pairs, task, _score(pairs, task, keep=keep), distances)


def _in_processes(
    pairs: Pairs, tasks: Sequence[ScoringTask], *, workers: int, keep: bool
) -> Iterator[tuple[int, ScoredTask]]:
    """Number of a task and its scores, in the order in which they are done."""
    pool = concurrent.futures.ProcessPoolExecutor(
        min(workers, len(tasks), _MOST_PROCESSES),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_scoring_worker,
        initargs=(pairs,),
    )
    try:
        with _interrupts_not_inherited():  # submitting starts the processes
            numbers = {pool.submit(_score_in_worker, task, keep): number for number, task in enumerate(tasks)}
        for future in concurrent.futures.as_completed(numbers):
            yield numbers[future], future.result()
    except concurrent.futures.process.BrokenProcessPool as error:
        raise InputError(
            f"one of {workers} worker processes was killed, perhaps because memory ran out: run the same command "
            "again to resume, with fewer --workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C, waits only for the tasks in progress


@contextlib.contextmanager
def _interrupts_not_inherited() -> Iterator[None]:
    """Processes that are started meanwhile do not get Ctrl-C, for which each would print a traceback."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _score(pairs: Pairs, task: ScoringTask, *, keep: bool) -> ScoredTask:
    rows, costs, composites = [], [], {}
    for index in task.indices:
        row, inpainted = score_pair(pairs[index], task.method)
        rows.append(row)
        costs.append(inpainted.cost)
        if keep:
            composites[index] = np.rint(inpainted.composite * 255).astype(np.uint8)
    return ScoredTask(rows, costs, composites)


def _with_distances(
    pairs: Pairs, task: ScoringTask, scored: ScoredTask, distances: Sequence[NamedDistance]
) -> ScoredTask:
    """The same rows, with a column for each perceptual distance of the composites."""
    if distances:
        for row, index in zip(scored.rows, task.indices, strict=True):
            truth = pairs[index].truth[None]
            composite = scored.composites[index][None].astype(np.float32) / np.float32(255)
            row.update({each.name: float(each.distance(composite, truth)[0]) for each in distances})
    return scored


def _score_in_worker(task: ScoringTask, keep: bool) -> ScoredTask:
    return _score(_pairs, task, keep=keep)


def _start_scoring_worker(pairs: Pairs) -> None:
    global _pairs
    _pairs = pairs
    prepare_worker_process()
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    """Exits when the parent process dies; otherwise the worker would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
