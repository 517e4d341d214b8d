"""What is scored: pairs of an image and a mask, each a function of the benchmark's settings and its own number."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from experiments.evaluate.options import Options
from experiments.logs import progress_bar
from pconv_jax.data import FolderSource, ImageSource, open_source
from pconv_jax.data.crop import central_square
from pconv_jax.errors import InputError
from pconv_jax.mask_sets import (
    NO_HOLE,
    MaskSet,
    bucket_of,
    mask_files,
    mask_set_hash,
    open_masks,
    read_mask,
    warn_if_inverted,
)
from pconv_jax.masks import hole_ratio
from pconv_jax.metrics import SSIM_WINDOW

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


class SeededPairs:
    """Every image with one mask of every bucket of a mask set; image by image."""

    def __init__(self, images: ImageSource, masks: MaskSet, *, size: int, limit: int | None, noise: float, seed: int):
        """Pairs images and masks.

        Args:
            images: the images.
            masks: the masks.
            size: side of the square in the middle of an image, px.
            limit: number of images, all if None.
            noise: standard deviation of Gaussian noise on the input.
            seed: of the noise.

        Raises:
            InputError: too small a size to be scored.
        """
        if size < SSIM_WINDOW:
            raise InputError(f"--image-size is {size}, but scores need at least {SSIM_WINDOW} px on each side")
        self.images, self.masks, self.size, self.noise, self.seed = images.at_least(size), masks, size, noise, seed
        self.note = images.note
        self.buckets = tuple(bucket for bucket in masks.buckets if bucket != NO_HOLE)  # nothing to repair, or to score
        self._count = min(len(images), limit or len(images))
        self._last: tuple[int, np.ndarray] | None = None

    def __len__(self) -> int:
        return self._count * len(self.buckets)

    def __getitem__(self, index: int) -> Pair:
        image, bucket = self.key(index)
        truth = _floats(self._square(image))
        noisy = _with_noise(truth, self.noise, seed=[self.seed, image, self.buckets.index(bucket)])
        mask = self.masks.mask(bucket, image, self.size, self.size)
        return Pair(image, self.images.label(image), bucket, truth, noisy, mask)

    def key(self, index: int) -> tuple[int, str]:
        """Number of the image and bucket of a pair."""
        image, place = divmod(index, len(self.buckets))
        return image, self.buckets[place]

    def definition(self) -> dict[str, Any]:
        """What the pairs follow from; decodes every image once."""
        return {
            "images": {
                "data": self.images.name,
                "count": self._count,
                "size": self.size,
                "sha256": _hash_images(self._square, self._count),
            },
            "masks": {**self.masks.definition(), "sha256": mask_set_hash(self.masks, size=(self.size, self.size))},
            "noise": _noise(self.noise, self.seed),
        }

    def _square(self, image: int) -> np.ndarray:
        if self._last is None or self._last[0] != image:  # the buckets of an image follow each other
            self._last = (image, central_square(self.images[image], self.size))
        return self._last[1]


class NamedPairs:
    """Images and masks of one folder each, matched by their names, at their own size."""

    def __init__(
        self,
        images: FolderSource,
        root: Path,
        *,
        limit: int | None,
        threshold: int,
        invert: bool,
        noise: float,
        seed: int,
    ):
        """Matches every image with a mask: same path below its folder, whatever the suffix.

        Args:
            images: the images.
            root: folder of the masks.
            limit: number of images, all if None.
            threshold: grey value from which a pixel is a hole.
            invert: black marks the holes.
            noise: standard deviation of Gaussian noise on the input.
            seed: of the noise.

        Raises:
            InputError: an image without a mask or with two, a mask of another size, an image too small to be scored,
                no hole in any mask.
        """
        files: dict[str, list[Path]] = {}
        for path in mask_files(root):
            files.setdefault(path.with_suffix("").as_posix(), []).append(path)
        self.images, self.root, self.threshold, self.invert = images, root, threshold, invert
        self.noise, self.seed, self.note = noise, seed, images.note
        self.files: list[Path] = []
        missing: list[str] = []
        for name in images.files[:limit]:
            found = files.get(Path(name).with_suffix("").as_posix(), [])
            if len(found) > 1:
                raise InputError(f"{root} has more than one mask for {name}, {found[0]} and {found[1]}: leave only one")
            missing += [] if found else [name]
            self.files += found
        if missing:
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            raise InputError(
                f"{root} has no mask for {', '.join(missing[:3])}{more}: each image needs one of the same name there, "
                "or leave out --pair-by-name to have masks assigned by the seed"
            )
        ratios, self._buckets = [], []
        for index in _progress("checking", len(self.files)):
            mask = self._checked_mask(index)
            ratios.append(float(hole_ratio(mask)))
            self._buckets.append(bucket_of(mask))
        if not any(ratios):
            raise InputError(f"no mask in {root} has a hole at --mask-threshold {threshold}: give another threshold")
        warn_if_inverted(ratios, root, invert=invert)
        self.buckets = tuple(sorted(set(self._buckets)))

    def _checked_mask(self, index: int) -> np.ndarray:
        image, mask = self.images[index], self._mask(index)
        if image.shape[:2] != mask.shape[:2]:
            (height, width), (mask_height, mask_width) = image.shape[:2], mask.shape[:2]
            raise InputError(
                f"{self.images.label(index)} has {width}x{height} pixels but its mask {self.files[index]} has "
                f"{mask_width}x{mask_height}: give masks of the size of their images"
            )
        if min(image.shape[:2]) < SSIM_WINDOW:
            raise InputError(
                f"{self.images.label(index)} has {image.shape[1]}x{image.shape[0]} pixels, but scores need at least "
                f"{SSIM_WINDOW} on each side: leave it out"
            )
        return mask

    def _mask(self, index: int) -> np.ndarray:
        return read_mask(self.root / self.files[index], threshold=self.threshold, invert=self.invert)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Pair:
        truth = _floats(self.images[index])
        noisy = _with_noise(truth, self.noise, seed=[self.seed, index])
        return Pair(index, self.images.label(index), self._buckets[index], truth, noisy, self._mask(index))

    def key(self, index: int) -> tuple[int, str]:
        """Number of the image and bucket of a pair."""
        return index, self._buckets[index]

    def definition(self) -> dict[str, Any]:
        """What the pairs follow from; decodes every image and mask once more."""
        count = len(self.files)
        return {
            "images": {
                "data": self.images.name,
                "count": count,
                "size": "own",
                "sha256": _hash_images(self.images.__getitem__, count),
            },
            "masks": {
                "kind": "by name",
                "threshold": self.threshold,
                "invert": self.invert,
                "sha256": _hash_images(lambda index: np.packbits(self._mask(index) == 0), count),
            },
            "noise": _noise(self.noise, self.seed),
        }


def open_pairs(options: Options) -> Pairs:
    """The pairs that the flags ask for.

    Raises:
        InputError: images or masks that are not there, or do not fit each other.
    """
    images: ImageSource
    if options.data == "folder" and options.data_dir is not None:
        split = "all" if options.pair_by_name else options.split
        images = FolderSource(options.data_dir, split)
    else:
        assert options.split != "all"  # `Options.check`
        images = open_source(options.data, options.split, data_dir=options.data_dir)
    if options.pair_by_name:
        assert isinstance(images, FolderSource)
        return NamedPairs(
            images,
            Path(options.masks).expanduser(),
            limit=options.limit,
            threshold=options.mask_threshold,
            invert=options.invert_masks,
            noise=options.noise,
            seed=options.seed,
        )
    masks = open_masks(
        options.masks,
        seed=options.seed,
        version=options.mask_version,
        threshold=options.mask_threshold,
        invert=options.invert_masks,
    )
    return SeededPairs(
        images, masks, size=options.image_size, limit=options.limit, noise=options.noise, seed=options.seed
    )


def benchmark_hash(definition: dict[str, Any]) -> str:
    """SHA-256 of a definition of pairs: scores with the same one can be compared."""
    return hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()


def _floats(image: np.ndarray) -> np.ndarray:
    return image.astype(np.float32) / np.float32(255)


def _with_noise(image: np.ndarray, sigma: float, *, seed: Sequence[int]) -> np.ndarray:
    if not sigma:
        return image
    noise = np.random.default_rng(seed).standard_normal(image.shape, np.float32)
    return np.clip(image + np.float32(sigma) * noise, 0, 1)


def _noise(sigma: float, seed: int) -> dict[str, Any]:
    return {"sigma": sigma, "seed": seed if sigma else None}


def _hash_images(image_at: Callable[[int], np.ndarray], count: int) -> str:
    digest = hashlib.sha256()
    for index in _progress("hashing", count):
        image = image_at(index)
        digest.update(str(image.shape).encode())
        digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


def _progress(title: str, count: int) -> Iterator[int]:
    """The numbers up to `count`; a bar where they are many."""
    if count < _MANY:
        yield from range(count)
        return
    with progress_bar(title, "img", total=count) as bar:
        for index in range(count):
            yield index
            bar.update()
