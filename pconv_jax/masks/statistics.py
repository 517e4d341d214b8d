"""Statistics of masks."""

import statistics
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pconv_jax.common.errors import InputError

_SUSPICIOUS = 0.8  # where half of the masks have a larger hole ratio, the other colour probably marks the holes


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


def warn_if_mostly_holes(ratios: Sequence[float], root: Path, *, colour: str, way: str) -> None:
    """Warns if most masks are holes nearly everywhere, as inverted ones are.

    Args:
        ratios: hole ratio of each mask.
        root: folder of the masks, for the message.
        colour: which colour marks the holes if they are inverted.
        way: what to do then.
    """
    if statistics.median(ratios) > _SUSPICIOUS:
        warnings.warn(
            f"the masks in {root} are {statistics.fmean(ratios):.0%} hole on average; if {colour} marks the holes in "
            f"these files, {way}",
            stacklevel=4,
        )
