"""Where the same program runs, to be compared: processes with simulated devices, or several that train together."""

import concurrent.futures
import contextlib
import multiprocessing
import socket
from collections.abc import Callable, Iterator
from typing import Any

import jax

# Calls a top-level function where the devices are: in another process, in several, or here.
Runner = Callable[..., Any]


@contextlib.contextmanager
def simulated(count: int) -> Iterator[Runner]:
    """A process with simulated CPU devices.

    Args:
        count: number of devices.

    Yields:
        A function that calls a top-level function in the process, and returns its result or raises its error.
    """
    with _process(_simulate, count) as worker:
        yield lambda function, *args: worker.submit(function, *args).result()


@contextlib.contextmanager
def hosts(count: int) -> Iterator[Runner]:
    """Processes of `jax.distributed` on this machine, with one CPU device each; they average by gloo.

    Args:
        count: number of processes.

    Yields:
        A function that calls a top-level function in all of them at once, and returns the result of the first one.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(_process(_join, address, count, index)) for index in range(count)]

        def run(function: Callable[..., Any], *args: Any) -> Any:
            futures = [worker.submit(function, *args) for worker in workers]  # before any is waited for
            concurrent.futures.wait(futures)
            return futures[0].result()

        yield run
        run(jax.distributed.shutdown)  # together, as each waits for the others


def here(function: Callable[..., Any], *args: Any) -> Any:
    """Calls a function in this process."""
    return function(*args)


def _process(prepare: Callable[..., None], *args: Any) -> concurrent.futures.ProcessPoolExecutor:
    spawn = multiprocessing.get_context("spawn")
    return concurrent.futures.ProcessPoolExecutor(1, spawn, initializer=prepare, initargs=args)


def _simulate(count: int) -> None:
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", count)


def _join(address: str, count: int, index: int) -> None:
    _simulate(1)
    jax.distributed.initialize(address, count, index, cluster_detection_method="deactivate")
