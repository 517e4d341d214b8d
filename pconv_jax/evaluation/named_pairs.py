"""Images and masks of the user, matched by their names."""

from pathlib import Path
from typing import Any

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.data import FolderSource, Subset
from pconv_jax.evaluation.mask_sets import bucket_of, read_mask, warn_if_inverted
from pconv_jax.evaluation.metrics import SSIM_WINDOW
from pconv_jax.evaluation.pairs import (
    Pair,
    Progress,
    as_floats,
    hash_images,
    no_progress,
    noise_definition,
    with_noise,
)
from pconv_jax.imaging import image_files, masks_beside, matching_masks
from pconv_jax.masks import hole_ratio


class NamedPairs:
    """Images and masks of one folder each, or of one together, matched by their names, at their own size."""

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
        progress: Progress = no_progress,
    ):
        """Matches every image with a mask by the rules of `imaging.names.best_matches`.

        Args:
            images: the images.
            root: folder of the masks; if it is that of the images, those named `photo_mask.png` and the like.
            limit: number of images, all if None.
            threshold: grey value from which a pixel is a hole.
            invert: black marks the holes.
            noise: standard deviation of Gaussian noise on the input.
            seed: of the noise.
            progress: shows how many masks are checked.

        Raises:
            InputError: an image without a mask or with two, a mask of another size, an image too small to be scored,
                no hole in any mask.
        """
        self.root, self.threshold, self.invert = root, threshold, invert
        self.noise, self.seed, self.note = noise, seed, images.note
        together = images.root.resolve() == root.resolve()
        masks = set(masks_beside(image_files(root))) if together else set()
        chosen = [place for place, name in enumerate(images.files) if Path(name) not in masks][:limit]
        self.images = Subset(images, chosen)
        self.files = matching_masks([Path(images.files[place]) for place in chosen], root, beside=together)
        ratios, self._buckets = [], []
        for index in progress("checking", len(self.files)):
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
        truth = as_floats(self.images[index])
        noisy = with_noise(truth, self.noise, seed=[self.seed, index])
        return Pair(index, self.images.label(index), self._buckets[index], truth, noisy, self._mask(index))

    def key(self, index: int) -> tuple[int, str]:
        """Number of the image and bucket of a pair."""
        return index, self._buckets[index]

    def definition(self, *, progress: Progress) -> dict[str, Any]:
        """All that determines the pairs; decodes every image and mask again."""
        count = len(self.files)
        return {
            "images": {
                "data": self.images.name,
                "count": count,
                "size": "own",
                "sha256": hash_images(self.images.__getitem__, count, progress=progress),
            },
            "masks": {
                "kind": "by name",
                "threshold": self.threshold,
                "invert": self.invert,
                "sha256": hash_images(lambda index: np.packbits(self._mask(index) == 0), count, progress=progress),
            },
            "noise": noise_definition(self.noise, self.seed),
        }
