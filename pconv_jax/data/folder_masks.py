"""Training masks from a folder of mask files, white = hole."""

import functools
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pconv_jax.common.errors import InputError, shortened
from pconv_jax.common.paths import SizeAndTime, size_and_time
from pconv_jax.data.checking import faults_of
from pconv_jax.data.source import ListedFiles
from pconv_jax.imaging.masks import read_hole, resized_hole
from pconv_jax.imaging.names import mask_files
from pconv_jax.masks.folder_masks import augmented_mask
from pconv_jax.masks.statistics import warn_if_mostly_holes

_KEPT = 2**28  # bytes of decoded files, a bit a pixel, that each process keeps
_NAMED = 3  # files an error names before it only counts


def folder_mask(rng: np.random.Generator, root: Path, size: int) -> np.ndarray:
    """A mask from a random file, rotated, cropped and dilated at random; see `masks.folder_masks`.

    A file is passed over if it has no hole, or none in what was looked at. One that was replaced is read again; what
    was added since the folder was listed is drawn from the next `check_mask_files` or `listed_masks` on.

    Args:
        rng: source of everything.
        root: the folder; files in folders below count too.
        size: S, the side in pixels.

    Returns:
        `[S, S, 1]`, float32, 1 = valid, 0 = hole; at least one pixel is.

    Raises:
        InputError: no folder, or no files with holes in it.
    """
    folder = root.absolute()
    files = _files(folder)
    try:
        return _drawn(rng, root, files, size)
    except InputError:
        if (now := _listed(folder)) == files:
            raise
        return _drawn(rng, root, now, size)  # one was deleted since, or one with holes added


def check_mask_files(root: Path) -> None:
    """Reads all mask files of a folder, so that none of them ends training later.

    Args:
        root: the folder; files in folders below count too.

    A warning is given if more than half of them are holes nearly everywhere.

    Raises:
        InputError: no folder, or files that cannot be read as masks, or are white all over.
    """
    folder = root.absolute()
    files, shares = _listed(folder), dict[Path, float]()

    def check(file: Path) -> None:
        hole = _kept[file]
        if hole.all():
            raise InputError(f"{file} is white all over, which leaves no pixel to continue")
        shares[file] = float(hole.mean())

    faults = faults_of(files, check, what=root.name, unit="masks")
    broken = [str(fault).removeprefix(f"{folder}/") for fault in faults if fault]
    if broken:
        raise InputError(
            f"{len(broken)} of the {len(files)} mask files in {root} cannot be used "
            f"({shortened(broken, _NAMED, between='; ')}): repair them, or move them elsewhere"
        )
    warn_if_mostly_holes(list(shares.values()), root, colour="black", way="invert them")


def listed_masks(root: Path) -> ListedFiles:
    """The files of a folder of masks, for the record of a run; errors as for `check_mask_files`."""
    folder = root.absolute()
    return ListedFiles(folder, (file.relative_to(folder).as_posix() for file in _listed(folder)))


def _drawn(rng: np.random.Generator, root: Path, files: Sequence[Path], size: int) -> np.ndarray:
    """A mask from one of the files."""
    first = rng.integers(len(files)).item()
    for place in range(len(files)):
        hole = _kept[files[(first + place) % len(files)]]
        if not hole.any():
            continue
        mask = augmented_mask(rng, hole, size, size)
        if mask.all() and min(hole.shape) > size:  # specks of a large scan lie between the pixels that are picked
            mask = augmented_mask(rng, _smaller(hole, size), size, size)
        if not mask.all():
            return mask
    if any(_kept[file].any() for file in files):
        raise InputError(f"the holes of the masks in {root} are too small for {size}x{size} px: give larger ones")
    raise InputError(f"no mask in {root} has a hole (white pixels): invert them, or give another folder")


def _listed(folder: Path) -> tuple[Path, ...]:
    """The files that are there now, which are drawn from then on."""
    _files.cache_clear()
    return _files(folder)


@functools.lru_cache(maxsize=4)  # of paths that are absolute: the current folder may change
def _files(folder: Path) -> tuple[Path, ...]:
    return tuple(folder / file for file in mask_files(folder))


def _smaller(hole: np.ndarray, size: int) -> np.ndarray:
    """A hole whose shorter side has so many pixels, with each of its parts."""
    height, width = (-(-side * size // min(hole.shape)) for side in hole.shape)
    return resized_hole(hole, height, width)


class _Kept:
    """The holes of mask files, of which the first are kept: as files are drawn at random, these are as good as any."""

    def __init__(self, most: int):
        self._left = most  # bytes
        self._files: dict[Path, tuple[SizeAndTime, tuple[int, ...], np.ndarray]] = {}
        self._lock = threading.Lock()

    def __getitem__(self, path: Path) -> np.ndarray:
        """The hole of a file as it is now; errors as for `read_hole`."""
        now = size_and_time(path)
        if (kept := self._files.get(path)) and kept[0] == now:
            _, shape, bits = kept
            return np.unpackbits(bits, count=shape[0] * shape[1]).reshape(shape).view(bool)
        hole = read_hole(path, advice=None)
        bits = np.packbits(hole)
        with self._lock:
            if old := self._files.pop(path, None):
                self._left += old[2].nbytes
            if bits.nbytes <= self._left:
                self._left -= bits.nbytes
                self._files[path] = now, hole.shape, bits
        return hole


_kept = _Kept(_KEPT)
