"""Restores one photograph: from its file to the result and what goes with it."""

import contextlib
import dataclasses
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pconv_jax.cli.comparison import write_comparison
from pconv_jax.cli.holes import Holes
from pconv_jax.cli.jobs import Job
from pconv_jax.cli.marked_files import COMPARISON, has_comment
from pconv_jax.cli.receipt_file import check_way_back, forget, is_restored
from pconv_jax.cli.summary import Summary
from pconv_jax.common.errors import InputError, WideHolesWarning
from pconv_jax.common.output import hide_messages_of_libraries
from pconv_jax.imaging import OUTPUT_FORMATS, Photograph, read_photograph, write_photograph
from pconv_jax.imaging.linear import is_linear
from pconv_jax.imaging.masks import share
from pconv_jax.imaging.writing import check_held, copy_file
from pconv_jax.inpainting.photographs import restored_array, with_array

if TYPE_CHECKING:  # few photographs need them
    from pconv_jax.cli.receipt import Receipts
    from pconv_jax.common.programs import KeptPrograms
    from pconv_jax.evaluation.estimate import Estimate

COPIED = "copied, without damage"
"""The outcome for a photograph in which nothing is marked."""
_RESTORED = "restored"
_IN_PLACE = "skipped, since its receipt says that it was restored in place (undo that to restore it anew)"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Restoration:
    """What is the same for all photographs that are restored together.

    Attributes:
        holes: where the holes are found.
        restore: a function of pixels, a hole, and whether they are linear in light, that inpaints them.
        programs: as for `Finding.look`.
        summary: takes notes and warnings.
        receipts: writes receipts, if they are wanted.
        max_pixels: of a photograph and of a mask, as for `read_photograph`.
        compare: write a before/after image beside each result.
        quality: of JPEG and WebP, 1 to 100, as `write_photograph` takes it.
        linear: the photographs are linear in light, even if they do not say so.
        estimate: estimate how good each is.
        overwrite: replace results that exist.
    """

    holes: Holes
    restore: Callable[[np.ndarray, np.ndarray, bool], np.ndarray]
    programs: "KeptPrograms | None"
    summary: Summary
    receipts: "Receipts | None"
    max_pixels: int | None
    compare: bool
    quality: int | None
    linear: bool
    estimate: bool
    overwrite: bool

    def __call__(self, job: Job) -> str:
        """Restores a photograph and writes the result.

        Args:
            job: the photograph.

        Returns:
            The outcome.

        Raises:
            InputError: a file that cannot be read, used or written.
        """
        if job.target.is_dir():
            raise InputError(f"{job.out} is a folder, and the result would be a file: choose another place")
        job.check_free(overwrite=self.overwrite)
        if self.receipts is not None and job.in_place and is_restored(job):
            return _IN_PLACE
        if self.compare and job.comparison.exists() and not (self.overwrite or has_comment(job.comparison, COMPARISON)):
            raise InputError(
                f"--compare would replace {job.comparison}, which it did not write: move it, or give --overwrite"
            )
        if self.receipts is not None:
            self.receipts.check(job)
        else:
            check_way_back(job)
        with _noted_warnings() as said:
            notes: list[str] = []
            photograph, hole = self._read(job, notes)
            for note in notes:
                self.summary.note(job.image, note)
            if hole.any() or self._is_written(job, photograph):  # a file that is copied loses nothing
                lost = [self.summary.warn_of(job.image, note) for note in photograph.notes]
                said += [each for each in lost if each not in said]  # what was only counted
            if not hole.any():
                self._copy(job, photograph)
                return COPIED
            self._check_held(job, photograph)
            if self.holes.finds:
                self.summary.notes.append(f"{job.image}: {share(hole):.2%} replaced")
            result, expected = self._restored(job, photograph, hole, said)
            self._write(job, photograph, hole, result, said, expected)
        return _RESTORED

    def _read(self, job: Job, notes: list[str]) -> tuple[Photograph, np.ndarray]:
        with hide_messages_of_libraries():  # of damaged files
            self.holes.check_sizes(job.image, job.mask, max_pixels=self.max_pixels)
            photograph = read_photograph(job.image, max_pixels=self.max_pixels, quiet=True)  # see `__call__`
            if self._is_written(job, photograph):
                self._check_held(job, photograph)
            hole = self.holes.find(
                photograph,
                job.mask,
                image=job.image,
                notes=notes,
                keep=job.keep,
                linear=self.linear,
                max_pixels=self.max_pixels,
                programs=self.programs,
            )
        return photograph, hole

    def _restored(
        self, job: Job, photograph: Photograph, hole: np.ndarray, said: list[str]
    ) -> tuple[Photograph, "Estimate | None"]:
        """The result, and how good it is expected to be if that is asked for."""
        wanted = self._without_erased(photograph)
        linear = self.linear or is_linear(wanted)

        def restore(pixels: np.ndarray, hole: np.ndarray) -> np.ndarray:
            return self.restore(pixels, hole, linear)

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            restored = restored_array(wanted, hole, restore)
        for warning in caught:  # repeated with the name of the photograph
            if issubclass(warning.category, WideHolesWarning):
                named = f"{job.image}: {warning.message}"
                self.summary.wide.append(named)
            else:
                named = self.summary.warn_of(job.image, str(warning.message), category=warning.category)
            said += [named] if named not in said else []
        expected = _estimated(job, restored, hole, restore, self.summary) if self.estimate else None
        return with_array(wanted, restored), expected

    def _without_erased(self, photograph: Photograph) -> Photograph:
        """The photograph, without its alpha if that says only where the damage was erased."""
        return dataclasses.replace(photograph, alpha=None) if self.holes.mask_alpha else photograph

    def _write(
        self,
        job: Job,
        before: Photograph,
        hole: np.ndarray,
        result: Photograph,
        said: list[str],
        expected: "Estimate | None",
    ) -> None:
        def write_beside(finished: Path) -> None:
            """What lies beside the result, once that can be written: if one of them fails, all are as they were."""
            job.check_free(overwrite=self.overwrite)
            if not self.compare:
                write_receipt(finished)
                return
            write_comparison(
                job.comparison, before, result, linear=self.linear, check=lambda _: write_receipt(finished)
            )

        def write_receipt(finished: Path) -> None:
            if self.receipts is not None:
                self.receipts.write(job, before, hole, finished, said=said, estimate=expected)

        with hide_messages_of_libraries():  # of a JPEG's coarse steps
            write_photograph(job.target, result, quality=self.quality, check=write_beside)

    def _copy(self, job: Job, photograph: Photograph) -> None:
        """Copies a photograph without damage; the file itself if the format stays the same."""

        def check(_: Path) -> None:
            job.check_free(overwrite=self.overwrite)

        if self._is_written(job, photograph):
            write_photograph(job.target, self._without_erased(photograph), quality=self.quality, check=check)
        elif not job.in_place:
            copy_file(job.image, job.target, check=check)
        if self.receipts is not None and not job.in_place:
            forget(job)

    def _is_written(self, job: Job, photograph: Photograph) -> bool:
        """Whether a photograph is written even if it has no damage; its file is copied otherwise."""
        return self.holes.mask_alpha or OUTPUT_FORMATS[job.out.suffix.lower()] != photograph.format

    def _check_held(self, job: Job, photograph: Photograph) -> None:
        """Refuses what the format of the result cannot hold, before the work."""
        check_held(job.target, self._without_erased(photograph), quality=self.quality)


def _estimated(
    job: Job,
    restored: np.ndarray,
    hole: np.ndarray,
    restore: Callable[[np.ndarray, np.ndarray], np.ndarray],
    summary: Summary,
) -> "Estimate | None":
    """How good a result is expected to be, which is noted; None where that cannot be told."""
    from pconv_jax.evaluation.estimate import estimate_restored

    try:
        estimate = estimate_restored(restored, hole, restore)
    except InputError as error:
        summary.note(job.image, str(error))
        return None
    summary.notes.append(
        f"{job.image}: expected in the holes, by the same damage beside it (95 % intervals)\n{estimate}"
    )
    return estimate


@contextlib.contextmanager
def _noted_warnings() -> Iterator[list[str]]:
    """A list to which the text of each warning is added; they are shown as before."""
    said: list[str] = []
    with warnings.catch_warnings():
        show = warnings.showwarning

        def note(message: Warning | str, *about: Any, **more: Any) -> None:
            said.append(str(message))
            show(message, *about, **more)

        warnings.showwarning = note
        yield said
