"""What every image source offers, and the two ways of choosing some of its images.

An image is uint8 [H, W, 3], RGB, in 0..255; sizes differ from image to image.
"""

import bisect
import hashlib
from collections.abc import Iterable
from typing import Literal, Protocol

import numpy as np

from pconv_jax.common.errors import InputError

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class ImageSource(Protocol):
    """A fixed sequence of images. Picklable; `repr` depends on the images alone.

    Attributes:
        name: the data set.
        note: what a reader of scores on it must know ("400 of the official 1880 images"), or an empty string.
    """

    name: str
    note: str

    def __len__(self) -> int:
        """Number of images."""
        ...

    def __getitem__(self, index: int, /) -> np.ndarray:
        """Image `index` in 0..len - 1: uint8 [H, W, 3], RGB; not to be written to."""
        ...

    def label(self, index: int, /) -> str:
        """What to call image `index`: its file, or its place in the data set."""
        ...

    def at_least(self, short_side: int, /) -> "ImageSource":
        """The same images, smaller where that is quicker, but no side below `short_side` because of it."""
        ...


class Subset:
    """Some images of another source, in an order of their own."""

    def __init__(self, source: ImageSource, indices: Iterable[int]):
        """Chooses images.

        Args:
            source: where the images are.
            indices: their places in `source`.
        """
        self.name, self.note = source.name, source.note
        self._source, self._indices = source, tuple(indices)

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> np.ndarray:
        return self._source[self._indices[index]]

    def label(self, index: int) -> str:
        """The name that the image has in the other source."""
        return self._source.label(self._indices[index])

    def at_least(self, short_side: int) -> "Subset":
        """The same choice of smaller images."""
        return Subset(self._source.at_least(short_side), self._indices)

    def __repr__(self) -> str:
        digest = hashlib.blake2b(repr(self._indices).encode(), digest_size=4).hexdigest()
        return f"Subset({self._source!r}, images={len(self)}, chosen={digest})"


def take(source: ImageSource, limit: int, *, seed: int) -> ImageSource:
    """A seeded random choice of at most `limit` images; a larger limit adds to the smaller one's choice.

    Args:
        source: where the images are.
        limit: most images to keep, at least 1.
        seed: any integer >= 0.

    Returns:
        The choice, or `source` itself if it is no larger than the limit.

    Raises:
        InputError: a limit below 1, or a negative seed.
    """
    if limit < 1:
        raise InputError(f"limit={limit} images must be at least 1.")
    if seed < 0:
        raise InputError(f"seed={seed} must be at least 0.")
    if limit >= len(source):
        return source
    return Subset(source, np.random.default_rng(seed).permutation(len(source))[:limit].tolist())


def split_by_hash(names: Iterable[str]) -> dict[Split, list[str]]:
    """80 % train, 10 % validation, 10 % test, by the hash of each name: a new name moves no other one.

    The split depends on no seed: a network trained with one seed is never scored with another on images it
    has seen. Where the hashes leave a split empty, as in a very small collection, it gets one name of its
    neighbour's.

    Args:
        names: at least three different names.

    Returns:
        The names of each split in the order of their hashes, which is as good as random.
    """
    placed = sorted((place(name), name) for name in names)
    points, order = [point for point, _ in placed], [name for _, name in placed]
    last = len(order) - 1
    train = max(1, min(bisect.bisect_left(points, 0.8), last - 1))
    validation = max(train + 1, min(bisect.bisect_left(points, 0.9), last))
    return {"train": order[:train], "validation": order[train:validation], "test": order[validation:]}


def place(name: str) -> float:
    """A number in [0, 1) that depends on the name alone, evenly spread over names."""
    digest = hashlib.blake2b(name.encode(errors="surrogateescape"), digest_size=6).digest()
    return int.from_bytes(digest) / 2**48
