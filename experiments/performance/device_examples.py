"""Training examples made by the device, against the host's: a table of the suite `data`."""

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import jax

from experiments.performance.table import Cell, Table
from experiments.performance.timing import Timing
from experiments.train.batches import examples_on_device, training_batches
from experiments.train.config import Config
from pconv_jax.data import ImageSource, pipeline

_BATCHES = 4  # timed at once


def device_row(name: str, config: Config, source: ImageSource, repeats: int) -> dict[str, Cell]:
    """Crops a second of both, in turns: of the host's threads, and of the program that the step contains.

    Args:
        name: of the images.
        config: settings of a run whose examples are made by the host.
        source: the training images.
        repeats: number of rounds.

    Returns:
        A row of the table.
    """
    chosen = config.replace(augment_on_device=True)
    maker, images = examples_on_device(chosen, source)
    program, stored = jax.jit(maker), jax.device_put(images)
    seconds: dict[str, list[float]] = {"host": [], "device": []}
    with (
        closing(iter(training_batches(config, source))) as host,
        closing(iter(training_batches(chosen, source))) as few,
    ):
        makers: dict[str, Callable[[], Any]] = {
            "host": lambda: next(host),
            "device": lambda: program(stored, next(few)),
        }
        for index in range(1 + repeats):
            for kind, make in makers.items():
                ahead = 3 * pipeline._AHEAD if kind == "host" else 0  # batches that threads have made before
                taken = _seconds(make, first=max(ahead, 1))
                time.sleep(2 * ahead * taken)  # they make them again
                if index:
                    seconds[kind].append(taken / config.data.batch_size)
    by = {kind: Timing(tuple(found)) for kind, found in seconds.items()}
    return {
        "images": name,
        "size": config.data.image_size,
        "host, crops/s": 1 / by["host"].median,
        "± %": 100 * by["host"].spread,
        "device, crops/s": 1 / by["device"].median,
        "device ± %": 100 * by["device"].spread,
        "host / device time": by["host"].over(by["device"]).median,
    }


def _seconds(make: Callable[[], Any], *, first: int) -> float:
    """Seconds a batch, after the first ones, which are not timed."""
    for _ in range(first):
        jax.block_until_ready(make())
    start = time.perf_counter()
    for _ in range(_BATCHES):
        jax.block_until_ready(make())
    return (time.perf_counter() - start) / _BATCHES


def device_table(rows: list[dict[str, Cell]]) -> Table:
    """The table of such rows."""
    device = jax.devices()[0].device_kind
    note = "host: threads of the training process, JPEGs decoded each time; device: images decoded before."
    return Table(f"Crop, mask and noise by the host, and by the device ({device})", rows, (note,))
