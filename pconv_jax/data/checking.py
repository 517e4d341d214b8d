"""Checks of many files before any is used: in threads, with a progress bar."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pconv_jax.common.progress import progress_options

File = TypeVar("File")
_MANY = 1000  # files above which their check shows a progress bar


def faults_of(files: Sequence[File], fault: Callable[[File], str | None], *, what: str, unit: str) -> list[str | None]:
    """What is wrong with each file.

    Args:
        files: the files.
        fault: says what is wrong with one; None if nothing is. Called in threads.
        what: the name of the folder, for the progress bar.
        unit: what the files are.

    Returns:
        What `fault` said, in the order of the files.
    """
    from tqdm import tqdm

    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        return list(
            tqdm(
                pool.map(fault, files),
                desc=f"checking {what}",
                total=len(files),
                unit=f" {unit}",
                disable=len(files) <= _MANY,
                **progress_options(),
            )
        )
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C must not wait for the rest of the files
