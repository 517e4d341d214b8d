"""Restores photographs one after the other, and reports the results."""

import contextlib
import dataclasses
import functools
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from pconv_jax.checkpoints.bundled import DEFAULT_WEIGHTS
from pconv_jax.checkpoints.remembered import load_remembered
from pconv_jax.cli.comparison import write_comparison
from pconv_jax.cli.holes import Holes
from pconv_jax.cli.jobs import Job
from pconv_jax.cli.summary import Summary
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

if TYPE_CHECKING:  # they load Flax, which takes a second
    from pconv_jax.cli.receipt import Receipts
    from pconv_jax.evaluation.estimate import Estimate, Restore

_COPIED = "copied, without damage"
_NAMED = 10  # photographs that a warning names before it only counts


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
    receipt: bool = False,
    estimate: bool = False,
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
        receipt: write a receipt and what was there before beside each result.
        estimate: estimate how good each is; a sentence for each is in the notes of the summary.

    Returns:
        The outcomes.

    Raises:
        InputError: the weights or the detector cannot be loaded.
    """
    from tqdm import tqdm

    summary = Summary()
    waiting = [job for job in jobs if overwrite or not job.finished]
    if skipped := len(jobs) - len(waiting):
        summary.counts["skipped, since the result exists (--overwrite replaces it)"] = skipped
    for job in waiting:
        if job.fault:
            summary.fail(job.image, job.fault)
    waiting = [job for job in waiting if not job.fault]
    if not waiting:
        return summary
    unmarked: list[Job] = []
    if holes.finds:
        holes.finding.load()
    single = len(waiting) == 1
    # A detector, or VGG, finds its programs where JAX keeps them; a receipt names the network.
    alone = single and refine_with is None and not holes.finds and not receipt
    programs = kept_programs() if alone else None
    prepare_jax(keep_programs=programs is None)
    restorer = Inpainter(load_remembered(weights, programs), best=best, programs=programs)
    refiner = _refiner(refine_with)
    receipts = None
    if receipt:
        from pconv_jax.cli.receipt import Receipts, weights_facts

        facts = weights_facts(weights, restorer.generator)
        flags = {"best": best, "vgg_weights": refine_with, "grain": grain, "quality": quality, "linear": linear}
        receipts = Receipts(facts, {**flags, "holes": dataclasses.asdict(holes)}, overwrite, max_pixels)
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
                with _noted_warnings() as said:
                    done = _restore_one(
                        job,
                        holes,
                        restore,
                        summary,
                        said,
                        max_pixels=max_pixels,
                        compare=compare,
                        quality=quality,
                        linear=linear,
                        receipts=receipts,
                        estimate=estimate,
                    )
                summary.counts[done] += 1
            except (InputError, MemoryError) as error:
                summary.fail(job.image, str(error) or "not enough memory")
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
    summary: Summary,
    said: list[str],
    *,
    max_pixels: int | None,
    compare: bool,
    quality: int | None,
    linear: bool,
    receipts: "Receipts | None",
    estimate: bool,
) -> str:
    if receipts is not None:
        receipts.check(job)
    with hide_messages_of_libraries():  # of damaged files
        holes.check_sizes(job.image, job.mask, max_pixels=max_pixels)
        photograph = read_photograph(job.image, max_pixels=max_pixels)
        hole = holes.find(photograph, job.mask, image=job.image, keep=job.keep, linear=linear, max_pixels=max_pixels)
    if not hole.any():
        _copy(job, photograph, quality=quality, keep_alpha=not holes.mask_alpha)
        return _COPIED
    pixels, alpha = photograph.pixels, None if holes.mask_alpha else photograph.alpha
    # Grey with alpha is passed as four channels: what two channels mean would be ambiguous.
    together = pixels if alpha is None else np.dstack([*[pixels] * (3 if pixels.ndim == 2 else 1), alpha])
    if linear or is_linear(photograph):
        restore = functools.partial(through_curve, restore)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        restored = kept_grey(restore(together, hole), together, hole)
    for warning in caught:  # repeated with the name of the photograph
        named = f"{job.image}: {warning.message}"
        if issubclass(warning.category, WideHolesWarning):
            summary.wide.append(named)
            said.append(named)
        else:
            warnings.warn(named, warning.category, stacklevel=2)
    expected = _estimated(job, restored, hole, restore, summary) if estimate else None
    if alpha is not None:
        alpha, restored = restored[..., 3], restored[..., :3]
        if pixels.ndim == 2:
            restored = np.rint(restored.mean(axis=2)).astype(pixels.dtype)
    result = dataclasses.replace(photograph, pixels=restored, alpha=alpha)
    # First, so that no result lacks its comparison when the command is stopped; removed if the result fails.
    if compare:
        write_comparison(job.comparison, photograph, result)
    receipt = None
    if receipts is not None:
        receipt = functools.partial(receipts.write, job, photograph, hole, said=said, estimate=expected)
    try:
        write_photograph(job.target, result, quality=quality, check=receipt)
    except InputError:
        if compare:
            job.comparison.unlink(missing_ok=True)
        raise
    return "restored"


def _estimated(
    job: Job, restored: np.ndarray, hole: np.ndarray, restore: "Restore", summary: Summary
) -> "Estimate | None":
    """How good a result is expected to be, which is noted; None where that cannot be told."""
    from pconv_jax.evaluation.estimate import estimate_restored

    try:
        estimate = estimate_restored(restored, hole, restore)
    except InputError as error:
        summary.notes.append(f"{job.image}: {error}")
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
