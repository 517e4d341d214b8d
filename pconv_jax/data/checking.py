"""Checks of many files before any is used: in threads, with a progress bar."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from pconv_jax.common.errors import InputError, NotEnoughMemory
from pconv_jax.common.progress import progress_options

File = TypeVar("File")
_MANY = 1000  # files above which their check shows a progress bar


def faults_of(files: Sequence[File], check: Callable[[File], Any], *, what: str, unit: str) -> list[InputError | None]:
    """What is wrong with each file.

    Args:
        files: the files.
        check: raises InputError for a file that cannot be used. Called in threads.
        what: the name of the folder, for the progress bar.
        unit: what the files are.

    Returns:
        What it raised, in the order of the files; None for those that can be used.
    """
    from tqdm import tqdm

    def fault(file: File) -> InputError | None:
        try:
            check(file)
        except InputError as error:
            return error
        return None

    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        faults = list(
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
    # The others took memory at the same time.
    return [
        fault(file) if isinstance(at_first, NotEnoughMemory) else at_first
        for file, at_first in zip(files, faults, strict=True)
    ]
