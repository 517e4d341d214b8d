"""Image files by their names: those below a folder, mask files, and the masks that belong to images."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pconv_jax.common.errors import InputError, reason, shortened
from pconv_jax.common.same_names import folded
from pconv_jax.imaging.formats import IMAGE_SUFFIXES

_NAMED = 3  # files that an error names before it only counts
# Of a name without its suffix, in lower case; some names hold a line break.
_MASK_ENDING = re.compile(r"(.+)[ ._-]mask[ ._-]?\d*", re.DOTALL)


def image_files(root: Path) -> tuple[Path, ...]:
    """Finds the image files below a folder, by their suffix.

    Hidden files and folders are ignored; links to folders are followed, each folder once.

    Args:
        root: the folder.

    Returns:
        Their paths below `root`, sorted as text: the same on every system.

    Raises:
        InputError: a folder cannot be read.
    """
    return tuple(map(Path, sorted(name for name in _walk(root) if _is_image(name))))


def other_files(root: Path) -> tuple[Path, ...]:
    """Finds the files below a folder that `image_files` leaves out because of their suffix, likewise."""
    return tuple(map(Path, sorted(name for name in _walk(root) if not _is_image(name))))


def mask_files(root: Path) -> tuple[Path, ...]:
    """Finds the mask files in a folder and in folders below, by their suffix, as `image_files` does.

    Args:
        root: the folder.

    Returns:
        Their paths below `root`, sorted; at least one.

    Raises:
        InputError: `root` is not a folder, holds no mask files, or cannot be read.
    """
    if not root.is_dir():
        raise InputError(f"{root} is not a folder of masks: give a folder of mask files, white = hole")
    found = image_files(root)
    if not found:
        raise InputError(f"{root} holds no mask files ({', '.join(IMAGE_SUFFIXES)}): give another folder")
    return found


def matching_masks(images: Sequence[Path], root: Path, *, beside: bool = False) -> list[Path]:
    """Finds the mask of each image below a folder, by the rules of `best_matches`.

    Args:
        images: paths below their own folder.
        root: the folder of masks.
        beside: whether that is the folder of the images: then only `masks_beside` are masks.

    Returns:
        For each image the path of its mask below `root`.

    Raises:
        InputError: an image has no mask, or several, or a folder cannot be read.
    """
    files = image_files(root)
    found = best_matches(images, masks_beside(files) if beside else files)
    missing = [image.as_posix() for image, choices in zip(images, found, strict=True) if not choices]
    if missing:
        name = os.path.splitext(missing[0])[0]
        kind, example = ("beside it", f"{name}_mask.png") if beside else ("of the same name there", f"{name}.png")
        raise InputError(
            f"{root} has no mask for {shortened(missing, _NAMED)}: each image needs one {kind}, such as {example}"
        )
    for image, choices in zip(images, found, strict=True):
        if len(choices) > 1:
            raise InputError(f"{root} has more than one mask for {image}, {choices[0]} and {choices[1]}: keep only one")
    return [choices[0] for choices in found]


def best_matches(images: Iterable[Path], masks: Iterable[Path]) -> list[list[Path]]:
    """Finds the masks whose names go best with each image: in the same subfolder, whatever their suffix.

    From best to worst, for `photo.jpg`: `photo.jpg`; `photo.png`; the same but for upper case or the Unicode normal
    form, unless that is the name of another image; `photo.jpg.png`; `photo_mask.png`, `photo_mask001.png`,
    `photo.mask.png`, `photo.jpg.mask.png` and the like.

    Args:
        images: paths below their folder.
        masks: paths below theirs.

    Returns:
        For each image those that go equally well: one if it is clear, none if there is none.
    """
    images = list(images)
    of_images = {_stem(image) for image in images}
    known: list[dict[str, list[Path]]] = [{}, {}, {}, {}]
    for mask in masks:
        stem = _stem(mask)
        keys = (mask.as_posix(), stem, None if stem in of_images else folded(stem), _marked(mask))
        for places, key in zip(known, keys, strict=True):
            if key is not None:
                places.setdefault(key, []).append(mask)
    path, exact, alike, marked = known

    def of(image: Path) -> list[Path]:
        whole, stem = image.as_posix(), _stem(image)
        ways = ((path, whole), (exact, stem), (alike, folded(stem)), (alike, folded(whole)))
        marks = ((marked, folded(stem)), (marked, folded(whole)))
        return next((places[key] for places, key in (*ways, *marks) if key in places), [])

    return [of(image) for image in images]


def masks_beside(files: Sequence[Path]) -> list[Path]:
    """Finds the masks among images and masks: the files named `photo_mask.png` and the like beside a `photo.*`."""
    names = {folded(name) for file in files for name in (_stem(file), file.as_posix())}
    return [file for file in files if _marked(file) in names]


def _stem(file: Path) -> str:
    return os.path.splitext(file.as_posix())[0]


def _marked(mask: Path) -> str | None:
    """The name of the image whose mask this says it is."""
    found = _MASK_ENDING.fullmatch(folded(_stem(mask)))
    return found and found[1]


def _is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def _walk(root: Path) -> Iterator[str]:
    """The paths below a folder of all its files, but hidden ones."""

    def unreadable(error: OSError) -> None:
        raise InputError(f"{error.filename} cannot be read ({reason(error)}): make it readable or move it")

    seen: set[str] = set()
    for folder, subfolders, names in os.walk(root, followlinks=True, onerror=unreadable):
        real = os.path.realpath(folder)
        if real in seen:  # a link back to a folder above, or to one already walked
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        below = Path(folder).relative_to(root)
        yield from ((below / name).as_posix() if below.parts else name for name in names if not name.startswith("."))
