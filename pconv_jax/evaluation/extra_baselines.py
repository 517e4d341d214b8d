"""Classical baselines from optional libraries: OpenCV's extra modules (FSR, shift map) and PyPatchMatch.

They look farther than those in `baselines`, and take longer. Images are [N, H, W, 3] floats in [0, 1]; masks are
[N, H, W, 1], 1 = valid, 0 = hole.
"""

from typing import Any

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.common.extras import how_to_install
from pconv_jax.common.opencv import opencv_xphoto
from pconv_jax.evaluation.baselines import on_bytes

EXTRA = ("fsr_fast", "fsr_best", "shift_map", "patchmatch")
"""Names of these methods; an environment may lack what they need."""

_FSR_BLOCK, _FSR_REACH = 16, 32  # px; the largest block of OpenCV's FSR, and how far it looks from its middle
_PATCH_RADIUS = 3  # px; ahead of 5, 7 and 15 in PSNR on lines of most widths


def fsr_fast(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Frequency selective reconstruction by OpenCV's extra modules, quality "fast", on 8-bit copies of the images.

    The images are continued beyond their borders, without which OpenCV's results near them are worse.

    Args:
      images: [N, H, W, 3] in [0, 1].
      masks: [N, H, W, 1] of 0 and 1, 1 = valid.

    Returns:
      [N, H, W, 3] float32; 0.5 grey where an image has no valid pixel to continue.

    Raises:
      InputError: OpenCV is installed without its extra modules.

    References:
      Genser, Seiler, Schilling and Kaup, Signal and loss geometry aware frequency selective extrapolation for error
      concealment, PCS 2018. Seiler, Jonscher, Schoberl and Kaup, Resampling images to a regular grid from a non-regular
      subset of pixel positions using frequency selective reconstruction, 2015.
    """
    return _fsr(images, masks, opencv_xphoto().INPAINT_FSR_FAST)


def fsr_best(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Frequency selective reconstruction as `fsr_fast`, quality "best": more basis functions, some 20 times the time.

    Args:
      images: [N, H, W, 3] in [0, 1].
      masks: [N, H, W, 1] of 0 and 1, 1 = valid.

    Returns:
      [N, H, W, 3] float32; 0.5 grey where an image has no valid pixel to continue.

    Raises:
      InputError: OpenCV is installed without its extra modules.
    """
    return _fsr(images, masks, opencv_xphoto().INPAINT_FSR_BEST)


def shift_map(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """OpenCV's shift map: pixels copied from the image by a few dominant shifts, on 8-bit copies in CIELab.

    Args:
      images: [N, H, W, 3] in [0, 1]; below 32 px it leaves parts of holes black.
      masks: [N, H, W, 1] of 0 and 1, 1 = valid.

    Returns:
      [N, H, W, 3] float32; 0.5 grey where an image has no valid pixel to continue.

    Raises:
      InputError: OpenCV is installed without its extra modules.

    References:
      He and Sun, Statistics of patch offsets for image completion, ECCV 2012.
    """
    import cv2

    algorithm = opencv_xphoto().INPAINT_SHIFTMAP

    def inpaint(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
        found = _by_xphoto(cv2.cvtColor(image, cv2.COLOR_RGB2Lab), hole, algorithm)
        return cv2.cvtColor(found, cv2.COLOR_Lab2RGB)

    return on_bytes(images, masks, inpaint)


def patchmatch(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """PatchMatch by the package PyPatchMatch, patches of 7 x 7 px, its seed fixed, on 8-bit copies of the images.

    Args:
      images: [N, H, W, 3] in [0, 1].
      masks: [N, H, W, 1] of 0 and 1, 1 = valid.

    Returns:
      [N, H, W, 3] float32; 0.5 grey where an image has no valid pixel to continue.

    Raises:
      InputError: PyPatchMatch is not installed.

    References:
      Barnes, Shechtman, Finkelstein and Goldman, PatchMatch: a randomized correspondence algorithm for structural
      image editing, SIGGRAPH 2009.
    """
    library = _pypatchmatch()
    library.set_random_seed(0)
    return on_bytes(images, masks, lambda image, hole: library.inpaint(image, hole, patch_size=_PATCH_RADIUS))


def check_installed(name: str) -> None:
    """Refuses a method whose library is missing.

    Args:
      name: one of `EXTRA`.

    Raises:
      InputError: naming what to install.
    """
    if name == "patchmatch":
        _pypatchmatch()
    else:
        opencv_xphoto()


def _pypatchmatch() -> Any:
    """The package PyPatchMatch, with the compiled library that it needs."""
    try:
        import patchmatch
    except ImportError as error:
        raise InputError(f"method patchmatch needs PyPatchMatch: {how_to_install('patchmatch')}") from error
    if not patchmatch.patchmatch_available:
        raise InputError("PyPatchMatch is installed without its compiled library: reinstall it with a C++ compiler")
    return patchmatch


def _fsr(images: np.ndarray, masks: np.ndarray, algorithm: int) -> np.ndarray:
    import cv2

    def inpaint(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
        # It weights blocks near the border of an image off their middle, which costs decibels, and leaves out what is
        # beyond the last whole block. So the image goes on as its own mirror image, filled roughly.
        filled = cv2.inpaint(image, hole.astype(np.uint8), 3, cv2.INPAINT_NS)
        around = [(_FSR_REACH, _FSR_REACH + -side % _FSR_BLOCK) for side in hole.shape]
        wide = np.pad(filled[..., ::-1], (*around, (0, 0)), "symmetric")  # it works on BGR
        found = _by_xphoto(wide, np.pad(hole, around), algorithm)
        inner = tuple(slice(_FSR_REACH, _FSR_REACH + side) for side in hole.shape)
        return found[inner][..., ::-1]

    return on_bytes(images, masks, inpaint)


def _by_xphoto(image: np.ndarray, hole: np.ndarray, algorithm: int) -> np.ndarray:
    """An inpainted copy of bytes [H, W, 3], in the colours that the algorithm expects."""
    if not hole.any():
        return image  # the shift map would crash
    image = np.ascontiguousarray(image)
    found = np.empty_like(image)  # only an array that fits is written to
    opencv_xphoto().inpaint(image, np.where(hole, 0, 255).astype(np.uint8), found, algorithm)
    return found
