"""What a folder of checkpoints holds by its names alone, whether it can be read or not."""

import os
from pathlib import Path

from pconv_jax.common.paths import given_path


def checkpoints_folder(directory: str | os.PathLike[str]) -> Path:
    """The folder of the checkpoints of a run, given that or its output folder; whether there is one or not."""
    path = given_path(directory)
    return path / "checkpoints" if (path / "checkpoints").is_dir() else path


def saved_steps(folder: Path) -> list[int]:
    """Steps of the checkpoints in a folder, whether they can be read or not; none if there is no such folder."""
    entries = folder.iterdir() if folder.is_dir() else ()
    return [int(entry.name) for entry in entries if entry.name.isascii() and entry.name.isdecimal() and entry.is_dir()]


def only_unfinished(folder: Path) -> bool:
    """Whether a folder holds nothing but checkpoints that were not written to their end; `Checkpoints` removes them."""
    return folder.is_dir() and all(entry.name.endswith(".orbax-checkpoint-tmp") for entry in folder.iterdir())


def last_checkpoint(folder: Path) -> str:
    """Which checkpoint of a folder a run that was broken off resumes from, in a few words."""
    steps = saved_steps(folder)
    if not steps:
        return f"no checkpoint was saved in {folder} yet"
    return f"the last checkpoint is step {max(steps)} in {folder}, and --resume continues from it"
