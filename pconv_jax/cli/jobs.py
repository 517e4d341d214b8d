"""Plans the work: which photograph, with which mask, to which file."""

import dataclasses
import functools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pconv_jax.cli.holes import Holes
from pconv_jax.cli.photographs import NAMED, RECEIPT, find_photographs, resolver
from pconv_jax.common.errors import InputError, shortened
from pconv_jax.common.paths import names_folder
from pconv_jax.common.same_names import one_for_each_file
from pconv_jax.imaging import OUTPUT_FORMATS, best_matches, image_files, masks_beside


class WrittenMeanwhile(InputError):
    """A result that was not there when the work began is there now, as where two commands share a folder."""


@dataclasses.dataclass(frozen=True)
class Job:
    """A photograph to restore.

    Attributes:
        image: its file.
        mask: the file of its mask, if the holes come from one.
        out: the result, as it is named.
        target: the file to write: `out`, or what it points to if it is a link.
        keep: the file that marks what to leave alone, if there is one.
        fault: why it cannot be restored, if that is known from the names; empty if it can.
        clashes: whether that is because another photograph would be written to the same file.
        name: the path of the photograph below the folder that was given.
    """

    image: Path
    mask: Path | None
    out: Path
    target: Path
    keep: Path | None = None
    fault: str = ""
    clashes: bool = False
    name: Path = Path()

    @property
    def finished(self) -> bool:
        """Whether its result exists. A folder at that path is none: writing the file will fail with a message."""
        return not self.clashes and os.path.isfile(self.out)  # False, not an error, for a name that is too long

    def check_free(self, *, overwrite: bool) -> None:
        """Refuses to replace a result that another process, or another photograph, wrote since the work began.

        Args:
            overwrite: whether results that exist may be replaced.

        Raises:
            WrittenMeanwhile: naming it.
        """
        if self.finished and not overwrite:
            raise WrittenMeanwhile(f"{self.out} was written meanwhile, by another: --overwrite replaces it")

    @property
    def in_place(self) -> bool:
        """Whether the result replaces the photograph."""
        return self.out.exists() and self.image.exists() and self.out.samefile(self.image)

    @property
    def results(self) -> Path:
        """The folder of results that its own lies in or below."""
        return self.out.parents[max(0, len(self.name.parts) - 1)]

    @property
    def comparison(self) -> Path:
        """The before/after image that goes with the result."""
        # With its suffix, since there may be an a.jpg beside an a.png.
        return self.out.with_name(f"{self.out.name}.compare.jpg")

    @property
    def receipt(self) -> Path:
        """The receipt that goes with the result."""
        return self.out.with_name(self.out.name + RECEIPT)

    def originals(self, suffix: str) -> Path:
        """The file beside the receipt of what was there before, with its suffix."""
        return self.out.with_name(f"{self.out.name}.original{suffix}")


@dataclasses.dataclass(frozen=True)
class Plan:
    """The work.

    Attributes:
        jobs: the photographs; those of a folder sorted by name.
        passed_over: a sentence for each kind of file among them that is not worked on.
        into_folder: whether the results go into a folder, each under the name of its photograph.
    """

    jobs: list[Job]
    passed_over: list[str]
    into_folder: bool


def plan(
    images: Sequence[Path],
    out: str | os.PathLike[str],
    holes: Holes | None,
    *,
    keep: Path | None = None,
    extras: Sequence[Path] = (),
    overwrite: bool = False,
) -> Plan:
    """Plans the work, without reading any image.

    Args:
        images: photographs, and folders of them.
        out: for one photograph the file to write, or a folder that exists or ends in a slash; otherwise a folder.
        holes: where the holes are found; None if the results are masks, as PNG files.
        keep: a file that marks what to leave alone, for all photographs, or a folder of them.
        extras: files or folders of what else is written, which may be among the photographs.
        overwrite: whether the photograph may be replaced by its restored version.

    Returns:
        The jobs, and what is not one.

    Raises:
        InputError: no photograph is given, something does not exist, no photograph has a mask, or one would replace its
            original or a mask.
    """
    if not images:
        raise InputError("no photograph is given: name one, several, or folders of them")
    mask = None if holes is None else holes.file
    if mask is not None and not mask.exists():
        raise InputError(f"{mask} does not exist: give a mask file, or a folder of them")
    given, out = out, Path(out)
    if names_folder(given) and out.is_file():
        raise InputError(f"--out {os.fspath(given)} is a file: leave out what follows its name, or give a folder")
    written = functools.partial(_written_as, holes=holes)
    # With --overwrite a photo.png beside photo.bmp may be a photograph of its own: they clash rather than be replaced.
    others = [*extras, *([keep] if keep else [])]
    found = find_photographs(images, out, mask, others=others, written=(lambda path: path) if overwrite else written)
    masks, unused = _masks(found.photographs, mask)
    kept = _kept(found.photographs, keep)
    several = len(images) > 1 or images[0].is_dir()
    if several and not out.exists() and not names_folder(given) and out.suffix.lower() in OUTPUT_FORMATS:
        raise InputError(
            f"--out {out} is the name of a file, but there can be several results: give a folder, or add a "
            f"slash ({out}/)"
        )
    into_folder = several or out.is_dir() or names_folder(given)
    real = resolver()
    jobs = []
    for (root, name), (own, fault), region in zip(found.photographs, masks, kept, strict=True):
        result = written(out / name) if into_folder else out
        target = real(result) if result.is_symlink() and result.exists() else result
        jobs.append(Job(root / name, own, result, target, region, fault, name=name))
    if holes is None and not into_folder and out.suffix.lower() != ".png":
        raise InputError(f"--out {out} must end in .png: masks are written without loss")
    _check_results(jobs, real, overwrite=overwrite, masks_only=holes is None)
    passed_over = found.passed_over
    if unused and any(image.is_dir() for image in images):  # those that are named are few
        names = shortened([file.as_posix() for file in unused], NAMED)
        passed_over = [*passed_over, f"{len(unused)} passed over, masks without a photograph: {names}"]
    return Plan(_without_clashes(jobs), passed_over, into_folder)


def _masks(
    photographs: Sequence[tuple[Path, Path]], mask: Path | None
) -> tuple[Sequence[tuple[Path | None, str]], list[Path]]:
    """The mask of each photograph, or why it has none: one file for all, or the one whose name goes with it.

    And the files in a folder of masks, apart from the photographs, that go with none.
    """
    if mask is None or not mask.is_dir():
        for root, name in photographs:
            if mask is not None and _is_photograph(mask, root / name):
                raise InputError(
                    f"--mask {mask} is the photograph itself, whose bright parts would be replaced: give a picture in "
                    "which the damage alone is white, or --mask-color if it has one colour"
                )
        return [(mask, "")] * len(photographs), []
    files, place = image_files(mask), mask.resolve()
    among = {root for root in {root for root, _ in photographs} if root.resolve() == place}
    choices: dict[tuple[Path, Path], list[Path]] = {}
    for masks, beside in ((files, False), (tuple(masks_beside(files)) or files, True)):
        chosen = [photograph for photograph in photographs if (photograph[0] in among) == beside]
        choices.update(zip(chosen, best_matches([name for _, name in chosen], masks), strict=True))
    if not any(choices.values()):
        first = photographs[0][1]
        raise InputError(
            f"{mask} has no mask for {first.as_posix()}, nor for any other photograph: each needs one of the same name "
            f"there, such as {first.with_suffix('.png').as_posix()}"
        )
    users: dict[Path, list[tuple[Path, Path]]] = {}
    for photograph, own in choices.items():
        for file in own:
            users.setdefault(file, []).append(photograph)
    unused = [] if among else [file for file in files if file not in users]
    return [_mask_of(photograph, choices[photograph], users, mask) for photograph in photographs], unused


def _mask_of(
    photograph: tuple[Path, Path], masks: Sequence[Path], users: Mapping[Path, list[tuple[Path, Path]]], root: Path
) -> tuple[Path | None, str]:
    """The mask of a photograph, or why it has none that is its own."""
    for mask in masks:
        if other := next((each for each in users[mask] if _is_another(each, photograph)), None):
            return None, f"{root / mask} is the mask of {Path(*other)} too, another photograph: restore them one by one"
    return _one_of(masks, *photograph, root)


def _is_another(one: tuple[Path, Path], other: tuple[Path, Path]) -> bool:
    """Whether two files are two photographs, rather than copies in two formats that lie beside each other."""
    (root, name), (place, known) = one, other
    return name.with_suffix("") != known.with_suffix("") or root.resolve() != place.resolve()


def _kept(photographs: Sequence[tuple[Path, Path]], keep: Path | None) -> list[Path | None]:
    """The file that marks what to leave alone in each photograph; not each needs one."""
    if keep is None:
        return [None] * len(photographs)
    if not keep.is_dir():
        return [_no_photograph(keep, root / name) for root, name in photographs]
    choices = best_matches([name for _, name in photographs], image_files(keep))
    if not any(choices):
        first = photographs[0][1]
        raise InputError(
            f"--keep {keep} has nothing for {first.as_posix()}, nor for any other photograph: its files need the names "
            f"of photographs, such as {first.with_suffix('.png').as_posix()}"
        )
    if several := next((found for found in choices if len(found) > 1), None):
        raise InputError(f"--keep {keep} has both {several[0]} and {several[1]}: keep only one of them")
    return [
        _no_photograph(keep / found[0], root / name) if found else None
        for (root, name), found in zip(photographs, choices, strict=True)
    ]


def _no_photograph(keep: Path, image: Path) -> Path:
    """A file that marks what to leave alone, refused if it is the photograph: its bright parts would be left alone."""
    if _is_photograph(keep, image):
        raise InputError(f"--keep {keep} is the photograph itself: keep such files in a folder of their own")
    return keep


def _is_photograph(file: Path, image: Path) -> bool:
    return file.exists() and image.exists() and file.samefile(image)


def _one_of(masks: Sequence[Path], photographs: Path, name: Path, root: Path) -> tuple[Path | None, str]:
    image = photographs / name
    if not masks:
        beside = photographs.resolve() == root.resolve()
        wanted = root / (name.with_name(f"{name.stem}_mask.png") if beside else name.with_suffix(".png"))
        if beside:
            return None, f"{root} has no mask for it: add one named after it, such as {wanted}"
        return None, f"{root} has no mask for it: add one of the same name in the same folder, such as {wanted}"
    if len(masks) > 1:
        return None, f"{root} has more than one mask for it, {masks[0]} and {masks[1]}: keep only one"
    file = root / masks[0]
    if _is_photograph(file, image):
        raise InputError(f"{image} would be its own mask: keep the masks in a folder of their own")
    return file, ""


def _check_results(jobs: Sequence[Job], real: Callable[[Path], Path], *, overwrite: bool, masks_only: bool) -> None:
    masks = {real(path) for job in jobs for path in (job.mask, job.keep) if path}
    one = one_for_each_file([*masks, *(real(job.out) for job in jobs)])
    masks = {one(path) for path in masks}
    for job in jobs:
        kind = OUTPUT_FORMATS.get(job.out.suffix.lower())
        if kind is None:
            raise InputError(
                f"--out {job.out} has no suffix that can be written: use one of {', '.join(OUTPUT_FORMATS)}"
            )
        if OUTPUT_FORMATS.get(job.target.suffix.lower()) != kind:
            raise InputError(
                f"--out {job.out} is a link to {job.target}, which is of another kind: give that file itself"
            )
        if one(real(job.out)) in masks:
            raise InputError(f"--out {job.out} is a mask: choose another file")
        if (masks_only or not overwrite) and job.in_place:  # no mask replaces its photograph
            advice = "choose another file" if masks_only else "choose another file, or give --overwrite"
            raise InputError(f"--out {job.out} is the photograph itself: {advice}")


def _without_clashes(jobs: Sequence[Job]) -> list[Job]:
    """The jobs, with a fault for those that would be written to one file: it would hold only one of them."""
    one = one_for_each_file(job.target for job in jobs)
    to: dict[Path, list[Job]] = {}
    for job in jobs:
        to.setdefault(one(job.target), []).append(job)
    return [_clashing(job, together) if len(together := to[one(job.target)]) > 1 else job for job in jobs]


def _clashing(job: Job, together: Sequence[Job]) -> Job:
    other = next(each for each in together if each is not job)
    fault = f"{job.image} and {other.image} would both be written to {job.target}: rename one of them"
    return dataclasses.replace(job, fault=fault, clashes=True)


def _written_as(path: Path, holes: Holes | None) -> Path:
    """The path of a result: a photograph keeps its suffix if that can be written; others and masks become PNG."""
    return path if holes is not None and path.suffix.lower() in OUTPUT_FORMATS else path.with_suffix(".png")
