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

    def __init__(self, images: ImageSource, masks: MaskSet, *, size: int, limit: int | None, noise: float, seed: int):
        """Pairs images and masks.

        Args:
            images: the images.
            masks: the masks.
            size: side of the square that is cut from the middle of an image, px.
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
        self.buckets = tuple(bucket for bucket in masks.buckets if bucket != NO_HOLE)  # nothing to inpaint or to score
        self._count = min(len(images), limit or len(images))
        self._last: tuple[int, np.ndarray] | None = None

    def __len__(self) -> int:
        return self._count * len(self.buckets)

    def __getitem__(self, index: int) -> Pair:
        image, bucket = self.key(index)
        truth = as_floats(self._square(image))
        noisy = with_noise(truth, self.noise, seed=[self.seed, image, self.buckets.index(bucket)])
        mask = self.masks.mask(bucket, image, self.size, self.size)
        return Pair(image, self.images.label(image), bucket, truth, noisy, mask)

    def key(self, index: int) -> tuple[int, str]:
        """Number of the image and bucket of a pair."""
        image, place = divmod(index, len(self.buckets))
        return image, self.buckets[place]

    def definition(self, *, progress: Progress) -> dict[str, Any]:
        """All that determines the pairs; decodes every image once."""
        return {
            "images": {
                "data": self.images.name,
                "count": self._count,
                "size": self.size,
                "sha256": hash_images(self._square, self._count, progress=progress),
            },
            "masks": {**self.masks.definition(), "sha256": mask_set_hash(self.masks, size=(self.size, self.size))},
            "noise": noise_definition(self.noise, self.seed),
        }

    def _square(self, image: int) -> np.ndarray:
        if self._last is None or self._last[0] != image:  # the buckets of an image follow each other
            self._last = (image, central_square(self.images[image], self.size))
        return self._last[1]
