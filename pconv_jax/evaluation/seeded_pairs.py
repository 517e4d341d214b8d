"""Images with masks of a set, assigned by a seed."""

from typing import Any

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.data import ImageSource
from pconv_jax.data.crop import central_square
from pconv_jax.evaluation.mask_sets import NO_HOLE, MaskSet, mask_set_hash
from pconv_jax.evaluation.metrics import SSIM_WINDOW
from pconv_jax.evaluation.pairs import Pair, Progress, as_floats, hash_images, noise_definition, with_noise


class SeededPairs:
    """Every image with one mask of every bucket of a mask set; image by image."""

    def __init__(
        self, images: ImageSource, masks: MaskSet, *, size: int | None, limit: int | None, noise: float, seed: int
    ):
        """Pairs images and masks.

        Args:
            images: the images.
            masks: the masks.
            size: side to which the largest square in the middle of an image is resized, px; None for whole images at
                their own sizes.
            limit: number of images, all if None.
            noise: standard deviation of Gaussian noise on the input.
            seed: of the noise.

        Raises:
            InputError: too small a size to be scored.
        """
        if size is not None and size < SSIM_WINDOW:
            raise InputError(f"--image-size is {size}, but scores need at least {SSIM_WINDOW} px on each side")
        self.images = images if size is None else images.at_least(size)
        self.masks, self.size, self.noise, self.seed = masks, size, noise, seed
        self.note = images.note
        self.buckets = tuple(bucket for bucket in masks.buckets if bucket != NO_HOLE)  # nothing to inpaint or to score
        self._count = min(len(images), limit or len(images))
        self._last: tuple[int, np.ndarray] | None = None
        self._enlarged: set[int] = set()

    def __len__(self) -> int:
        return self._count * len(self.buckets)

    def __getitem__(self, index: int) -> Pair:
        image, bucket = self.key(index)
        truth = as_floats(self._image(image))
        noisy = with_noise(truth, self.noise, seed=[self.seed, image, self.buckets.index(bucket)])
        return Pair(image, self.images.label(image), bucket, truth, noisy, self._mask(index))

    def key(self, index: int) -> tuple[int, str]:
        """Number of the image and bucket of a pair."""
        image, place = divmod(index, len(self.buckets))
        return image, self.buckets[place]

    def definition(self, *, progress: Progress) -> dict[str, Any]:
        """All that determines the pairs; decodes every image once."""
        digest = hash_images(self._image, self._count, progress=progress)
        if self._enlarged:
            enlarged = f"{len(self._enlarged)} of {self._count} are smaller than {self.size} px, and enlarged"
            self.note = "; ".join(filter(None, (self.images.note, enlarged)))
        return {
            "images": {
                "data": self.images.name,
                "count": self._count,
                "size": "own" if self.size is None else self.size,
                "sha256": digest,
            },
            "masks": {**self.masks.definition(), "sha256": self._masks_hash(progress)},
            "noise": noise_definition(self.noise, self.seed),
        }

    def _masks_hash(self, progress: Progress) -> str:
        """That of the mask set at one size; that of every mask where sizes differ."""
        if self.size is not None:
            return mask_set_hash(self.masks, size=(self.size, self.size))
        return hash_images(lambda index: np.packbits(self._mask(index) == 0), len(self), progress=progress)

    def _mask(self, index: int) -> np.ndarray:
        image, bucket = self.key(index)
        height, width, _ = self._image(image).shape
        return self.masks.mask(bucket, image, height, width)

    def _image(self, image: int) -> np.ndarray:
        if self._last is None or self._last[0] != image:  # the buckets of an image follow each other
            pixels = self.images[image]
            if self.size is not None and min(pixels.shape[:2]) < self.size:
                self._enlarged.add(image)
            self._last = (image, self._whole(image, pixels) if self.size is None else central_square(pixels, self.size))
        return self._last[1]

    def _whole(self, image: int, pixels: np.ndarray) -> np.ndarray:
        if min(pixels.shape[:2]) < SSIM_WINDOW:
            raise InputError(
                f"{self.images.label(image)} has {pixels.shape[1]}x{pixels.shape[0]} pixels, but scores need at least "
                f"{SSIM_WINDOW} on each side: leave it out"
            )
        return pixels
