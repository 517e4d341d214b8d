"""What perceptual distances share: which images they take, and that they are computed image by image."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from pconv_jax.common.errors import InputError
from pconv_jax.evaluation.metrics import Values, image_pair


def rgb_pair(
    metric: str, output: npt.ArrayLike, truth: npt.ArrayLike, check_size: Callable[[int, int], None]
) -> tuple[Values, Values]:
    """Checks the images of a metric that takes RGB alone.

    Args:
        metric: its name, for messages.
        output: [N, H, W, 3] images in [0, 1].
        truth: [N, H, W, 3] images in [0, 1].
        check_size: refuses a height and width, px.

    Returns:
        Both, float64.

    Raises:
        InputError: shapes or ranges do not fit, or the images are too small.
    """
    output, truth = image_pair(output, truth)
    if output.shape[-1] != 3:
        raise InputError(f"{metric} takes images [N, H, W, 3], not {output.shape}: repeat a single channel three times")
    check_size(*output.shape[1:3])
    return output, truth


def one_by_one(distance: Callable[[np.ndarray, np.ndarray], Any], output: Values, truth: Values) -> Values:
    """The distance of each image to the truth, the same whatever the batch.

    XLA adds in another order for another batch size, which would show in the last digits.

    Args:
        distance: of two images, float32 [H, W, C], as a scalar.
        output: [N, H, W, C] images.
        truth: [N, H, W, C] images.

    Returns:
        [N] float64.
    """
    pairs = zip(output.astype(np.float32), truth.astype(np.float32), strict=True)
    return np.array([distance(*pair) for pair in pairs], np.float64)
