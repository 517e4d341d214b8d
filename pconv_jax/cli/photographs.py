"""Which files are photographs to restore, and which are results, masks or of no known kind."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence, Set
from pathlib import Path

from pconv_jax.common.errors import InputError, shortened
from pconv_jax.imaging import IMAGE_SUFFIXES, image_files, infrared_beside, masks_beside, other_files
from pconv_jax.imaging.formats import RAW_SUFFIXES

RECEIPT = ".receipt.json"
"""What follows the name of a result in that of its receipt."""
NAMED = 10  # files that are named before they are only counted


@dataclasses.dataclass(frozen=True)
class Found:
    """Photographs.

    Attributes:
        photographs: the folder that each was given in, or with, and its path below that folder.
        passed_over: a sentence for each kind of file that is left out, apart from results and masks in folders.
    """

    photographs: Sequence[tuple[Path, Path]]
    passed_over: list[str]


def find_photographs(
    images: Sequence[Path],
    out: Path,
    mask: Path | None,
    *,
    others: Sequence[Path] = (),
    written: Callable[[Path], Path] = lambda path: path,
) -> Found:
    """Finds the photographs to restore, by their names and places.

    Several files are taken as if they were all there is in their folders: a shell makes them of `*`, with results,
    masks and before/after pictures among them.

    Args:
        images: photographs, and folders of them.
        out: the file or folder for the results, which may be in a folder of photographs or be reached from it.
        mask: the file or folder of masks, if there is one; likewise.
        others: other files and folders that hold no photographs, such as previews; likewise.
        written: the file of a result, by the path that has the name of its photograph.

    Returns:
        The photographs.

    Raises:
        InputError: one does not exist, is a camera's raw file, or is a folder without images; or `out` is a file, and
            there can be more than one result.
    """
    for image in images:
        if not image.exists():
            raise InputError(f"{image} does not exist: give a photograph, or a folder of them")
        if image.suffix.lower() in RAW_SUFFIXES and not image.is_dir():  # Pillow would read the preview of some
            raise InputError(f"{image} is a camera's raw file: develop it, and give the TIFF or PNG file")
    first, several = images[0], len(images) > 1
    if not several and not first.is_dir():
        return Found([(first.parent, Path(first.name))], [])
    if out.exists() and not out.is_dir():
        many = "there are several photographs" if several else f"{first} is a folder"
        raise InputError(f"--out {out} is a file, but {many}: give a folder for the results")
    real, passed_over = resolver(), _PassedOver()
    listed = []
    places = {path.resolve() for path in (out, mask, *others) if path is not None}
    for root, files in _listed(images, places, mask, passed_over):
        known = set(files)
        beside = {name for name in known if name.with_suffix("").with_suffix("") in known}
        comparisons = {name for name in beside if _is_comparison(name)}
        originals = {name for name in beside if name.with_suffix("").suffix == ".original"}
        passed_over.comparisons += [root / name for name in files if name in comparisons]
        passed_over.receipts += [root / name for name in files if name in originals]
        listed += [(root, name) for name in files if name not in comparisons | originals]
    photographs = _each_once(listed, lambda name: real(written(out / name)), real, passed_over)
    if not photographs:
        raise InputError(f"{first} holds no image: give a folder of {', '.join(IMAGE_SUFFIXES)} files")
    return Found(photographs, passed_over.sentences(None if several else first))


@dataclasses.dataclass
class _PassedOver:
    """Files that are left out, by the reason."""

    unknown: list[Path] = dataclasses.field(default_factory=list)
    comparisons: list[Path] = dataclasses.field(default_factory=list)
    receipts: list[Path] = dataclasses.field(default_factory=list)
    infrared: list[Path] = dataclasses.field(default_factory=list)
    again: list[Path] = dataclasses.field(default_factory=list)
    twice: list[Path] = dataclasses.field(default_factory=list)
    places: list[Path] = dataclasses.field(default_factory=list)

    def sentences(self, root: Path | None) -> list[str]:
        """One for each reason, with names below a folder."""
        kinds = {
            "of a kind that is not read (save pictures among them as PNG, JPEG or TIFF)": self.unknown,
            "before/after pictures": self.comparisons,
            "receipts and original pixels": self.receipts,
            "infrared channels, by their names": self.infrared,
            "the result of another photograph, or the same file by a link": self.again,
            "given more than once": self.twice,
            "where the results or the masks are": self.places,
        }
        return [
            f"{len(files)} passed over, {kind}: "
            + shortened([(file.relative_to(root) if root else file).as_posix() for file in files], NAMED)
            for kind, files in kinds.items()
            if files
        ]


def _listed(
    images: Sequence[Path], places: Set[Path], mask: Path | None, passed_over: _PassedOver
) -> Iterator[tuple[Path, list[Path]]]:
    """The folders that photographs were given in, or as, and the image files there that are not in other places."""
    real = resolver()
    if len(images) > 1:
        passed_over.places += [image for image in images if real(image) in places]
        images = [image for image in images if image not in passed_over.places]
    alone: dict[Path, list[Path]] = {}
    for image in images:
        if not image.is_dir():
            alone.setdefault(image.parent, []).append(Path(image.name))
    for root, files in alone.items():
        yield root, _photographs(root, sorted(files), places, mask, passed_over)
    for root in images:
        if root.is_dir():
            files = _photographs(root, image_files(root), places, mask, passed_over)
            if not files:
                raise InputError(f"{root} holds no image: give a folder of {', '.join(IMAGE_SUFFIXES)} files")
            ours = _ours(root, places)
            others = [root / name for name in other_files(root) if not ours(name)]
            receipts = [file for file in others if file.name.endswith(RECEIPT)]
            passed_over.receipts += receipts
            passed_over.unknown += [file for file in others if not file.name.endswith(RECEIPT)]
            yield root, files


def _photographs(
    root: Path, files: Sequence[Path], places: Set[Path], mask: Path | None, passed_over: _PassedOver
) -> list[Path]:
    """Those of the image files below a folder that are no results, masks or infrared channels, in their order."""
    ours = _ours(root, places)
    beside = set(masks_beside(files)) if mask is not None and mask.resolve() == root.resolve() else set()
    files = [name for name in files if name not in beside and not ours(name)]
    infrared = set(infrared_beside(files))
    passed_over.infrared += [root / name for name in files if name in infrared]
    return [name for name in files if name not in infrared]


def _each_once(
    listed: Sequence[tuple[Path, Path]],
    result: Callable[[Path], Path],
    real: Callable[[Path], Path],
    passed_over: _PassedOver,
) -> list[tuple[Path, Path]]:
    """The photographs without those given before, and without the results of others."""
    places: dict[Path, tuple[Path, Path]] = {}
    results: dict[Path, Path] = {}
    for root, name in listed:
        place = real((root / name).parent) / name.name
        if place in places:
            passed_over.twice.append(root / name)
        else:
            places[place] = root, name
    # Those of another suffix first: photo.png is the result of photo.bmp, and not its own.
    for place, (_, name) in sorted(places.items(), key=lambda each: result(each[1][1]).suffix == each[1][1].suffix):
        results.setdefault(result(name), place)
    again = {place for place, (root, name) in places.items() if results.get(real(root / name), place) != place}
    passed_over.again += [root / name for place, (root, name) in places.items() if place in again]
    return [photograph for place, photograph in places.items() if place not in again]


def resolver() -> Callable[[Path], Path]:
    """A function that follows all links in a path, as `Path.resolve` does, but each folder only once."""
    folders: dict[Path, Path] = {}

    def real(path: Path) -> Path:
        if path.is_symlink() or path.name in ("", ".."):
            try:
                found = path.resolve()
            except RuntimeError:  # of Python 3.11 and 3.12; later ones return the link
                found = path
            if found.is_symlink():
                raise InputError(f"{path} is a link to itself: remove it or choose another file")
            return found
        if path.parent not in folders:
            folders[path.parent] = path.parent.resolve()
        return folders[path.parent] / path.name

    return real


def _ours(image: Path, places: Set[Path]) -> Callable[[Path], bool]:
    """Whether a path below the folder of the photographs is a result or a mask, since it lies among them."""
    real, top = resolver(), image.resolve()
    places = places - {top, *top.parents}

    @functools.cache
    def inside(folder: Path) -> bool:
        return not places.isdisjoint((folder, *folder.parents))

    def ours(name: Path) -> bool:
        path = real(image / name)
        return path in places or inside(path.parent)

    return ours


def _is_comparison(name: Path) -> bool:
    return name.name.endswith(".compare.jpg")
