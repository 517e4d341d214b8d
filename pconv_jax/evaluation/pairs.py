"""What is scored: pairs of an image and a mask, each a function of the settings and its own number."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pconv_jax.common.errors import InputError

Progress = Callable[[str, int], Iterable[int]]
"""(title, count) -> the numbers from 0 to count - 1; it may show a progress bar while they are consumed."""


@dataclasses.dataclass(frozen=True)
class Pair:
    """One image and the damage to it; arrays are float32 in [0, 1].

    Attributes:
        image: number of the image.
        name: what the image is called.
        bucket: the kind of damage.
        truth: the clean image `[H, W, 3]`.
        noisy: the input `[H, W, 3]`: the clean image with noise, if there is any; not damaged by the mask yet.
        mask: `[H, W, 1]`, 1 = valid, 0 = hole.
    """

    image: int
    name: str
    bucket: str
    truth: np.ndarray
    noisy: np.ndarray
    mask: np.ndarray


class Pairs(Protocol):
    """A fixed sequence of pairs with random access; picklable.

    Attributes:
        buckets: the kinds of damage, in order.
        note: what a reader of scores must know about the images; see `pconv_jax.data.ImageSource`.
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

    def definition(self, *, progress: Progress) -> dict[str, Any]:
        """All that determines the pairs, with hashes of images and masks: JSON values."""
        ...


def no_progress(_: str, count: int) -> Iterable[int]:
    """The numbers below `count`, without a progress bar."""
    return range(count)


def pairs_of_batches(batches: Iterable[Mapping[str, npt.ArrayLike]]) -> Iterator[Pair]:
    """The examples of evaluation batches as pairs, numbered in their order, all in the bucket "all".

    Args:
        batches: dictionaries of `image` (clean, [N, H, W, 3] in [0, 1]), `noisy` (the input, same shape; what it holds
            in a hole does not matter) and `mask` ([N, H, W, 1] of 0 and 1, 1 = valid).

    Yields:
        A pair for each example; its name is its number.

    Raises:
        InputError: shapes or values of a batch do not fit.
    """
    count = 0
    for batch in batches:
        for truth, noisy, mask in zip(*_checked(batch), strict=True):
            yield Pair(count, str(count), "all", truth, noisy, mask)
            count += 1


def _checked(batch: Mapping[str, npt.ArrayLike]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth, noisy, mask = (np.asarray(batch[key]) for key in ("image", "noisy", "mask"))
    if truth.ndim != 4 or noisy.shape != truth.shape or mask.shape != (*truth.shape[:3], 1):
        raise InputError(
            f"a batch needs image and noisy of one shape [N, H, W, 3] and mask [N, H, W, 1], "
            f"not {truth.shape}, {noisy.shape} and {mask.shape}"
        )
    if not np.isin(mask, (0, 1)).all():
        raise InputError(f"a mask must hold only 0 (hole) and 1 (valid), not {mask.min():g} to {mask.max():g}")
    if not np.isfinite(np.where(mask == 1, noisy, 0)).all():
        raise InputError("a batch's noisy images must be finite where the mask is 1 (valid)")
    return truth.astype(np.float32), noisy.astype(np.float32), mask.astype(np.float32)


def pairs_hash(definition: Mapping[str, Any]) -> str:
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
    """All that determines the noise: JSON values; without noise the seed does not matter."""
    return {"sigma": sigma, "seed": seed if sigma else None}


def hash_images(image_at: Callable[[int], np.ndarray], count: int, *, progress: Progress) -> str:
    """SHA-256 of the shapes and contents of some arrays, in their order."""
    digest = hashlib.sha256()
    for index in progress("hashing", count):
        image = image_at(index)
        digest.update(str(image.shape).encode())
        digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()
