"""Which files of a folder are photographs to restore, and which are results, masks or of no known kind."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path

from pconv_jax.common.errors import InputError, shortened
from pconv_jax.imaging import IMAGE_SUFFIXES, image_files, masks_beside, other_files
from pconv_jax.imaging.formats import RAW_SUFFIXES

_NAMED = 10  # files that are named before they are only counted


@dataclasses.dataclass(frozen=True)
class Found:
    """Photographs.

    Attributes:
        root: their folder.
        names: their paths below it, sorted.
        passed_over: a sentence for each kind of file there that is left out, apart from results and masks.
    """

    root: Path
    names: Sequence[Path]
    passed_over: list[str]


def find_photographs(image: Path, out: Path, mask: Path | None) -> Found:
    """Finds the photographs to restore, by their names and places.

    Args:
        image: a photograph, or a folder of them.
        out: the file or folder for the results, which may be in the folder or be reached from it.
        mask: the file or folder of masks, if there is one; likewise.

    Returns:
        The photographs.

    Raises:
        InputError: it does not exist, is a camera's raw file, or holds no image; or `out` is a file, and it a folder.
    """
    if not image.is_dir():
        if not image.exists():
            raise InputError(f"{image} does not exist: give a photograph, or a folder of them")
        if image.suffix.lower() in RAW_SUFFIXES:  # Pillow would read the preview of some
            raise InputError(f"{image} is a camera's raw file: develop it, and give the TIFF or PNG file")
        return Found(image.parent, [Path(image.name)], [])
    if out.exists() and not out.is_dir():
        raise InputError(f"-o {out} is a file, but {image} is a folder: give a folder for the results")
    ours = _ours(image, out, mask)
    unknown = [name for name in other_files(image) if not ours(name)]
    files = image_files(image)
    if mask is not None and mask.resolve() == image.resolve():
        beside = set(masks_beside(files))
        files = tuple(name for name in files if name not in beside)
    names = [name for name in files if not ours(name)]
    known = set(names)
    comparisons = {name for name in names if name.with_suffix("").with_suffix("") in known and _is_comparison(name)}
    real = resolver()
    results: dict[Path, Path] = {}
    for name in names:
        results.setdefault(real(out / name), name)
    again = {name for name in names if results.get(real(image / name), name) != name}
    names = [name for name in names if name not in comparisons and name not in again]
    if not names:
        raise InputError(f"{image} holds no image: give a folder of {', '.join(IMAGE_SUFFIXES)} files")
    kinds = {
        "of a kind that is not read (save pictures among them as PNG, JPEG or TIFF)": unknown,
        "before/after pictures": sorted(comparisons),
        "the result of another photograph, or the same file by a link": sorted(again),
    }
    return Found(image, names, [_sentence(files, kind) for kind, files in kinds.items() if files])


def resolver() -> Callable[[Path], Path]:
    """A function that follows all links in a path, as `Path.resolve` does, but each folder only once."""
    folders: dict[Path, Path] = {}

    def real(path: Path) -> Path:
        if path.is_symlink() or path.name in ("", ".."):
            try:
                return path.resolve()
            except RuntimeError as error:  # of Python 3.11 and 3.12; later ones return the link
                raise InputError(f"{path} is a link to itself: remove it or choose another file") from error
        if path.parent not in folders:
            folders[path.parent] = path.parent.resolve()
        return folders[path.parent] / path.name

    return real


def _ours(image: Path, out: Path, mask: Path | None) -> Callable[[Path], bool]:
    """Whether a path below the folder of the photographs is a result or a mask, since it lies among them."""
    real, top = resolver(), image.resolve()
    above = {top, *top.parents}
    places = {path.resolve() for path in (out, mask) if path is not None} - above

    @functools.cache
    def inside(folder: Path) -> bool:
        return not places.isdisjoint((folder, *folder.parents))

    def ours(name: Path) -> bool:
        path = real(image / name)
        return path in places or inside(path.parent)

    return ours


def _is_comparison(name: Path) -> bool:
    return name.name.endswith(".compare.jpg")


def _sentence(files: Sequence[Path], kind: str) -> str:
    return f"{len(files)} passed over, {kind}: {shortened([name.as_posix() for name in files], _NAMED)}"
