"""Opacity maps of real damage from a folder: 0 = clear, white = opaque."""

import functools
from pathlib import Path

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.common.paths import SizeAndTime, size_and_time
from pconv_jax.data.source import ListedFiles, Split, split_by_hash
from pconv_jax.imaging import image_files, read_photograph

_MOST = 2**30  # bytes of the maps of a split, all of which every process keeps
_OPAQUE, _NEARLY_ALL = 250, 0.75  # level from which on a pixel is white; pieces cut out closely have up to 0.55 of them


def opacity_maps(root: Path, split: Split) -> tuple[np.ndarray, ...]:
    """The maps of one split, by the hashes of their names, so that pieces of damage to score with were never seen.

    The folder is listed on each call; its files are read again if any of the split's was replaced, added or deleted.

    Args:
        root: the folder; files in folders below count too.
        split: "train", "validation" or "test".

    Returns:
        uint8 arrays `[h, w]`.

    Raises:
        InputError: no folder, too few files, one that cannot be read, that marks nothing or nearly all of itself, or
            more than fit into 1 GiB.
    """
    files = (root.absolute() / name for name in split_by_hash(_names(root))[split])
    return _read(root, split, tuple((file, size_and_time(file)) for file in files))


def listed_maps(root: Path) -> ListedFiles:
    """The files of a folder of opacity maps, of all splits, for the record of a run; errors as for `opacity_maps`."""
    return ListedFiles(root, _names(root))


def _names(root: Path) -> list[str]:
    if not root.is_dir():
        raise InputError(f"--damage-dir {root} is not a folder: give one with opacity maps of damage, white = opaque")
    names = [path.as_posix() for path in image_files(root)]
    if len(names) < 3:
        raise InputError(f"--damage-dir {root} holds {len(names)} images, but it must hold at least 3")
    return names


@functools.lru_cache(maxsize=4)
def _read(root: Path, split: Split, listed: tuple[tuple[Path, SizeAndTime], ...]) -> tuple[np.ndarray, ...]:
    """Reads the maps; once, as long as the files are the same ones."""
    maps, held = list[np.ndarray](), 0
    for file, _ in listed:
        maps.append(_opacity(file))
        held += maps[-1].nbytes
        if held > _MOST:
            raise InputError(
                f"--damage-dir {root} has opacity maps for {split} of more than {_MOST:,} pixels: cut the pieces of "
                "damage out of them, or give fewer"
            )
    return tuple(maps)


def _opacity(path: Path) -> np.ndarray:
    photograph = read_photograph(path)
    pixels, alpha = photograph.pixels, photograph.alpha
    grey = pixels if pixels.ndim == 2 else pixels[..., :3].mean(axis=2)
    opacity = np.rint(grey if pixels.dtype == np.uint8 else grey / 257).astype(np.uint8)
    if not opacity.any() or np.count_nonzero(opacity >= _OPAQUE) > _NEARLY_ALL * opacity.size:
        found = "is opaque (white) nearly everywhere" if opacity.any() else "marks no damage (white)"
        transparent = alpha is not None and alpha.min() != alpha.max()
        raise InputError(
            f"the opacity map {path} {found}"
            + (", and its transparency is ignored: lay it over black, " if transparent else ": invert it, ")
            + "or leave it out"
        )
    return opacity
