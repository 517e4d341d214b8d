"""Restores photographs one after the other, and reports the results."""

import dataclasses
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from pconv_jax.checkpoints.bundled import DEFAULT_WEIGHTS
from pconv_jax.checkpoints.remembered import load_remembered
from pconv_jax.cli.holes import Holes
from pconv_jax.cli.jobs import Job
from pconv_jax.cli.one_photograph import COPIED, Restoration
from pconv_jax.cli.series import work_through
from pconv_jax.cli.summary import Summary, reported_if_interrupted
from pconv_jax.common.errors import shortened
from pconv_jax.common.jax_start import prepare_jax
from pconv_jax.common.output import plain_text
from pconv_jax.common.programs import kept_programs
from pconv_jax.common.progress import progress_options, terminal_progress_options
from pconv_jax.imaging.linear import through_curve
from pconv_jax.inpainting.grain import add_grain
from pconv_jax.inpainting.inpainter import Inpainter
from pconv_jax.synthesis.settings import DEFAULT_SETTINGS

_NAMED = 10  # photographs that a warning names before it only counts


def restore_files(
    jobs: list[Job],
    holes: Holes,
    *,
    weights: str | os.PathLike[str] = DEFAULT_WEIGHTS,
    best: bool = False,
    keep_detail: bool = False,
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
        weights: bundled weights by their name, a file, or the folder of a training run.
        best: as for `Inpainter` and, where damage is to be found, for `Detector`.
        keep_detail: as for `Inpainter`.
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
    single = len(waiting) == 1
    alone = len(jobs) == 1  # not by what is left: a folder that is resumed gets the files of one that need not be
    # VGG finds its programs where JAX keeps them; a receipt names the network.
    programs = kept_programs() if alone and refine_with is None and not receipt else None
    prepare_jax(keep_programs=programs is None)
    holes = dataclasses.replace(holes, finding=dataclasses.replace(holes.finding, best=best))
    if holes.finds:
        holes.finding.load(programs=programs)
    restorer = Inpainter(load_remembered(weights, programs), best=best, few_sizes=alone, programs=programs)
    refiner = _refiner(refine_with)
    receipts = None
    if receipt:
        from pconv_jax.cli.receipt import Receipts, detector_facts, weights_facts

        flags = {
            "best": best,
            "keep_detail": keep_detail,
            "vgg_weights": refine_with,
            "grain": grain,
            "quality": quality,
            "linear": linear,
        }
        settings = {**flags, "holes": dataclasses.asdict(holes)}
        receipts = Receipts(
            weights_facts(weights, restorer.generator),
            detector_facts(holes.finding.detector) if holes.finds else None,
            settings,
            overwrite,
            max_pixels,
        )
    title, unit = (plain_text(waiting[0].image.name), "step") if single else ("restoring", "image")
    shown = terminal_progress_options() if single else progress_options(patient=True)
    with (
        reported_if_interrupted(summary),
        tqdm(desc=title, unit=unit, total=None if single else len(waiting), **shown) as bar,
    ):

        def tick(done: int, total: int) -> None:
            if bar.total != total:  # of the network, then of the refinement
                bar.reset(total)
            bar.update(done - bar.n)

        progress = tick if single else None

        def finish(restored: np.ndarray, hole: np.ndarray) -> np.ndarray:
            return add_grain(refiner(restored, hole, progress), hole=hole, strength=grain)

        def restore(pixels: np.ndarray, hole: np.ndarray, linear: bool) -> np.ndarray:
            restored = restorer(pixels, hole=hole, linear=linear, keep_detail=keep_detail, progress=progress)
            if refine_with is None and not grain:
                return restored
            return through_curve(finish, restored, hole) if linear else finish(restored, hole)

        restoration = Restoration(
            holes=holes,
            restore=restore,
            programs=programs,
            summary=summary,
            receipts=receipts,
            max_pixels=max_pixels,
            compare=compare,
            quality=quality,
            linear=linear,
            estimate=estimate,
            overwrite=overwrite,
        )
        for job, done in work_through(
            waiting, restoration, summary, image=lambda job: job.image, results=lambda job: job.results
        ):
            if done is not None:
                summary.counts[done] += 1
            if done == COPIED:
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
    names = shortened([job.name.as_posix() for job in unmarked], _NAMED)
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
