"""Scoring: pairs and a method in, rows out; classical methods in processes of their own."""

import concurrent.futures
import concurrent.futures.process
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.evaluate.methods import Named
from experiments.evaluate.pairs import Pair, Pairs
from pconv_jax.common.errors import InputError
from pconv_jax.evaluation.baselines import CLASSICAL_METHODS, Method, unrepaired
from pconv_jax.evaluation.scoring import apply_method, saved_composite, score_images

Part = tuple[str, Sequence[int]]  # a method and the numbers of some pairs
_pairs: Pairs  # of a worker process


class Done(NamedTuple):
    """A part that is scored.

    Attributes:
        method: name of the method.
        rows: its rows.
        composites: number of the pair -> composite `[H, W, 3]`, uint8; in the order of the rows, none if not wanted.
    """

    method: str
    rows: list[dict[str, Any]]
    composites: dict[int, np.ndarray]


def repair(pair: Pair, name: str, method: Method) -> np.ndarray:
    """The composite of one pair `[1, H, W, 3]`: float32, whole multiples of 1 / 255."""
    mask = pair.mask[None]
    damaged = unrepaired(pair.noisy[None], mask)
    return saved_composite(damaged, mask, apply_method(name, method, damaged, mask))


def scored(pairs: Pairs, methods: Sequence[Named], todo: Sequence[Part], *, workers: int, keep: bool) -> Iterator[Done]:
    """Scores parts as they get done, in any order.

    Args:
        pairs: what to score on.
        methods: the methods of the parts.
        todo: the parts.
        workers: processes for classical methods.
        keep: whether the composites are wanted too.

    Yields:
        The rows of a part, and its composites.

    Raises:
        InputError: a method returned something that is no image.
    """
    found = {method.name: method.method for method in methods}
    there = [part for part in todo if found[part[0]] is None]
    if there:
        spawn = multiprocessing.get_context("spawn")
        pool = concurrent.futures.ProcessPoolExecutor(
            min(workers, len(there)), mp_context=spawn, initializer=_start_worker, initargs=(pairs,)
        )
        try:
            futures = [pool.submit(_score_there, part, keep) for part in there]
            for future in concurrent.futures.as_completed(futures):
                yield future.result()
        except concurrent.futures.process.BrokenProcessPool as error:
            raise InputError(
                f"one of {workers} worker processes was ended, perhaps for want of memory: the same command "
                "goes on, with fewer --workers"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)  # after Ctrl-C, only what is at work is waited for
    for name, indices in todo:
        method = found[name]
        if method is not None:
            yield _score(pairs, name, method, indices, keep=keep)


def _score(pairs: Pairs, name: str, method: Method, indices: Sequence[int], *, keep: bool) -> Done:
    # One pair at a time: no row depends on its neighbours.
    rows, composites = [], {}
    for index in indices:
        pair = pairs[index]
        repaired = repair(pair, name, method)
        (scores,) = score_images(repaired, pair.truth[None], pair.mask[None])
        rows.append({"image": pair.image, "name": pair.name, "bucket": pair.bucket, "method": name, **scores})
        if keep:
            composites[index] = np.rint(repaired[0] * 255).astype(np.uint8)
    return Done(name, rows, composites)


def _score_there(part: Part, keep: bool) -> Done:
    name, indices = part
    return _score(_pairs, name, CLASSICAL_METHODS[name], indices, keep=keep)


def _start_worker(pairs: Pairs) -> None:
    import cv2

    global _pairs
    _pairs = pairs
    cv2.setNumThreads(1)  # the processes are the parallelism
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that was killed ends nobody: its workers would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
