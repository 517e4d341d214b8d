"""Image files by their names: those below a folder, mask files, and the masks that belong to images."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pconv_jax.common.errors import InputError
from pconv_jax.imaging.formats import IMAGE_SUFFIXES

_NAMED = 3  # files that an error names before it only counts


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
    below = (path.relative_to(root).as_posix() for path in _walk(root))
    return tuple(map(Path, sorted(below)))


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


def matching_masks(images: Sequence[Path], root: Path) -> list[Path]:
    """Finds the mask of each image: the same path below a folder, whatever the suffix.

    If several differ only in their suffix, the one with exactly the name of the image is used.

    Args:
        images: paths below their own folder.
        root: the folder of masks.

    Returns:
        For each image the path of its mask below `root`.

    Raises:
        InputError: an image has no mask, or several, or a folder cannot be read.
    """
    masks = _by_stem(image_files(root))
    found = [_choices(image, masks.get(image.with_suffix(""), [])) for image in images]
    missing = [image.as_posix() for image, choices in zip(images, found, strict=True) if not choices]
    if missing:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        raise InputError(
            f"{root} has no mask for {', '.join(missing[:_NAMED])}{more}: each image needs one of the same name there, "
            f"such as {Path(missing[0]).with_suffix('.png').as_posix()}"
        )
    for image, choices in zip(images, found, strict=True):
        if len(choices) > 1:
            raise InputError(f"{root} has more than one mask for {image}, {choices[0]} and {choices[1]}: keep only one")
    return [choices[0] for choices in found]


def _by_stem(files: Iterable[Path]) -> dict[Path, list[Path]]:
    found: dict[Path, list[Path]] = {}
    for file in files:
        found.setdefault(file.with_suffix(""), []).append(file)
    return found


def _choices(image: Path, masks: list[Path]) -> list[Path]:
    return [image] if image in masks else masks


def _walk(root: Path) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        raise InputError(f"{error.filename} cannot be read ({error.strerror}): make it readable or move it")

    seen: set[str] = set()
    for folder, subfolders, names in os.walk(root, followlinks=True, onerror=unreadable):
        real = os.path.realpath(folder)
        if real in seen:  # a link back to a folder above, or to one already walked
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in names:
            if Path(name).suffix.lower() in IMAGE_SUFFIXES and not name.startswith("."):
                yield Path(folder, name)
