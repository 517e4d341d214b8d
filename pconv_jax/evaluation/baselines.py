"""Classical inpainting baselines: methods that were not trained.

Images are [N, H, W, 3] floats in [0, 1]; masks are [N, H, W, 1], 1 = valid, 0 = hole.
"""

from collections.abc import Callable

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.evaluation.composites import blacken_holes

Method = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(images [N, H, W, 3], masks [N, H, W, 1]) -> raw output [N, H, W, 3]; no method may look into the holes."""


def mean_fill(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """One flat colour per image: the mean of its valid pixels, or 0.5 grey where nothing is valid.

    Args:
      images: [N, H, W, 3] in [0, 1].
      masks: [N, H, W, 1] of 0 and 1, 1 = valid.

    Returns:
      [N, H, W, 3] float32.
    """
    _check_floats(images)
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

    return _opencv(images, masks, radius, cv2.INPAINT_NS)


def telea(images: np.ndarray, masks: np.ndarray, *, radius: float = 3) -> np.ndarray:
    """OpenCV's inpainting by fast marching, on 8-bit copies of the images.

    Args:
      images: [N, H, W, 3] in [0, 1].
      masks: [N, H, W, 1] of 0 and 1, 1 = valid.
      radius: neighbourhood that a hole pixel is computed from, in pixels.

    Returns:
      [N, H, W, 3] float32; 0.5 grey where an image has no valid pixel to continue.

    References:
      Telea, An image inpainting technique based on the fast marching method, 2004.
    """
    import cv2

    return _opencv(images, masks, radius, cv2.INPAINT_TELEA)


def biharmonic(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """scikit-image's inpainting by the biharmonic equation: the smoothest surface through the valid pixels.

    Args:
      images: [N, H, W, 3] in [0, 1].
      masks: [N, H, W, 1] of 0 and 1, 1 = valid.

    Returns:
      [N, H, W, 3] float32, within the range of the valid pixels; 0.5 grey where an image has none.

    References:
      Damelin and Hoang, On surface completion and image inpainting by biharmonic functions, 2018.
    """
    from skimage.restoration import inpaint_biharmonic

    _check_floats(images)
    # In double precision, which takes no longer: in single, wide holes come out up to half a grey level off.
    images = blacken_holes(images, masks).astype(np.float64)
    return _each_with_valid_pixels(
        images, masks[..., 0] != 1, lambda image, hole: inpaint_biharmonic(image, hole, channel_axis=-1)
    )


def fill(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """The fill that the fill-correcting network starts from: normalised convolutions at many resolutions.

    Args:
      images: [N, H, W, 3] in [0, 1].
      masks: [N, H, W, 1] of 0 and 1, 1 = valid.

    Returns:
      [N, H, W, 3] float32, clipped to [0, 1]; 0.5 grey where an image has no valid pixel.
    """
    from pconv_jax.models.fill import pyramid_fill  # not above: `models` loads JAX, and worker processes need only this

    _check_floats(images)
    return pyramid_fill(images.astype(np.float32), masks.astype(np.float32)).clip(0, 1)


def _opencv(images: np.ndarray, masks: np.ndarray, radius: float, algorithm: int) -> np.ndarray:
    import cv2

    return on_bytes(images, masks, lambda image, hole: cv2.inpaint(image, hole.astype(np.uint8), radius, algorithm))


def on_bytes(images: np.ndarray, masks: np.ndarray, inpaint: Method) -> np.ndarray:
    """Inpaints by a function of 8-bit images; valid pixels keep their bytes, which not every library promises.

    Args:
      images: [N, H, W, 3] in [0, 1].
      masks: [N, H, W, 1] of 0 and 1, 1 = valid.
      inpaint: (image [H, W, 3] uint8 with black holes, hole [H, W] bool) -> [H, W, 3] uint8.

    Returns:
      [N, H, W, 3] float32; 0.5 grey where an image has no valid pixel to continue.
    """
    _check_floats(images)
    # Some libraries read pixels in holes, so they must not depend on the image.
    images = np.rint(np.clip(blacken_holes(images, masks), 0, 1) * 255).astype(np.uint8)
    return _each_with_valid_pixels(
        images,
        masks[..., 0] != 1,
        lambda image, hole: np.where(hole[..., None], inpaint(image, hole), image) / 255.0,
    )


def _check_floats(images: np.ndarray) -> None:
    if images.dtype.kind in "biu":
        raise InputError(f"images must hold floats in [0, 1], not {images.dtype}: divide 8-bit images by 255")


def _each_with_valid_pixels(images: np.ndarray, holes: np.ndarray, fill: Method) -> np.ndarray:
    """Fills one image [H, W, 3] with its hole [H, W] after the other; all grey where an image is all hole."""
    output = np.full(images.shape, 0.5, np.float32)
    for image, hole, filled in zip(images, holes, output, strict=True):
        if not hole.all():  # OpenCV would return the image unchanged, scikit-image fail
            filled[:] = fill(image, hole)
    return output
