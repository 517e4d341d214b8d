"""Progress bars of the commands."""

from typing import Any

from tqdm import tqdm

from pconv_jax.common.progress import progress_options


def progress_bar(title: str, unit: str, *, total: int, done: int = 0, each: int = 1) -> "tqdm[Any]":
    """A progress bar with rate and time left; a line every ten seconds if the output is not a terminal.

    Args:
        title: label of the bar.
        unit: unit of what is counted.
        total: number of updates in all.
        done: number of updates made before, in a resumed run.
        each: units an update: a training step moves the bar by a batch of images.
    """
    scale = each if each > 1 else False
    return tqdm(desc=title, unit=unit, total=total, initial=done, unit_scale=scale, **progress_options())
