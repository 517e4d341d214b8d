"""Restoring photographs in files: one, or a folder of them, each with its mask."""

import dataclasses
import os
import shutil
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pconv_jax.errors import InputError
from pconv_jax.files import replaced
from pconv_jax.image_files import walk
from pconv_jax.photographs import OUTPUT_FORMATS, Photograph, read_mask_picture, read_photograph, write_photograph
from pconv_jax.restorer import DEFAULT_WEIGHTS, Restorer

_READABLE = (*OUTPUT_FORMATS, ".bmp", ".gif", ".ppm", ".pgm", ".avif")
_OPAQUE = 0.5  # share of full opacity below which a pixel counts as erased
_COMPARED = 1600  # longest side of a picture in a comparison, px


@dataclasses.dataclass(frozen=True, kw_only=True)
class Holes:
    """Where the holes of a photograph are found: exactly one of the first three.

    Attributes:
        mask: a mask picture (white = hole), for all photographs; or a folder of them, each with the name of its
            photograph, whatever its suffix.
        alpha: what is less than half opaque is a hole; the restored photograph is opaque.
        color: pixels of this colour are holes: red, green and blue, 0 to 255.
        tolerance: how far each channel may be from `color`.
        invert: in mask pictures black is the hole.
        threshold: brightness, 1 to 255, from which on a pixel of a mask picture is white.
        dilate: px by which holes are widened all around, for masks that do not quite cover the damage.
    """

    mask: Path | None = None
    alpha: bool = False
    color: tuple[int, int, int] | None = None
    tolerance: int = 0
    invert: bool = False
    threshold: int = 128
    dilate: int = 0

    def __post_init__(self) -> None:
        given = [self.mask is not None, self.alpha, self.color is not None]
        if sum(given) != 1:
            raise InputError("where are the holes? give one of --mask MASK, --mask-alpha and --mask-color R G B")
        if self.color is not None and not all(0 <= value <= 255 for value in self.color):
            raise InputError(f"--mask-color {self.color} must be red, green and blue from 0 to 255")
        if not 0 <= self.tolerance <= 255:
            raise InputError(f"--mask-tolerance is {self.tolerance}, but it must lie between 0 and 255")
        if not 1 <= self.threshold <= 255:
            raise InputError(f"--mask-threshold is {self.threshold}, but it must lie between 1 and 255")
        if not 0 <= self.dilate <= 100:
            raise InputError(f"--dilate is {self.dilate} px, but it must lie between 0 and 100")
        if self.mask is None and (self.invert or self.threshold != 128):
            raise InputError("--invert-mask and --mask-threshold go with --mask MASK: leave them out")
        if self.color is None and self.tolerance:
            raise InputError("--mask-tolerance goes with --mask-color R G B: leave it out")


@dataclasses.dataclass(frozen=True)
class Job:
    """A photograph to restore.

    Attributes:
        image: its file.
        mask: the file of its mask, if the holes come from one.
        out: the file to write.
    """

    image: Path
    mask: Path | None
    out: Path

    @property
    def comparison(self) -> Path:
        """The before/after picture that goes with the result."""
        # With its suffix, since there may be an a.jpg beside an a.png.
        return self.out.with_name(f"{self.out.name}.compare.jpg")


@dataclasses.dataclass
class Summary:
    """What became of the photographs.

    Attributes:
        counts: number of photographs by what became of them.
        failures: a sentence for each that could not be restored.
    """

    counts: Counter[str] = dataclasses.field(default_factory=Counter)
    failures: list[str] = dataclasses.field(default_factory=list)

    def __str__(self) -> str:
        return ", ".join(f"{count} {what}" for what, count in self.counts.items()) or "nothing to do"


def plan(image: Path, out: Path, holes: Holes, *, overwrite: bool = False) -> list[Job]:
    """Finds what is to be done; nothing is read yet.

    Args:
        image: a photograph, or a folder of them.
        out: for a photograph the file to write, or an existing folder; for a folder a folder.
        holes: where the holes are found.
        overwrite: whether the photograph may be replaced by its restored version.

    Returns:
        The jobs, sorted by name.

    Raises:
        InputError: something is not there, photographs without a mask, two that would be written to one file, or one
            that would replace its original or a mask.
    """
    if holes.mask is not None and not holes.mask.exists():
        raise InputError(f"{holes.mask} is not there: give a mask picture, or a folder of them")
    if image.is_dir():
        if out.exists() and not out.is_dir():
            raise InputError(f"-o {out} is a file, but {image} is a folder: give a folder for the results")
        apart = _apart(image, out, holes.mask)
        files = sorted(file for file in walk(image, _READABLE) if not {file.resolve(), *file.resolve().parents} & apart)
        if not files:
            raise InputError(f"{image} holds no image: give a folder of {', '.join(_READABLE)} files")
        pairs = [(file, _written_as(out / file.relative_to(image))) for file in files]
    else:
        if not image.exists():
            raise InputError(f"{image} is not there: give a photograph, or a folder of them")
        if out.is_dir():
            out = _written_as(out / image.name)
        pairs = [(image, out)]
    jobs = [Job(file, _mask_of(file, image, holes.mask), target) for file, target in pairs]
    masks = {job.mask.resolve() for job in jobs if job.mask}
    seen: dict[Path, Path] = {}
    for job in jobs:
        if job.out.suffix.lower() not in OUTPUT_FORMATS:
            raise InputError(
                f"-o {job.out} is of no kind that can be written: let it end in {', '.join(OUTPUT_FORMATS)}"
            )
        if other := seen.get(job.out):
            raise InputError(f"{other} and {job.image} would both be written to {job.out}: rename one of them")
        seen[job.out] = job.image
        if job.out.resolve() in masks:
            raise InputError(f"-o {job.out} is a mask: name another place")
        if not overwrite and job.out.exists() and job.out.samefile(job.image):
            raise InputError(f"-o {job.out} is the photograph itself: name another file, or give --overwrite")
    return jobs


def restore_files(
    jobs: list[Job],
    holes: Holes,
    *,
    weights: str | os.PathLike[str] = DEFAULT_WEIGHTS,
    overwrite: bool = False,
    compare: bool = False,
    quality: int = 95,
) -> Summary:
    """Restores photographs; one that cannot be is reported, and the others go on.

    Args:
        jobs: what `plan` found.
        holes: where the holes are found.
        weights: as for `Restorer`.
        overwrite: replace results that exist; otherwise they count as finished, whatever stands beside them.
        compare: write a before/after picture beside each result.
        quality: of JPEG and WebP, 1 to 100.

    Returns:
        What became of them.

    Raises:
        InputError: weights that cannot be loaded.
    """
    from tqdm import tqdm

    summary = Summary()
    # A folder in its place is no result: writing will say so.
    waiting = [job for job in jobs if overwrite or not job.out.is_file()]
    if skipped := len(jobs) - len(waiting):
        summary.counts["skipped, since the result exists (--overwrite replaces it)"] = skipped
    if not waiting:
        return summary
    restorer = Restorer(weights)
    single = len(waiting) == 1
    title, unit = (waiting[0].image.name, "tile") if single else ("restoring", "image")
    with tqdm(desc=title, unit=unit, total=None if single else len(waiting), disable=None, dynamic_ncols=True) as bar:

        def tick(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        for job in waiting:
            try:
                done = _restore_one(job, holes, restorer, tick if single else None, compare=compare, quality=quality)
                summary.counts[done] += 1
            except (InputError, MemoryError) as error:
                reason = str(error) or "not enough memory"
                named = reason if str(job.image) in reason else f"{job.image}: {reason}"
                summary.counts["failed"] += 1
                summary.failures.append(named)
            if not single:
                bar.update()
    return summary


def report(summary: Summary) -> int:
    """Prints what became of the photographs.

    Args:
        summary: from `restore_files`.

    Returns:
        The exit code: 1 if one failed.
    """
    for failure in summary.failures:
        print(f"failed: {failure}", file=sys.stderr)
    print(summary)
    return 1 if summary.failures else 0


def _restore_one(job: Job, holes: Holes, restorer: Restorer, progress: Any, *, compare: bool, quality: int) -> str:
    photograph = read_photograph(job.image)
    hole = _holes(photograph, job.mask, holes)
    if not hole.any():
        _copy(job, photograph, quality=quality, keep_alpha=not holes.alpha)
        return "copied, without damage"
    pixels, alpha = photograph.pixels, None if holes.alpha else photograph.alpha
    # Grey with alpha goes as four channels, since an array of two could be anything.
    together = pixels if alpha is None else np.dstack([*[pixels] * (3 if pixels.ndim == 2 else 1), alpha])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        restored = restorer(together, ~hole, progress=progress)
    for warning in caught:  # which do not know of what photograph they speak
        warnings.warn(f"{job.image}: {warning.message}", warning.category, stacklevel=2)
    if alpha is not None:
        alpha, restored = restored[..., 3], restored[..., :3]
        if pixels.ndim == 2:
            restored = np.rint(restored.mean(axis=2)).astype(pixels.dtype)
    result = dataclasses.replace(photograph, pixels=restored, alpha=alpha)
    # First, so that no result is without it when the run is stopped; and not without its result.
    if compare:
        _compare(job.comparison, photograph, result)
    try:
        write_photograph(job.out, result, quality=quality)
    except InputError:
        if compare:
            job.comparison.unlink(missing_ok=True)
        raise
    return "restored"


def _holes(photograph: Photograph, mask: Path | None, holes: Holes) -> np.ndarray:
    """Bool `[H, W]`, True = hole."""
    pixels = photograph.pixels
    most = np.iinfo(pixels.dtype).max
    if mask is not None:
        hole = read_mask_picture(mask, threshold=holes.threshold)
        hole = ~hole if holes.invert else hole
        if hole.shape != pixels.shape[:2]:
            size, own = ("x".join(map(str, reversed(each.shape[:2]))) for each in (hole, pixels))
            raise InputError(f"the mask {mask} has {size} pixels and the photograph {own}: they must have one size")
    elif holes.alpha:
        if photograph.alpha is None:
            raise InputError("has no alpha channel to take the holes from: erase the damage and save it as PNG")
        hole = photograph.alpha < _OPAQUE * most
    else:
        assert holes.color is not None
        hole = np.ones(pixels.shape[:2], bool)
        for channel, wanted in enumerate(holes.color):
            layer = pixels if pixels.ndim == 2 else pixels[..., channel]  # grey is three equal channels
            value = layer.astype(np.int32) if most == 255 else layer // np.int32(257)
            hole &= np.abs(value - wanted) <= holes.tolerance
    if holes.dilate:
        import cv2

        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * holes.dilate + 1,) * 2)
        hole = cv2.dilate(hole.astype(np.uint8), disc).astype(bool)
    if hole.all():
        raise InputError("the holes leave no valid pixel: take a smaller mask, --invert-mask or a smaller --dilate")
    return hole


def _copy(job: Job, photograph: Photograph, *, quality: int, keep_alpha: bool) -> None:
    """A photograph without damage: the file as it is, where its kind stays the same."""
    if not keep_alpha or OUTPUT_FORMATS[job.out.suffix.lower()] != photograph.format:
        kept = photograph if keep_alpha else dataclasses.replace(photograph, alpha=None)
        write_photograph(job.out, kept, quality=quality)
        return
    if job.out.exists() and job.out.samefile(job.image):
        return
    try:
        with replaced(job.out) as temporary:
            shutil.copyfile(job.image, temporary)
    except OSError as error:
        raise InputError(f"{job.out} cannot be written ({error.strerror}): give another place") from error


def _compare(path: Path, before: Photograph, after: Photograph) -> None:
    """A picture of both side by side, each at most 1600 px long."""
    import cv2

    def shown(photograph: Photograph) -> np.ndarray:
        pixels = photograph.pixels
        if pixels.dtype == np.uint16:
            pixels = (pixels // 257).astype(np.uint8)
        if pixels.ndim == 2:
            pixels = np.repeat(pixels[..., None], 3, axis=2)
        if photograph.alpha is not None:
            opaque = photograph.alpha[..., None] >= _OPAQUE * np.iinfo(photograph.alpha.dtype).max
            pixels = np.where(opaque, pixels, np.uint8(255))
        scale = _COMPARED / max(pixels.shape[:2])
        if scale >= 1:
            return pixels
        height, width = (max(1, round(scale * side)) for side in pixels.shape[:2])
        return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)

    pictures = [shown(before), shown(after)]
    line = np.full((len(pictures[0]), 8, 3), 255, np.uint8)
    write_photograph(path, Photograph(np.hstack([pictures[0], line, pictures[1]]), None, None, None, None, "JPEG"))


def _mask_of(file: Path, root: Path, mask: Path | None) -> Path | None:
    """The mask of a photograph: the one for all, or that of its name in the folder of masks."""
    if mask is None or not mask.is_dir():
        return mask
    below = file.relative_to(root) if root.is_dir() else Path(file.name)
    found = [path for path in _same_name(mask / below) if path.is_file()]
    if len(found) == 1:
        if found[0].samefile(file):
            raise InputError(f"{file} would be its own mask: keep the masks in a folder of their own")
        return found[0]
    many = "several masks" if found else "no mask"
    raise InputError(
        f"{file} has {many} in {mask}: there must be one picture named {below.stem}, such as {below.stem}.png"
    )


def _same_name(path: Path) -> Iterator[Path]:
    """Files with the name of a path, whatever their suffix; the very same name alone if it is there."""
    if path.is_file():
        yield path
    elif path.parent.is_dir():
        yield from (
            each for each in path.parent.iterdir() if each.stem == path.stem and each.suffix.lower() in _READABLE
        )


def _written_as(path: Path) -> Path:
    """A path for a result: its own suffix if that kind can be written, PNG if not."""
    return path if path.suffix.lower() in OUTPUT_FORMATS else path.with_suffix(".png")


def _apart(image: Path, *others: Path | None) -> set[Path]:
    """The results and masks that lie inside the folder of photographs, and are none themselves."""
    found = {path.resolve() for path in others if path is not None}
    return {path for path in found if image.resolve() in path.parents}
