"""Results of photographs: made in memory, shown on the page, written to files."""

from pathlib import Path

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.imaging import OUTPUT_FORMATS, write_photograph
from pconv_jax.imaging.edges import is_tight
from pconv_jax.imaging.linear import is_linear
from pconv_jax.imaging.writing import copy_file
from pconv_jax.inpainting.inpainter import Inpainter
from pconv_jax.inpainting.photographs import restored_array, with_array
from pconv_jax.page.jobs import Job
from pconv_jax.page.memory import Memory, noted
from pconv_jax.page.photographs import OpenPhotograph


class Results:
    """Makes results, one at a time."""

    def __init__(self, inpainter: Inpainter, memory: Memory):
        """Takes what they are made with.

        Args:
            inpainter: restores.
            memory: holds the photograph.
        """
        self._inpainter, self._memory = inpainter, memory

    def restore(self, photograph: OpenPhotograph, region: tuple[slice, slice] | None, job: Job) -> None:
        """Restores what is marked, or what of it is in a region; nothing if all of it is restored.

        Raises:
            InputError: there is nothing to do in the region.
        """
        marking = photograph.marking
        if photograph.restored == marking:
            if region is not None:
                raise InputError("all that is marked is restored already: mark what else is to be restored")
            return
        hole, linear = photograph.hole(marking=marking), marking.linear
        if region is not None and not hole[region].any():
            raise InputError("nothing is marked near that click: click on what is coloured")
        read = self._memory.read(photograph)
        windows = self._memory.windows
        reached = np.zeros_like(hole)

        def inpaint(pixels: np.ndarray, marked: np.ndarray) -> np.ndarray:
            return self._inpainter(
                pixels,
                hole=marked,
                linear=linear or is_linear(read),
                progress=job.progress,
                region=region,
                reached=reached,
                remembered=windows,
            )

        with noted(photograph):
            restored = restored_array(read, hole, inpaint) if hole.any() else read.as_array
        earlier = photograph.load("restored") if photograph.has_result else None
        if region is not None:  # what is marked elsewhere waits, or was restored before
            left = hole & ~reached
            restored[left] = (read.as_array if earlier is None else earlier)[left]
        photograph.save("restored", restored)
        photograph.keep_pictures("after", with_array(read, restored), read, linear=linear)
        if photograph.linear != linear:  # it was taken for something else meanwhile
            return
        photograph.has_result, photograph.covered = True, float(hole.mean())
        photograph.tight = is_tight(read.pixels, hole)
        photograph.shown, photograph.partly = photograph.shown + 1, region is not None
        photograph.restored = marking if region is None else None

    def write(self, photograph: OpenPhotograph, target: Path) -> None:
        """Writes the result as the command does: what has no damage is copied if its format stays."""
        read, restored = self._memory.read(photograph), photograph.load("restored")
        assert restored is not None, "it was restored"
        with noted(photograph):
            if not photograph.covered and OUTPUT_FORMATS[target.suffix.lower()] == read.format:
                copy_file(photograph.source, target)
            else:
                write_photograph(target, with_array(read, np.asarray(restored)))
