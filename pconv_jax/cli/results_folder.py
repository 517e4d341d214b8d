"""The folder that results are written to, which may go away while a series is worked on."""

import os
from pathlib import Path

from pconv_jax.cli.jobs import Job
from pconv_jax.common.errors import NoRoomError


class ResultsFolder:
    """Notices that a drive was removed: what is written after that would lie in its empty mount point, on another."""

    def __init__(self) -> None:
        """Starts without knowing any folder."""
        self._known: dict[Path, tuple[int, int]] = {}

    def check(self, job: Job) -> None:
        """Refuses to go on in another folder of the same name, or to make it anew.

        Args:
            job: what is worked on next.

        Raises:
            NoRoomError: the folder is not the one that the results before are in.
        """
        folder = job.out.parents[max(0, len(job.name.parts) - 1)]
        try:
            status = os.stat(folder)
        except FileNotFoundError:
            found = None  # it is made with the first result
        else:
            found = status.st_dev, status.st_ino
        known = self._known.get(folder)
        if known is not None and found != known:
            raise NoRoomError(
                f"{folder} is no longer the folder that the results before are in: bring its drive back, and run the "
                "same command again"
            )
        if found is not None:
            self._known[folder] = found
