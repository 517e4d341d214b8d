"""What is scored: pairs of an image and a mask, each a function of the benchmark's settings and its own number."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from experiments.train.logs import progress_bar

_MANY = 500  # images from which on looking at each shows a progress bar


@dataclasses.dataclass(frozen=True)
class Pair:
    """One image and the damage to it; arrays are float32 in [0, 1].

    Attributes:
        image: number of the image.
        name: what the image is called.
        bucket: the kind of damage.
        truth: the clean image `[H, W, 3]`.
        noisy: the input `[H, W, 3]`: the clean image with noise, if there is any; whole under the mask.
        mask: `[H, W, 1]`, 1 = valid, 0 = hole.
    """

    image: int
    name: str
    bucket: str
    truth: np.ndarray
    noisy: np.ndarray
    mask: np.ndarray


class Pairs(Protocol):
    """A fixed sequence of pairs; picklable.

    Attributes:
        buckets: the kinds of damage, in order.
        note: what a reader of scores must know of the images; see `pconv_jax.data.ImageSource`.
    """

    buckets: tuple[str, ...]
    note: str

    def __len__(self) -> int:
        """Number of pairs."""
        ...

    def __getitem__(self, index: int, /) -> Pair:
        """One pair."""
        ...

    def key(self, index: int, /) -> tuple[int, str]:
        """Number of the image and bucket of a pair, without making it."""
        ...

    def definition(self) -> dict[str, Any]:
        """What the pairs follow from, with hashes of images and masks: JSON values."""
        ...


def benchmark_hash(definition: dict[str, Any]) -> str:
    """SHA-256 of a definition of pairs: scores with the same one can be compared."""
    return hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()


def as_floats(image: np.ndarray) -> np.ndarray:
    """8-bit pixels as float32 in [0, 1]."""
    return image.astype(np.float32) / np.float32(255)


def with_noise(image: np.ndarray, sigma: float, *, seed: Sequence[int]) -> np.ndarray:
    """An image with Gaussian noise, clipped to [0, 1]; the image itself for sigma 0."""
    if not sigma:
        return image
    noise = np.random.default_rng(seed).standard_normal(image.shape, np.float32)
    return np.clip(image + np.float32(sigma) * noise, 0, 1)


def noise_definition(sigma: float, seed: int) -> dict[str, Any]:
    """What the noise follows from: without noise no seed matters."""
    return {"sigma": sigma, "seed": seed if sigma else None}


def hash_images(image_at: Callable[[int], np.ndarray], count: int) -> str:
    """SHA-256 of the shapes and contents of some arrays, in their order."""
    digest = hashlib.sha256()
    for index in progress("hashing", count):
        image = image_at(index)
        digest.update(str(image.shape).encode())
        digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


def progress(title: str, count: int) -> Iterator[int]:
    """The numbers up to `count`; a bar where they are many."""
    if count < _MANY:
        yield from range(count)
        return
    with progress_bar(title, "img", total=count) as bar:
        for index in range(count):
            yield index
            bar.update()
