"""Random crops, mirror images and colours of training images. Images are uint8 RGB, [H, W, 3]."""

import dataclasses
import math

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.data.crop import resize

_SMALLEST_CROP = 0.001  # of the shorter side; of fewer px nothing can be learnt


@dataclasses.dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How training images are varied.

    Attributes:
        crop_scale: smallest and largest side of a training crop, as a fraction of an image's shorter side.
        flip: mirror every other training image left to right.
        recolor: exchange, scale and shift the colour channels of every training image at random; for few photographs.
        monochrome: share of the training images made monochrome, half of them grey and half in a tone such as sepia.
    """

    crop_scale: tuple[float, float] = (1.0, 1.0)
    flip: bool = False
    recolor: bool = False
    monochrome: float = 0.0

    def check(self) -> None:
        """Refuses settings that make no sense; not done on construction, so that a command line can report them.

        Raises:
            InputError: naming the value and what it may be.
        """
        try:
            low, high = map(float, self.crop_scale)
        except (TypeError, ValueError):
            low = high = 0.0
        if not _SMALLEST_CROP <= low <= high <= 1:
            raise InputError(
                f"crop_scale={self.crop_scale} must be (low, high) with {_SMALLEST_CROP} <= low <= high <= 1"
            )
        if not 0 <= self.monochrome <= 1:
            raise InputError(f"monochrome={self.monochrome} must be a share of the images, from 0 to 1")

    def least_side(self, size: int) -> int:
        """Shorter side of an image whose smallest crop is not enlarged, px.

        Args:
            size: side of the examples, px.
        """
        return math.ceil(size / self.crop_scale[0])

    def __call__(self, rng: np.random.Generator, image: np.ndarray, *, size: int) -> np.ndarray:
        """Crops a random square of an image and augments it.

        Args:
            rng: random generator.
            image: [H, W, 3].
            size: S, the side of the result in pixels.

        Returns:
            [S, S, 3].
        """
        import cv2

        height, width, _ = image.shape
        side = max(1, round(min(height, width) * rng.uniform(*self.crop_scale)))
        top, left = rng.integers(0, (height - side + 1, width - side + 1)).tolist()
        crop = image[top : top + side, left : left + side]
        if self.flip and rng.random() < 0.5:
            crop = cv2.flip(crop, 1)  # OpenCV would copy a reversed view ten times as slowly
        square = resize(crop, size)
        if self.recolor:
            square = _recolored(rng, square)
        if self.monochrome and rng.random() < self.monochrome:
            square = _monochrome(rng, square)
        return square


def _recolored(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Permutes the channels, and scales (0.4 to 1) and shifts each within 0..255."""
    gain = rng.uniform(0.4, 1.0, 3)
    shift = rng.uniform(0.0, 255 * (1 - gain))
    return np.rint(image[..., rng.permutation(3)] * gain + shift).astype(np.uint8)


def _monochrome(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Like an old print: half of the images grey, half a random tone such as sepia, cyan or faded."""
    import cv2

    luminance = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
    if rng.random() < 0.5:
        return np.repeat(luminance, 3, axis=2)
    return random_tones(rng)[luminance[..., 0]]


def random_tones(rng: np.random.Generator) -> np.ndarray:
    """What becomes of each level of grey on a print in sepia, cyan or faded: RGB, uint8 `[256, 3]`."""
    dark, light, gamma = rng.uniform(0, 0.3, 3), rng.uniform(0.55, 1, 3), rng.uniform(0.7, 1.4, 3)
    tones = dark + (light - dark) * np.linspace(0, 1, 256)[:, None] ** gamma
    return np.rint(255 * tones).astype(np.uint8)
