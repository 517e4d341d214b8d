"""Plans the work: which photograph, with which mask, to which file."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from pconv_jax.cli.holes import Holes
from pconv_jax.common.errors import InputError
from pconv_jax.imaging import IMAGE_SUFFIXES, OUTPUT_FORMATS, image_files, matching_masks


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
        """The before/after image that goes with the result."""
        # With its suffix, since there may be an a.jpg beside an a.png.
        return self.out.with_name(f"{self.out.name}.compare.jpg")


def plan(image: Path, out: Path, holes: Holes, *, overwrite: bool = False) -> list[Job]:
    """Plans the work, without reading any image.

    Args:
        image: a photograph, or a folder of them.
        out: for a photograph the file to write, or an existing folder; for a folder a folder.
        holes: where the holes are found.
        overwrite: whether the photograph may be replaced by its restored version.

    Returns:
        The jobs, sorted by name.

    Raises:
        InputError: something does not exist, photographs have no mask, two would be written to one file, or one would
            replace its original or a mask.
    """
    if holes.mask is not None and not holes.mask.exists():
        raise InputError(f"{holes.mask} does not exist: give a mask file, or a folder of them")
    root, names = _photographs(image, out, holes.mask)
    masks = _masks(root, names, holes.mask)
    into_folder = image.is_dir() or out.is_dir()
    jobs = [
        Job(root / name, mask, _written_as(out / name) if into_folder else out)
        for name, mask in zip(names, masks, strict=True)
    ]
    _check_results(jobs, overwrite=overwrite)
    return jobs


def _photographs(image: Path, out: Path, mask: Path | None) -> tuple[Path, Sequence[Path]]:
    """A folder and the photographs below it, without results and masks that lie there too."""
    if not image.is_dir():
        if not image.exists():
            raise InputError(f"{image} does not exist: give a photograph, or a folder of them")
        return image.parent, [Path(image.name)]
    if out.exists() and not out.is_dir():
        raise InputError(f"-o {out} is a file, but {image} is a folder: give a folder for the results")
    excluded = {path.resolve() for path in (out, mask) if path is not None}
    excluded = {path for path in excluded if image.resolve() in path.parents}
    found = [name for name in image_files(image) if not _with_parents(image / name) & excluded]
    if not found:
        raise InputError(f"{image} holds no image: give a folder of {', '.join(IMAGE_SUFFIXES)} files")
    return image, found


def _with_parents(path: Path) -> set[Path]:
    path = path.resolve()
    return {path, *path.parents}


def _masks(root: Path, names: Sequence[Path], mask: Path | None) -> Sequence[Path | None]:
    """The mask of each photograph: one file for all, or the file of the same name in the folder of masks."""
    if mask is None or not mask.is_dir():
        return [mask] * len(names)
    found = [mask / below for below in matching_masks(names, mask)]
    for name, file in zip(names, found, strict=True):
        if file.exists() and file.samefile(root / name):
            raise InputError(f"{root / name} would be its own mask: keep the masks in a folder of their own")
    return found


def _check_results(jobs: Sequence[Job], *, overwrite: bool) -> None:
    masks = {job.mask.resolve() for job in jobs if job.mask}
    seen: dict[Path, Path] = {}
    for job in jobs:
        if job.out.suffix.lower() not in OUTPUT_FORMATS:
            raise InputError(f"-o {job.out} has no suffix that can be written: use one of {', '.join(OUTPUT_FORMATS)}")
        if other := seen.get(job.out):
            raise InputError(f"{other} and {job.image} would both be written to {job.out}: rename one of them")
        seen[job.out] = job.image
        if job.out.resolve() in masks:
            raise InputError(f"-o {job.out} is a mask: choose another file")
        if not overwrite and job.out.exists() and job.out.samefile(job.image):
            raise InputError(f"-o {job.out} is the photograph itself: choose another file, or give --overwrite")


def _written_as(path: Path) -> Path:
    """The path of a result: with its own suffix if that format can be written, otherwise as PNG."""
    return path if path.suffix.lower() in OUTPUT_FORMATS else path.with_suffix(".png")
