"""The training images as arrays that fit on a device: their pixels one after the other, and where each begins."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from pconv_jax.common.errors import InputError
from pconv_jax.common.progress import progress_options
from pconv_jax.data.on_device.resize import MOST
from pconv_jax.data.readable import Readable
from pconv_jax.data.source import ImageSource

_MOST_PIXELS = 2**31 - 1 - MOST  # positions are int32
_MANY = 1000  # images above which decoding shows a progress bar
_AT_ONCE = 64


class DeviceImages(NamedTuple):
    """Images of any sizes, as a pytree: NumPy arrays from `load_images`, JAX's in the step.

    Attributes:
        pixels: the rows of all images, uint8 `[P, 3]`, RGB; at the end as many pixels more as the longest row that is
            read from any of them.
        start: position of the first pixel of each image, int32 `[N]`.
        height: of each image, px, int32 `[N]`.
        width: of each image, px, int32 `[N]`.
    """

    pixels: Any
    start: Any
    height: Any
    width: Any

    def largest_crop(self, largest_share: float) -> int:
        """Side of the largest square that is cropped from any image, px.

        Args:
            largest_share: of an image's shorter side.
        """
        return max(1, round(int(np.minimum(self.height, self.width).max()) * largest_share))


def load_images(source: ImageSource, *, largest_share: float, limit: int) -> DeviceImages:
    """Decodes all images of a source.

    Args:
        source: the images.
        largest_share: side of the largest square that is cropped from an image, as a share of its shorter side.
        limit: most bytes that the pixels may take.

    Returns:
        The images, in the order of the source.

    Raises:
        InputError: they take more than that, a crop would be too large, or an image cannot be read.
    """
    most, total = min(limit, 3 * _MOST_PIXELS), 0
    images: list[np.ndarray] = []
    for image in _decoded(source):
        total += image.size
        if total > most:
            raise InputError(
                f"the first {len(images) + 1} of {len(source)} training images take more than the "
                f"{most / 2**30:.2g} GiB that --augment-on-device may use of each device: give a smaller --limit, or "
                "leave it out"
            )
        if min(image.shape[:2]) * largest_share > MOST:
            raise InputError(
                f"{source.label(len(images))} has {image.shape[1]}x{image.shape[0]} px, and --augment-on-device takes "
                f"crops of up to {MOST} px: save it smaller, give a smaller --crop-scale, or leave out the flag"
            )
        images.append(image)
    height, width = np.array([image.shape[:2] for image in images], np.int32).T
    sizes = height.astype(np.int64) * width
    loaded = DeviceImages(np.zeros((0, 3), np.uint8), (np.cumsum(sizes) - sizes).astype(np.int32), height, width)
    end = np.zeros((loaded.largest_crop(largest_share), 3), np.uint8)
    return loaded._replace(pixels=np.concatenate([*(image.reshape(-1, 3) for image in images), end]))


def _decoded(source: ImageSource) -> Iterator[np.ndarray]:
    """The images in order, a few at a time by threads."""
    readable, count = Readable(source), len(source)
    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        tqdm(total=count, desc="decoding", unit=" images", disable=count <= _MANY, **progress_options()) as bar,
    ):
        for first in range(0, count, _AT_ONCE):
            for image in pool.map(readable.__getitem__, range(first, min(first + _AT_ONCE, count))):
                yield image
                bar.update()
