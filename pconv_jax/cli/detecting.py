"""Looks for damage in photographs one after the other, and writes masks."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pconv_jax.cli.finding import Finding, TooMuchDamage
from pconv_jax.cli.jobs import Job
from pconv_jax.cli.marked_files import PREVIEW, PROBABILITIES, has_comment, texts_with
from pconv_jax.cli.series import work_through
from pconv_jax.cli.summary import Summary, reported_if_interrupted
from pconv_jax.common.errors import InputError
from pconv_jax.common.output import hide_messages_of_libraries
from pconv_jax.common.programs import KeptPrograms, kept_programs
from pconv_jax.common.progress import terminal_progress_options
from pconv_jax.detection.damage_map import DamageMap
from pconv_jax.imaging import OUTPUT_FORMATS, Photograph, read_hole, read_photograph, write_photograph
from pconv_jax.imaging.linear import is_linear
from pconv_jax.imaging.masks import share
from pconv_jax.imaging.shown import shown
from pconv_jax.imaging.strips import strips
from pconv_jax.imaging.texts import NO_TEXTS, Texts
from pconv_jax.imaging.writing import LARGEST_SIDE, check_held

_COLOUR = (255, 0, 160)  # of what would be replaced, in previews: rare in photographs
_WITH_COMMENTS = tuple(suffix for suffix, kind in OUTPUT_FORMATS.items() if kind in ("PNG", "JPEG"))
_STRENGTH = 0.75  # of that colour over the photograph


@dataclasses.dataclass(frozen=True, kw_only=True)
class Extras:
    """What is written beside the masks: a file for one photograph, a folder for more; None for nothing.

    Attributes:
        probabilities: for maps of the probability of damage.
        preview: for pictures that show in colour what would be replaced.
    """

    probabilities: Path | None = None
    preview: Path | None = None

    def places(self, job: Job, *, into_folder: bool) -> tuple[Path | None, Path | None]:
        """The files of one photograph."""

        def place(path: Path | None, suffix: str) -> Path | None:
            return path / job.name.with_suffix(suffix) if path is not None and into_folder else path

        return place(self.probabilities, ".png"), place(self.preview, ".jpg")

    def check(self, jobs: Sequence[Job], *, into_folder: bool, overwrite: bool = False) -> None:
        """Refuses files of a kind that cannot be written, and those that would replace what was not written here.

        Args:
            jobs: what is worked on.
            into_folder: whether these are folders.
            overwrite: whether other files than earlier previews and maps, such as photographs, may be replaced.

        Raises:
            InputError: naming the file.
        """
        taken = {path.resolve() for job in jobs for path in (job.image, job.target, job.keep) if path is not None}
        flags, marks = ("--probabilities", "--preview"), (PROBABILITIES, PREVIEW)
        for flag, given in zip(flags, (self.probabilities, self.preview), strict=True):
            if given is not None and not into_folder and given.suffix.lower() not in _WITH_COMMENTS:
                raise InputError(f"{flag} {given} must end in one of {', '.join(_WITH_COMMENTS)}")
            if given is not None and into_folder and given.suffix.lower() in OUTPUT_FORMATS and not given.is_dir():
                raise InputError(f"{flag} {given} is the name of a file, but masks go into a folder: give one here too")
        for job in jobs:
            for flag, mark, path in zip(flags, marks, self.places(job, into_folder=into_folder), strict=True):
                if path is None:
                    continue
                place = path.resolve()
                if place in taken:
                    raise InputError(f"{flag} would replace {path}: choose another place")
                replaced = place.exists() and not job.finished
                if replaced and not (overwrite or has_comment(place, mark)):
                    raise InputError(
                        f"{flag} would replace {path}, which it did not write: choose another place, or give "
                        "--overwrite"
                    )
                if not job.clashes:
                    taken.add(place)


def detect_files(
    jobs: list[Job],
    finding: Finding,
    extras: Extras,
    *,
    into_folder: bool,
    dilate: int = 0,
    overwrite: bool = False,
    max_pixels: int | None = None,
    linear: bool = False,
) -> Summary:
    """Writes a mask for each photograph; one that fails is reported and does not stop the others.

    Args:
        jobs: from `plan`, whose results are masks.
        finding: how damage is found.
        extras: what else to write.
        into_folder: whether `extras` are folders.
        dilate: px by which detections are widened all around, besides the two that soft edges need.
        overwrite: replace masks that exist; otherwise they count as finished.
        max_pixels: of a photograph, as for `read_photograph`.
        linear: the photographs are linear in light, even if they do not say so.

    Returns:
        The outcomes.

    Raises:
        InputError: the detector cannot be loaded, or extras of a kind or in a place that cannot be written.
    """
    from tqdm import tqdm

    extras.check(jobs, into_folder=into_folder, overwrite=overwrite)
    summary = Summary()
    tasks = list(_tasks(jobs, extras, summary, into_folder=into_folder, overwrite=overwrite))
    programs = None
    if looks := sum(task.looks for task in tasks):
        programs = kept_programs() if looks == len(jobs) == 1 else None  # as `restore_files` does
        finding.load(programs=programs)
    detection = _Detection(finding, summary, programs, into_folder, dilate, overwrite, max_pixels, linear)
    with reported_if_interrupted(summary):
        series = work_through(
            tasks, detection, summary, image=lambda task: task.job.image, results=lambda task: task.job.results
        )
        options = {"desc": "looking for damage", "unit": "image", "total": len(tasks), **terminal_progress_options()}
        for task, found in tqdm(series, **options):
            if found is not None:
                summary.notes.append(f"{task.job.image}: {found:.2%} damaged")
    return summary


class _Task(NamedTuple):
    """What is to be written for a photograph: where, or None for nothing; the mask, too, unless it has one."""

    job: Job
    probabilities: Path | None
    preview: Path | None
    has_mask: bool

    @property
    def looks(self) -> bool:
        """Whether damage is looked for."""
        return not self.has_mask or self.probabilities is not None

    def check_held(self, photograph: Photograph) -> None:
        """Refuses formats that cannot hold what is to be written of a photograph, before damage is looked for."""
        picture = _picture(np.broadcast_to(np.uint8(0), photograph.pixels.shape[:2]), photograph)
        for path in (self.probabilities, self.preview, None if self.has_mask else self.job.target):
            if path is not None:
                check_held(path, picture)


@dataclasses.dataclass(frozen=True)
class _Detection:
    """What is the same for all photographs in which damage is looked for; attributes as for `detect_files`."""

    finding: Finding
    summary: Summary
    programs: KeptPrograms | None
    into_folder: bool
    dilate: int
    overwrite: bool
    max_pixels: int | None
    linear: bool

    def __call__(self, task: _Task) -> float | None:
        """Writes what is to be written of a photograph.

        Returns:
            The share of it that is damaged; None if it has a mask already.

        Raises:
            InputError: a file that cannot be read, used or written.
        """
        job = task.job
        if job.fault and not task.has_mask:
            raise InputError(job.fault)
        with hide_messages_of_libraries():  # of damaged files
            photograph = read_photograph(job.image, max_pixels=self.max_pixels, quiet=True)  # a mask loses nothing
        if self.into_folder and task.preview is not None and max(photograph.pixels.shape[:2]) > LARGEST_SIDE["JPEG"]:
            self.summary.notes.append(
                f"{job.image} has no preview, as JPEG can have {LARGEST_SIDE['JPEG']} pixels a side: give it "
                "alone, with --preview FILE.png"
            )
            task = task._replace(preview=None)
        task.check_held(photograph)
        own = _mask_that_exists(job, photograph, max_pixels=self.max_pixels) if task.has_mask else None
        notes: list[str] = []
        found = self._look(task, photograph, notes) if task.looks else None
        try:
            return self._write(task, photograph, own, found, notes)
        finally:
            for note in notes:
                self.summary.note(job.image, note)

    def _write(
        self, task: _Task, photograph: Photograph, own: np.ndarray | None, found: DamageMap | None, notes: list[str]
    ) -> float | None:
        """Writes mask and preview: of the mask that it has already, or of what was found; returns as `__call__`."""
        job = task.job
        if own is not None or found is None:
            if task.preview is not None and own is not None:
                write_photograph(task.preview, preview(photograph, own, linear=self.linear))
                self.summary.counts["previewed, by the mask that exists"] += 1
            return None
        try:
            hole = self.finding.hole(found, job.keep, notes=notes, dilate=self.dilate, max_pixels=self.max_pixels)
        except TooMuchDamage as refused:  # what seems damaged is to be seen then
            if task.preview is not None:
                write_photograph(task.preview, preview(photograph, refused.hole, linear=self.linear))
            raise
        job.check_free(overwrite=self.overwrite)
        if task.preview is not None:
            write_photograph(task.preview, preview(photograph, hole, linear=self.linear))
        write_photograph(job.target, _picture(hole.astype(np.uint8) * np.uint8(255), photograph))
        self.summary.counts["found damaged" if hole.any() else "found undamaged"] += 1
        return share(hole)

    def _look(self, task: _Task, photograph: Photograph, notes: list[str]) -> DamageMap:
        """What is found; and writes the map of probabilities, if that is wanted."""
        found = self.finding.look(
            photograph,
            task.job.image,
            linear=self.linear,
            notes=notes,
            max_pixels=self.max_pixels,
            programs=self.programs,
        )
        if task.probabilities is not None:
            levels = np.rint(255 * found.probability).astype(np.uint8)
            write_photograph(task.probabilities, _picture(levels, photograph, texts=texts_with(PROBABILITIES)))
        return found


def _tasks(
    jobs: Sequence[Job], extras: Extras, summary: Summary, *, into_folder: bool, overwrite: bool
) -> Iterator[_Task]:
    """What there is to do. Masks that exist, which may have been corrected by hand, get what lies beside them alone."""
    for job in jobs:
        probabilities, coloured = extras.places(job, into_folder=into_folder)
        has_mask = job.finished and not overwrite
        if has_mask:
            summary.counts["skipped, since the mask exists (--overwrite replaces it)"] += 1
            if probabilities is not None and probabilities.exists():
                probabilities = None
            if coloured is not None and coloured.exists() and not has_comment(coloured, PREVIEW):
                summary.notes.append(
                    f"{coloured} is not one of our previews and was not replaced: choose another place"
                )
                coloured = None
        if not has_mask or probabilities is not None or coloured is not None:
            yield _Task(job, probabilities, coloured, has_mask)


def _mask_that_exists(job: Job, photograph: Photograph, *, max_pixels: int | None) -> np.ndarray:
    with hide_messages_of_libraries():
        hole = read_hole(job.target, max_pixels=max_pixels, advice=None)
    if hole.shape != photograph.pixels.shape[:2]:
        raise InputError(f"{job.target} has another size than its photograph: give --overwrite, or remove it")
    return hole


def preview(photograph: Photograph, hole: np.ndarray, *, linear: bool = False) -> Photograph:
    """A photograph of 8 bits in which the holes are coloured.

    Args:
        photograph: the photograph.
        hole: bool `[H, W]`, True = damage.
        linear: it is linear in light, even if it does not say so.

    Returns:
        RGB, without transparency.
    """
    picture = shown(photograph, photograph, linear=linear or is_linear(photograph))
    for strip in strips(*hole.shape):
        inside = hole[strip]
        own = picture.pixels[strip][inside].astype(np.float32)
        picture.pixels[strip][inside] = np.rint(own + _STRENGTH * (np.array(_COLOUR, np.float32) - own))
    return dataclasses.replace(picture, texts=texts_with(PREVIEW))


def _picture(pixels: np.ndarray, of: Photograph, *, texts: Texts = NO_TEXTS) -> Photograph:
    """Pixels of 8 bits with the resolution of a photograph, and nothing else of it."""
    return Photograph(pixels, None, None, None, of.dpi, "PNG", lossless=True, texts=texts)
