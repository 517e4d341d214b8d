"""Opacity maps of real damage from a folder: 0 = clear, white = opaque."""

import functools
from pathlib import Path

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.data.source import Split, hash_of, split_by_hash
from pconv_jax.imaging import image_files, read_photograph


@functools.lru_cache(maxsize=4)
def opacity_maps(root: Path, split: Split) -> tuple[np.ndarray, ...]:
    """The maps of one split, by the hashes of their names, so that pieces of damage to score with were never seen.

    Args:
        root: the folder; files in folders below count too.
        split: "train", "validation" or "test".

    Returns:
        uint8 arrays `[h, w]`.

    Raises:
        InputError: no folder, too few files, or one that cannot be read.
    """
    return tuple(_opacity(root / name) for name in split_by_hash(_names(root))[split])


class MapFiles:
    """The files of a folder of opacity maps, of all splits, for the record of a run."""

    def __init__(self, root: Path):
        """Lists them; errors as for `opacity_maps`."""
        self._files = [f"{name} {(root / name).stat().st_size}" for name in _names(root)]

    def __len__(self) -> int:
        """Number of files."""
        return len(self._files)

    def fingerprint(self) -> str:
        """Hash of their names and sizes."""
        return hash_of(*self._files)


def _names(root: Path) -> list[str]:
    if not root.is_dir():
        raise InputError(f"--damage-dir {root} is not a folder: give one with opacity maps of damage, white = opaque")
    names = [path.as_posix() for path in image_files(root)]
    if len(names) < 3:
        raise InputError(f"--damage-dir {root} holds {len(names)} images, but it must hold at least 3")
    return names


def _opacity(path: Path) -> np.ndarray:
    pixels = read_photograph(path).pixels
    grey = pixels if pixels.ndim == 2 else pixels[..., :3].mean(axis=2)
    return (grey if pixels.dtype == np.uint8 else grey / 257).astype(np.uint8)
