"""Plans the work: which photograph, with which mask, to which file."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from pconv_jax.cli.holes import Holes
from pconv_jax.cli.photographs import Found, find_photographs, resolver
from pconv_jax.common.errors import InputError
from pconv_jax.common.paths import names_folder
from pconv_jax.imaging import OUTPUT_FORMATS, best_matches, image_files, masks_beside


@dataclasses.dataclass(frozen=True)
class Job:
    """A photograph to restore.

    Attributes:
        image: its file.
        mask: the file of its mask, if the holes come from one.
        out: the result, as it is named.
        target: the file to write: `out`, or what it points to if it is a link.
        fault: why it cannot be restored, if that is known from the names; empty if it can.
    """

    image: Path
    mask: Path | None
    out: Path
    target: Path
    fault: str = ""

    @property
    def comparison(self) -> Path:
        """The before/after image that goes with the result."""
        # With its suffix, since there may be an a.jpg beside an a.png.
        return self.out.with_name(f"{self.out.name}.compare.jpg")


@dataclasses.dataclass(frozen=True)
class Plan:
    """The work.

    Attributes:
        jobs: the photographs, sorted by name.
        passed_over: a sentence for each kind of file in their folder that is not worked on.
    """

    jobs: list[Job]
    passed_over: list[str]


def plan(image: Path, out: str | os.PathLike[str], holes: Holes, *, overwrite: bool = False) -> Plan:
    """Plans the work, without reading any image.

    Args:
        image: a photograph, or a folder of them.
        out: for a photograph the file to write, or a folder that exists or ends in a slash; for a folder a folder.
        holes: where the holes are found.
        overwrite: whether the photograph may be replaced by its restored version.

    Returns:
        The jobs, and what is not one.

    Raises:
        InputError: something does not exist, no photograph has a mask, two would be written to one file, or one would
            replace its original or a mask.
    """
    if holes.mask is not None and not holes.mask.exists():
        raise InputError(f"{holes.mask} does not exist: give a mask file, or a folder of them")
    given, out = out, Path(out)
    if names_folder(given) and out.is_file():
        raise InputError(f"-o {os.fspath(given)} is a file: leave out what follows its name, or give a folder")
    found = find_photographs(image, out, holes.mask)
    masks = _masks(found, holes.mask)
    into_folder = image.is_dir() or out.is_dir() or names_folder(given)
    real = resolver()
    jobs = []
    for name, (mask, fault) in zip(found.names, masks, strict=True):
        written = _written_as(out / name) if into_folder else out
        target = real(written) if written.is_symlink() and written.exists() else written
        jobs.append(Job(found.root / name, mask, written, target, fault))
    _check_results(jobs, real, overwrite=overwrite)
    return Plan(jobs, found.passed_over)


def _masks(found: Found, mask: Path | None) -> Sequence[tuple[Path | None, str]]:
    """The mask of each photograph, or why it has none: one file for all, or the one whose name goes with it."""
    if mask is None or not mask.is_dir():
        return [(mask, "")] * len(found.names)
    files = image_files(mask)
    if mask.resolve() == found.root.resolve():
        files = tuple(masks_beside(files)) or files
    choices = best_matches(found.names, files)
    if not any(choices):
        first = found.names[0]
        raise InputError(
            f"{mask} has no mask for {first.as_posix()}, nor for any other photograph: each needs one of the same name "
            f"there, such as {first.with_suffix('.png').as_posix()}"
        )
    return [_one_of(masks, found.root, name, mask) for name, masks in zip(found.names, choices, strict=True)]


def _one_of(masks: Sequence[Path], photographs: Path, name: Path, root: Path) -> tuple[Path | None, str]:
    image = photographs / name
    if not masks:
        wanted = root / name.with_suffix(".png")
        return None, f"{root} has no mask for it: add one of the same name in the same folder, such as {wanted}"
    if len(masks) > 1:
        return None, f"{root} has more than one mask for it, {masks[0]} and {masks[1]}: keep only one"
    file = root / masks[0]
    if file.exists() and image.exists() and file.samefile(image):
        raise InputError(f"{image} would be its own mask: keep the masks in a folder of their own")
    return file, ""


def _check_results(jobs: Sequence[Job], real: Callable[[Path], Path], *, overwrite: bool) -> None:
    masks = {real(job.mask) for job in jobs if job.mask}
    seen: dict[Path, Path] = {}
    for job in jobs:
        kind = OUTPUT_FORMATS.get(job.out.suffix.lower())
        if kind is None:
            raise InputError(f"-o {job.out} has no suffix that can be written: use one of {', '.join(OUTPUT_FORMATS)}")
        if OUTPUT_FORMATS.get(job.target.suffix.lower()) != kind:
            raise InputError(f"-o {job.out} is a link to {job.target}, which is of another kind: give that file itself")
        if other := seen.get(job.target):
            raise InputError(f"{other} and {job.image} would both be written to {job.target}: rename one of them")
        seen[job.target] = job.image
        if real(job.out) in masks:
            raise InputError(f"-o {job.out} is a mask: choose another file")
        if not overwrite and job.out.exists() and job.image.exists() and job.out.samefile(job.image):
            raise InputError(f"-o {job.out} is the photograph itself: choose another file, or give --overwrite")


def _written_as(path: Path) -> Path:
    """The path of a result: with its own suffix if that format can be written, otherwise as PNG."""
    return path if path.suffix.lower() in OUTPUT_FORMATS else path.with_suffix(".png")
