"""Restores photographs one after the other, and reports the results."""

import dataclasses
import os
import shutil
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pconv_jax.checkpoints.bundled import DEFAULT_WEIGHTS
from pconv_jax.checkpoints.remembered import load_remembered
from pconv_jax.cli.comparison import write_comparison
from pconv_jax.cli.holes import Holes
from pconv_jax.cli.jobs import Job
from pconv_jax.common.atomic_write import atomic_write
from pconv_jax.common.errors import InputError, WideHolesWarning, reason, shortened
from pconv_jax.common.jax_start import prepare_jax
from pconv_jax.common.output import hide_messages_of_libraries
from pconv_jax.common.programs import kept_programs
from pconv_jax.imaging import OUTPUT_FORMATS, Photograph, read_photograph, write_photograph
from pconv_jax.imaging.linear import is_linear, through_curve
from pconv_jax.inpainting.grain import add_grain
from pconv_jax.inpainting.grey import kept_grey
from pconv_jax.inpainting.inpainter import Inpainter
from pconv_jax.synthesis.settings import DEFAULT_SETTINGS

_COPIED = "copied, without damage"
_NAMED = 10  # photographs that a warning names before it only counts


@dataclasses.dataclass
class Summary:
    """How many photographs were restored, copied, skipped or failed.

    Attributes:
        counts: number of photographs by outcome.
        failures: a sentence for each that could not be restored.
        warning: a sentence about those in which nothing is marked as damage; empty if there are none.
        wide: a warning for each whose holes are wider than the weights know.
    """

    counts: Counter[str] = dataclasses.field(default_factory=Counter)
    failures: list[str] = dataclasses.field(default_factory=list)
    warning: str = ""
    wide: list[str] = dataclasses.field(default_factory=list)

    def warn(self) -> None:
        """Warns of wide holes, once for all photographs."""
        if self.wide:
            others = len(self.wide) - 1
            more = f" (also in {others} more photograph{'s' if others > 1 else ''})" if others else ""
            warnings.warn(f"{self.wide[0]}{more}", WideHolesWarning, stacklevel=2)

    def __str__(self) -> str:
        return ", ".join(f"{count} {what}" for what, count in self.counts.items()) or "nothing to do"

    def fail(self, job: Job, why: str) -> None:
        """Counts a photograph that could not be restored.

        Args:
            job: the photograph.
            why: the reason, without its name.
        """
        self.counts["failed"] += 1
        self.failures.append(why if str(job.image) in why else f"{job.image}: {why}")


def restore_files(
    jobs: list[Job],
    holes: Holes,
    *,
    weights: str | os.PathLike[str] = DEFAULT_WEIGHTS,
    best: bool = False,
    refine_with: str | None = None,
    grain: float = 0.0,
    overwrite: bool = False,
    max_pixels: int | None = None,
    compare: bool = False,
    quality: int | None = None,
    linear: bool = False,
) -> Summary:
    """Restores photographs; one that fails is reported and does not stop the others.

    Args:
        jobs: from `plan`.
        holes: where the holes are found.
        weights: as for `Inpainter`.
        best: as for `Inpainter`.
        refine_with: VGG weights as for `open_vgg`, to refine what the network returns; not refined if not given.
        grain: strength, as `add_grain` takes it.
        overwrite: replace results that exist; otherwise they count as finished, with or without a comparison.
        max_pixels: of a photograph and of a mask, as for `read_photograph`.
        compare: write a before/after image beside each result.
        quality: of JPEG and WebP, 1 to 100, as `write_photograph` takes it.
        linear: the photographs are linear in light, even if they do not say so.

    Returns:
        The outcomes.

    Raises:
        InputError: the weights cannot be loaded.
    """
    from tqdm import tqdm

    summary = Summary()
    waiting = [job for job in jobs if overwrite or not job.finished]
    if skipped := len(jobs) - len(waiting):
        summary.counts["skipped, since the result exists (--overwrite replaces it)"] = skipped
    for job in waiting:
        if job.fault:
            summary.fail(job, job.fault)
    waiting = [job for job in waiting if not job.fault]
    if not waiting:
        return summary
    unmarked: list[Job] = []
    single = len(waiting) == 1
    # A detector, or VGG, finds its programs where JAX keeps them.
    programs = kept_programs() if single and refine_with is None and not holes.finds else None
    prepare_jax(keep_programs=programs is None)
    restorer = Inpainter(load_remembered(weights, programs), best=best, programs=programs)
    refiner = _refiner(refine_with)
    title, unit = (waiting[0].image.name, "step") if single else ("restoring", "image")
    with tqdm(desc=title, unit=unit, total=None if single else len(waiting), disable=None, dynamic_ncols=True) as bar:

        def tick(done: int, total: int) -> None:
            if bar.total != total:  # of the network, then of the refinement
                bar.reset(total)
            bar.update(done - bar.n)

        def restore(pixels: np.ndarray, hole: np.ndarray) -> np.ndarray:
            progress = tick if single else None
            restored = refiner(restorer(pixels, hole=hole, progress=progress), hole, progress)
            return add_grain(restored, hole=hole, strength=grain)

        for job in waiting:
            try:
                done = _restore_one(
                    job,
                    holes,
                    restore,
                    summary.wide,
                    max_pixels=max_pixels,
                    compare=compare,
                    quality=quality,
                    linear=linear,
                )
                summary.counts[done] += 1
            except (InputError, MemoryError) as error:
                summary.fail(job, str(error) or "not enough memory")
            else:
                if done == _COPIED:
                    unmarked.append(job)
            if not single:
                bar.update()
    summary.warning = _nothing_marked(unmarked, len(waiting), holes)
    summary.warn()
    return summary


def _nothing_marked(unmarked: list[Job], restored: int, holes: Holes) -> str:
    """A warning about photographs that were only copied, one for all of them; empty if there are none."""
    if not unmarked:
        return ""
    names = shortened([job.image.name for job in unmarked], _NAMED)
    return (
        f"nothing is marked as damage in {len(unmarked)} of {restored} ({names}), which "
        f"{'is' if len(unmarked) == 1 else 'are'} copied: {holes.if_nothing_is_marked()}"
    )


def report(summary: Summary, *, passed_over: Sequence[str] = ()) -> int:
    """Prints the outcomes.

    Args:
        summary: from `restore_files`.
        passed_over: sentences about files that were not worked on.

    Returns:
        The exit code: 1 if one failed.
    """
    for failure in summary.failures:
        print(f"failed: {failure}", file=sys.stderr)
    if summary.warning:
        print(f"warning: {summary.warning}", file=sys.stderr)
    print(summary)
    for sentence in passed_over:
        print(sentence)
    return 1 if summary.failures else 0


def _refiner(spec: str | None) -> Callable[[np.ndarray, np.ndarray, Any], np.ndarray]:
    """A function of a restored photograph, its hole and progress that refines it, or returns it as it is."""
    if spec is None:
        return lambda restored, hole, progress: restored
    from pconv_jax.synthesis.refine import open_vgg, refine

    vgg = open_vgg(spec, DEFAULT_SETTINGS)
    return lambda restored, hole, progress: refine(
        restored, hole=hole, vgg=vgg, settings=DEFAULT_SETTINGS, progress=progress
    )


def _restore_one(
    job: Job,
    holes: Holes,
    restore: Callable[[np.ndarray, np.ndarray], np.ndarray],
    wide: list[str],
    *,
    max_pixels: int | None,
    compare: bool,
    quality: int | None,
    linear: bool,
) -> str:
    with hide_messages_of_libraries():  # of damaged files
        holes.check_sizes(job.image, job.mask, max_pixels=max_pixels)
        photograph = read_photograph(job.image, max_pixels=max_pixels)
        hole = holes.find(photograph, job.mask, keep=job.keep, linear=linear, max_pixels=max_pixels)
    if not hole.any():
        _copy(job, photograph, quality=quality, keep_alpha=not holes.mask_alpha)
        return _COPIED
    pixels, alpha = photograph.pixels, None if holes.mask_alpha else photograph.alpha
    # Grey with alpha is passed as four channels: what two channels mean would be ambiguous.
    together = pixels if alpha is None else np.dstack([*[pixels] * (3 if pixels.ndim == 2 else 1), alpha])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        if linear or is_linear(photograph):
            restored = through_curve(restore, together, hole)
        else:
            restored = restore(together, hole)
    restored = kept_grey(restored, together, hole)
    for warning in caught:  # repeated with the name of the photograph
        named = f"{job.image}: {warning.message}"
        if issubclass(warning.category, WideHolesWarning):
            wide.append(named)
        else:
            warnings.warn(named, warning.category, stacklevel=2)
    if alpha is not None:
        alpha, restored = restored[..., 3], restored[..., :3]
        if pixels.ndim == 2:
            restored = np.rint(restored.mean(axis=2)).astype(pixels.dtype)
    result = dataclasses.replace(photograph, pixels=restored, alpha=alpha)
    # First, so that no result lacks its comparison when the command is stopped; removed if the result fails.
    if compare:
        write_comparison(job.comparison, photograph, result)
    try:
        write_photograph(job.target, result, quality=quality)
    except InputError:
        if compare:
            job.comparison.unlink(missing_ok=True)
        raise
    return "restored"


def _copy(job: Job, photograph: Photograph, *, quality: int | None, keep_alpha: bool) -> None:
    """Copies a photograph without damage; the file itself if the format stays the same."""
    if not keep_alpha or OUTPUT_FORMATS[job.out.suffix.lower()] != photograph.format:
        kept = photograph if keep_alpha else dataclasses.replace(photograph, alpha=None)
        write_photograph(job.target, kept, quality=quality)
        return
    if job.out.exists() and job.out.samefile(job.image):
        return
    try:
        with atomic_write(job.target) as temporary:
            shutil.copyfile(job.image, temporary)
    except OSError as error:
        raise InputError(f"{job.out} cannot be written ({reason(error)}): choose another file") from error
