"""Statistics of a mask, and the check of the ranges that masks are drawn from."""

import operator

import numpy as np
import numpy.typing as npt

from pconv_jax.common.errors import InputError


def hole_ratio(mask: npt.ArrayLike) -> np.ndarray:
    """Share of hole pixels of each mask.

    Args:
        mask: [..., H, W, 1] of 0 and 1, 1 = valid.

    Returns:
        [...] in [0, 1], float64; a scalar for a single mask.

    Raises:
        InputError: the shape does not end in [H, W, 1].
    """
    mask = np.asarray(mask)
    if mask.ndim < 3 or mask.shape[-1] != 1:
        raise InputError(f"a mask must be shaped [..., H, W, 1], not {list(mask.shape)}")
    return np.mean(mask == 0, axis=(-3, -2, -1))


def check_range(name: str, bounds: tuple[int, int]) -> tuple[int, int]:
    """Checks an inclusive range of whole numbers, 1 <= low <= high.

    Args:
        name: name of the setting, for the message.
        bounds: (low, high).

    Returns:
        The bounds as plain integers.

    Raises:
        InputError: the bounds are something else.
    """
    try:
        low, high = (operator.index(bound) for bound in bounds)
    except (TypeError, ValueError):
        low = high = 0
    if not 1 <= low <= high:
        raise InputError(f"{name}={bounds!r} must be two whole numbers (low, high) with 1 <= low <= high")
    return low, high
