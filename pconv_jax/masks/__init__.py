"""Random masks and hole statistics.

A mask is float32 [..., H, W, 1] of 1 (valid) and 0 (hole).
"""

from pconv_jax.masks.checks import check_range
from pconv_jax.masks.lines import random_lines
from pconv_jax.masks.ratio import RATIO_BINS, random_strokes_by_ratio
from pconv_jax.masks.statistics import hole_ratio
from pconv_jax.masks.strokes import random_strokes

__all__ = [
    "RATIO_BINS",
    "check_range",
    "hole_ratio",
    "random_lines",
    "random_strokes",
    "random_strokes_by_ratio",
]
