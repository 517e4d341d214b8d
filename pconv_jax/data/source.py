"""The interface of image sources, and subsets of their images.

An image is uint8 [H, W, 3], RGB, in 0..255; sizes differ from image to image.
"""

import bisect
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from pconv_jax.common.errors import InputError

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
Splits = Literal["official", "merged"]
SPLIT_FOLDERS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
    "testing": "test",
}
"""Names of the folders of splits, in lower case; those of a user may have capitals."""


class ImageSource(Protocol):
    """A fixed sequence of images. Picklable; `repr` depends on the images alone.

    Attributes:
        name: the dataset.
        note: what a reader of scores must know, such as how it differs from the published dataset ("400 of 1880
            images"), or an empty string.
    """

    name: str
    note: str

    def __len__(self) -> int:
        """Number of images."""
        ...

    def __getitem__(self, index: int, /) -> np.ndarray:
        """Image `index` in 0..len - 1: uint8 [H, W, 3], RGB; do not write to it."""
        ...

    def label(self, index: int, /) -> str:
        """Name of image `index`: its file, or its position in the dataset."""
        ...

    def at_least(self, short_side: int, /) -> "ImageSource":
        """The same images, decoded smaller if that is faster, but not with a side below `short_side`."""
        ...

    def fingerprint(self) -> str:
        """Hash of which images these are, without reading them: of names and sizes where they are files."""
        ...


def stored(source: object) -> str:
    """What a source says of how its images are stored, where its fingerprint does not tell: how many bytes they have.

    Args:
        source: images; those that have a method `stored` are asked.

    Returns:
        A few words; empty if it says nothing.
    """
    said: str = getattr(source, "stored", str)()
    return said


class Subset:
    """Some images of another source, in a given order."""

    def __init__(self, source: ImageSource, indices: Iterable[int]):
        """Selects images.

        Args:
            source: the source.
            indices: positions of the images in `source`.
        """
        self.name, self.note = source.name, source.note
        self._source, self._indices = source, tuple(indices)

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> np.ndarray:
        return self._source[self._indices[index]]

    def label(self, index: int) -> str:
        """Name of the image in the original source."""
        return self._source.label(self._indices[index])

    def at_least(self, short_side: int) -> "Subset":
        """The same subset of smaller images."""
        return Subset(self._source.at_least(short_side), self._indices)

    def fingerprint(self) -> str:
        """Hash of the source and of the positions."""
        return hash_of(self._source.fingerprint(), *map(str, self._indices))

    def stored(self) -> str:
        """As the source says."""
        return stored(self._source)

    def __repr__(self) -> str:
        digest = hashlib.blake2b(repr(self._indices).encode(), digest_size=4).hexdigest()
        return f"Subset({self._source!r}, images={len(self)}, chosen={digest})"


def take(source: ImageSource, limit: int, *, seed: int) -> ImageSource:
    """A random choice of at most `limit` images; a larger limit with the same seed keeps the choice and adds to it.

    Args:
        source: the source.
        limit: largest number of images, at least 1.
        seed: any integer >= 0.

    Returns:
        The subset, or `source` itself if it is not larger than the limit.

    Raises:
        InputError: a limit below 1, or a negative seed.
    """
    if limit < 1:
        raise InputError(f"limit={limit} images must be at least 1")
    if seed < 0:
        raise InputError(f"seed={seed} must be at least 0")
    if limit >= len(source):
        return source
    return Subset(source, np.random.default_rng(seed).permutation(len(source))[:limit].tolist())


def split_by_hash(names: Iterable[str]) -> dict[Split, list[str]]:
    """Splits names 80/10/10 into train, validation and test by their hashes: a new name moves no other one.

    The split does not depend on a seed, so a network is never scored on images it was trained on with another seed. An
    empty split, possible in a very small collection, gets one name from its neighbour, which goes back there once a new
    name belongs to that split: the one case where a name is moved.

    Args:
        names: at least three different names.

    Returns:
        The names of each split, in the order of their hashes.
    """
    hashed = sorted((hash_fraction(name), name) for name in names)
    fractions, order = [fraction for fraction, _ in hashed], [name for _, name in hashed]
    last = len(order) - 1
    train = max(1, min(bisect.bisect_left(fractions, 0.8), last - 1))
    validation = max(train + 1, min(bisect.bisect_left(fractions, 0.9), last))
    return {"train": order[:train], "validation": order[train:validation], "test": order[validation:]}


def split_of_folder(file: str) -> Split | None:
    """The split whose folder a path begins with; None if it is in none."""
    top, _, below = file.partition("/")
    return SPLIT_FOLDERS.get(top.lower()) if below else None


def hash_of(*texts: str) -> str:
    """A hash of texts in their order, as hexadecimal digits."""
    lines = "".join(f"{len(text)} {text}\n" for text in texts)
    return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()


class ListedFiles:
    """Names and sizes of the files in a folder of masks or opacity maps, for the record of a run."""

    def __init__(self, root: Path, names: Iterable[str]):
        """Takes the folder and the names below it, and looks at the sizes."""
        self._files = [f"{name} {(root / name).stat().st_size}" for name in names]

    def __len__(self) -> int:
        """Number of files."""
        return len(self._files)

    def fingerprint(self) -> str:
        """Hash of their names and sizes."""
        return hash_of(*self._files)


def hash_fraction(name: str) -> float:
    """A number in [0, 1) that depends on the name alone, uniform over names."""
    digest = hashlib.blake2b(name.encode(errors="surrogateescape"), digest_size=6).digest()
    return int.from_bytes(digest) / 2**48
