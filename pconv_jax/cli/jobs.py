"""What is to be done: which photograph, with which mask, to which file."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from pconv_jax.cli.holes import Holes
from pconv_jax.common.errors import InputError
from pconv_jax.imaging import OUTPUT_FORMATS
from pconv_jax.imaging.files import walk

_READABLE = (*OUTPUT_FORMATS, ".bmp", ".gif", ".ppm", ".pgm", ".avif")


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
