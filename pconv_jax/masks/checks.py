"""Checks of what masks are drawn from: the random generator, the size and ranges of numbers."""

import math
import operator
from typing import Any

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.common.whole_numbers import is_whole

_MOST = 1_000_000  # lines, and px


def check_generator(rng: np.random.Generator) -> None:
    """Refuses what is not a random generator, such as a seed or JAX's key.

    Args:
        rng: random generator.

    Raises:
        InputError: it is something else.
    """
    if not hasattr(rng, "integers"):
        raise InputError(f"rng={rng!r} must be a generator of NumPy: give numpy.random.default_rng(SEED)")


def check_size(height: int, width: int, *, least: int = 1) -> tuple[int, int]:
    """Checks a size of which a mask is drawn.

    Args:
        height: H of the mask, px.
        width: W, px.
        least: the fewest px of a side.

    Returns:
        Height and width as plain integers: NumPy's small ones overflow where they are multiplied.

    Raises:
        InputError: a side is not a whole number, or smaller.
    """
    if not (is_whole(height, least=least) and is_whole(width, least=least)):
        raise InputError(
            f"a mask of {width} x {height} px cannot be drawn: both sides must be whole numbers, at least {least}"
        )
    return int(height), int(width)


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
    if not 1 <= low <= high <= _MOST:
        raise InputError(f"{name}={bounds!r} must be two whole numbers (low, high) with 1 <= low <= high <= {_MOST:,}")
    return low, high


def two_numbers(bounds: Any) -> tuple[float, float]:
    """The ends of a range, to be checked by the caller.

    Args:
        bounds: (low, high).

    Returns:
        Both as plain numbers; twice NaN, which lies in no range, if they are something else.
    """
    try:
        low, high = (math.nan if isinstance(bound, str) else float(bound) for bound in bounds)
    except (TypeError, ValueError, OverflowError):
        return math.nan, math.nan
    return low, high
