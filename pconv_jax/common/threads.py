"""Threads in which the windows of images are computed."""

import concurrent.futures
import contextlib
import functools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Part = TypeVar("Part")
Result = TypeVar("Result")


@contextlib.contextmanager
def in_threads(
    function: Callable[[Part], Result], parts: Iterable[Part], *, at_once: int
) -> Iterator[Iterator[Result]]:
    """Computes some parts at a time; a context, with the results in the order of the parts.

    When it is left, after Ctrl-C too, what had not begun is cancelled, and what had has ended.

    Args:
        function: of a part. It must not come here itself with the same `at_once`.
        parts: what to compute.
        at_once: how many are computed at a time, those of all callers together.
    """
    threads, parts = _threads(at_once), list(parts)
    pending: deque[concurrent.futures.Future[Result]] = deque()
    try:
        pending.extend(threads.submit(function, part) for part in parts)
    except RuntimeError:  # the main thread has ended, and a thread that it left goes on
        yield (pending.popleft().result() if pending else function(part) for part in parts)
        return

    def results() -> Iterator[Result]:
        while pending:
            yield pending[0].result()
            pending.popleft()  # its memory is free again

    try:
        yield results()
    finally:
        for each in pending:
            each.cancel()
        concurrent.futures.wait(pending)


@functools.cache
def _threads(count: int) -> concurrent.futures.ThreadPoolExecutor:
    """Threads that stay: some systems leave new ones on the core of their maker for as long as an image takes."""
    return concurrent.futures.ThreadPoolExecutor(count, thread_name_prefix="windows")


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_threads.cache_clear)  # where there are none of these threads
