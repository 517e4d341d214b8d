"""Works through a series of photographs: one that fails does not stop the others, a lost or full disk does."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from pconv_jax.cli.jobs import WrittenMeanwhile
from pconv_jax.cli.summary import FAULTS, Summary
from pconv_jax.common.errors import StorageError

Item = TypeVar("Item")
Done = TypeVar("Done")


def work_through(
    items: Sequence[Item],
    work: Callable[[Item], Done],
    summary: Summary,
    *,
    image: Callable[[Item], Path],
    results: Callable[[Item], Path],
) -> Iterator[tuple[Item, Done | None]]:
    """Works on one photograph after the other, and prints what there is to say of each before the next.

    Args:
        items: what to work on.
        work: of an item.
        summary: takes what failed.
        image: the file of an item, by which a failure is named.
        results: the folder of results, made with the first of them if need be, that an item's result lies in or below.

    Yields:
        An item, and what `work` returned; None if it failed, or if its result was written meanwhile.
    """
    known: dict[Path, tuple[int, int]] = {}
    for number, item in enumerate(items, 1):
        done = None
        try:
            _check_folder(results(item), known)
            done = work(item)
        except WrittenMeanwhile as error:
            summary.pass_over(image(item), error)
        except StorageError as error:
            summary.fail(image(item), error)
            summary.stop(len(items) - number)
            return
        except FAULTS as error:
            summary.fail(image(item), error)
        yield item, done
        summary.tell()  # not above: it is not the photograph's fault if nobody reads it any more


def _check_folder(folder: Path, known: dict[Path, tuple[int, int]]) -> None:
    """Refuses another folder than that of earlier results, such as the mount point of a drive that was removed."""
    try:
        status = os.stat(folder)
    except FileNotFoundError:
        found = None
    else:
        found = status.st_dev, status.st_ino
    if folder in known and found != known[folder]:
        raise StorageError(
            f"{folder} is no longer the folder that earlier results were written to: reconnect its drive, and run the "
            "same command again"
        )
    if found is not None:
        known[folder] = found
