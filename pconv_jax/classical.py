"""What a network is compared with: methods that fill holes without having learned anything.

Images are [N, H, W, 3] floats in [0, 1]; masks are [N, H, W, 1], 1 = valid, 0 = hole.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

Method = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(images [N, H, W, 3], masks [N, H, W, 1]) -> raw output [N, H, W, 3]; no method may look into the holes."""


def composite(image: npt.ArrayLike, mask: npt.ArrayLike, output: npt.ArrayLike) -> np.ndarray:
    """Puts a network's output into the holes of an image and keeps the image elsewhere.

    Args:
      image: [N, H, W, 3] damaged images; what they hold in a hole does not matter, NaN included.
      mask: [N, H, W, 1] of 0 and 1, 1 = valid.
      output: [N, H, W, 3] raw output.

    Returns:
      [N, H, W, 3] images: `image` where valid, `output` in the holes.
    """
    return np.where(np.asarray(mask) == 1, image, output)


def unrepaired(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Repairs nothing: holes become black. The score that any method has to beat.

    Args:
      images: [N, H, W, 3] in [0, 1].
      masks: [N, H, W, 1] of 0 and 1, 1 = valid.

    Returns:
      [N, H, W, 3] float32.
    """
    return composite(images, masks, 0.0).astype(np.float32)


def mean_fill(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """One flat colour per image: the mean of its valid pixels, or 0.5 grey where nothing is valid.

    Args:
      images: [N, H, W, 3] in [0, 1].
      masks: [N, H, W, 1] of 0 and 1, 1 = valid.

    Returns:
      [N, H, W, 3] float32.
    """
    output = np.empty(images.shape, np.float32)
    for image, mask, filled in zip(images, masks, output, strict=True):
        valid = image[mask[..., 0] == 1]
        filled[:] = valid.mean(axis=0, dtype=np.float64) if len(valid) else 0.5
    return output


def navier_stokes(images: np.ndarray, masks: np.ndarray, *, radius: float = 3) -> np.ndarray:
    """OpenCV's inpainting by the Navier-Stokes equations, on 8-bit copies of the images.

    Args:
      images: [N, H, W, 3] in [0, 1].
      masks: [N, H, W, 1] of 0 and 1, 1 = valid.
      radius: neighbourhood that a hole pixel is computed from, in pixels.

    Returns:
      [N, H, W, 3] float32; 0.5 grey where an image has no valid pixel to continue.

    References:
      Bertalmio, Bertozzi and Sapiro, Navier-Stokes, fluid dynamics, and image and video inpainting, 2001.
    """
    import cv2

    output = np.full(images.shape, 0.5, np.float32)
    # OpenCV reads a little of what the holes hold, so they all hold the same.
    images = np.rint(np.clip(unrepaired(images, masks), 0, 1) * 255).astype(np.uint8)
    holes = np.where(masks[..., 0] == 1, 0, 255).astype(np.uint8)
    for image, hole, filled in zip(images, holes, output, strict=True):
        if not hole.all():  # OpenCV returns an image that is all hole as it came
            filled[:] = cv2.inpaint(image, hole, radius, cv2.INPAINT_NS) / 255.0
    return output


CLASSICAL_METHODS: Mapping[str, Method] = {
    "unrepaired": unrepaired,
    "mean_fill": mean_fill,
    "navier_stokes": navier_stokes,
}
