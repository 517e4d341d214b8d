"""All of dtd or oxford_flowers102: their official splits joined, and a test and a validation part held out by name.

The official training splits hold a third of dtd and an eighth of oxford_flowers102. Which part an image is in depends
on its published file name and on `SEED` alone, so a part of a dataset is divided as the whole is.
"""

import copy
import functools
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.data.source import SPLITS, Split, hash_fraction, hash_of
from pconv_jax.data.tfds.sources import OFFICIAL_SIZES, TfdsSource, open_tfds

SEED = 0
SHARES: dict[Split, float] = {"train": 0.9, "validation": 0.05, "test": 0.05}
# SHA-256 of the names in each part of a complete dataset. dtd is missing: the list of all its names was not available.
MERGED_SHA256: dict[str, dict[Split, str]] = {
    "oxford_flowers102": {
        "train": "9cb42b10ca59082879499777e1f02c253e86cc0d08ce0bbbf4f0069252e6497b",
        "validation": "6078a0da8cfb67d50a001e89186a7c9083475ba43faa45c5c2b7155cbb853cb6",
        "test": "bca37f7fd5af9b835711078b0df89178a05fe0c77abb8d62d2a38a44103d44fc",
    },
}


def merged_split(name: str) -> Split:
    """The part that an image is in.

    Args:
        name: its published file name, "image_00001.jpg" or "banded/banded_0002.jpg".

    Returns:
        "train" for nine names in ten; "validation" or "test" for one in twenty each.
    """
    fraction = _fraction(name)
    if fraction < SHARES["train"]:
        return "train"
    return "validation" if fraction < SHARES["train"] + SHARES["validation"] else "test"


def names_sha256(names: Iterable[str]) -> str:
    """SHA-256 of names, sorted, one a line."""
    return hashlib.sha256("".join(f"{name}\n" for name in sorted(names)).encode()).hexdigest()


class MergedSource:
    """One part of all images of a prepared dataset, in the order of the hashes of their names."""

    def __init__(self, name: str, directory: str | os.PathLike[str], split: Split, *, note: str = ""):
        """Opens a prepared dataset, and finds the images of a part by their names.

        Args:
            name: name of the dataset.
            directory: folder of its version: ".../dtd/3.0.1".
            split: "train", "validation" or "test".
            note: how it differs from the published dataset.

        Raises:
            InputError: the dataset cannot be read or has no names, no image is in this part, or a complete dataset is
                not divided as published.
        """
        self.name, self.split = name, split
        self._officials = tuple(TfdsSource(name, directory, official) for official in SPLITS)
        places = _places(name, Path(directory))
        self._chosen = tuple(place for place in places if merged_split(place[0]) == split)
        if not self._chosen:
            raise InputError(
                f"none of the {len(places)} images of {name} in {directory} is in the merged {split} split, which "
                f"holds {SHARES[split]:.0%} of the whole: use the official splits"
            )
        self.sha256 = names_sha256(file for file, _, _ in self._chosen)
        whole = sum(OFFICIAL_SIZES[name])
        if len(places) == whole and self.sha256 != MERGED_SHA256.get(name, {}).get(split, self.sha256):
            raise InputError(
                f"the names of the {whole} images of {name} in {directory} are not the published ones: prepare it "
                "again from the official archive"
            )
        part = f"{len(places)} images, officially {whole}; " if len(places) != whole else ""
        self.note = (
            f"{note and f'{note}: '}{part}official splits merged and divided 90/5/5 by the hash of file names; SHA-256 "
            f"of the {len(self)} names in {split} begins with {self.sha256[:16]}"
        )

    def __len__(self) -> int:
        return len(self._chosen)

    def __getitem__(self, index: int) -> np.ndarray:
        _, official, position = self._chosen[index]
        return self._officials[official][position]

    def label(self, index: int) -> str:
        """The published file name."""
        return self._chosen[index][0]

    def at_least(self, short_side: int) -> "MergedSource":
        """The same images; JPEGs are decoded at a fraction of their size if `short_side` allows."""
        smaller = copy.copy(self)
        smaller._officials = tuple(source.at_least(short_side) for source in self._officials)
        return smaller

    def fingerprint(self) -> str:
        """Hash of name, version, split and names of the images."""
        return hash_of(repr(self), self.sha256)

    def stored(self) -> str:
        """How many bytes the records of each official split have."""
        return ", ".join(source.stored() for source in self._officials)

    def __repr__(self) -> str:
        version = "/".join(self._officials[0].directory.parts[-2:])
        return f"MergedSource({version}, split={self.split!r}, images={len(self)}, names={self.sha256[:8]})"


def open_merged(
    name: str,
    split: Split,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    download: bool = True,
    prepared_dir: str | os.PathLike[str] | None = None,
) -> MergedSource:
    """Opens a part of all images of a dataset, after preparing it if necessary.

    Args:
        name: "dtd" or "oxford_flowers102".
        split: "train", "validation" or "test".
        data_dir: a TFDS folder, or one with the official files.
        download: whether the dataset may be downloaded.
        prepared_dir: folder for what is prepared from the files in `data_dir`; in the user's cache by default.

    Returns:
        The part.

    Raises:
        InputError: the dataset is unavailable, some of its files are missing, or the part has no images.
    """
    prepared = open_tfds(name, split, data_dir=data_dir, download=download, prepared_dir=prepared_dir)
    return MergedSource(name, prepared.directory, split, note=f"{name} from {data_dir}" if prepared.note else "")


def _fraction(name: str) -> float:
    return hash_fraction(f"merged {SEED}/{name}")


@functools.lru_cache(maxsize=4)
def _places(name: str, directory: Path) -> tuple[tuple[str, int, int], ...]:
    """File name, number of the official split and position in it, of every image, in the order of `_fraction`."""
    places = [
        (file, number, position)
        for number, official in enumerate(SPLITS)
        for position, file in enumerate(TfdsSource(name, directory, official).file_names())
    ]
    return tuple(sorted(places, key=lambda place: _fraction(place[0])))
