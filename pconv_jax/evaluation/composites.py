"""Composites: a method's output in the holes of an image, the image itself elsewhere.

Images are [N, H, W, 3] floats; masks are [N, H, W, 1], 1 = valid, 0 = hole.
"""

import numpy as np
import numpy.typing as npt


def make_composite(image: npt.ArrayLike, mask: npt.ArrayLike, output: npt.ArrayLike) -> np.ndarray:
    """Puts a method's output into the holes of an image and keeps the image elsewhere.

    Args:
      image: [N, H, W, 3] damaged images; what they hold in a hole does not matter, NaN included.
      mask: [N, H, W, 1] of 0 and 1, 1 = valid.
      output: [N, H, W, 3] raw output.

    Returns:
      [N, H, W, 3] images: `image` where valid, `output` in the holes.
    """
    return np.where(np.asarray(mask) == 1, image, output)


def blacken_holes(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """What every method is given: the damaged images with black holes, as float32."""
    return make_composite(images, masks, 0.0).astype(np.float32)


def as_saved(images: np.ndarray) -> np.ndarray:
    """Images as an 8-bit file would hold them: clipped to [0, 1] and rounded, float32 multiples of 1 / 255."""
    return np.rint(np.clip(images, 0, 1) * np.float32(255)).astype(np.float32) / np.float32(255)
