"""Hole generators and hole statistics, one file each.

A mask is float32 [..., H, W, 1]: 1 = valid, 0 = hole, nothing between.
"""

from pconv_jax.masks.lines import random_lines
from pconv_jax.masks.ratio import RATIO_BINS, random_lines_of_ratio
from pconv_jax.masks.statistics import check_range, hole_ratio
from pconv_jax.masks.strokes import random_strokes

__all__ = [
    "RATIO_BINS",
    "check_range",
    "hole_ratio",
    "random_lines",
    "random_lines_of_ratio",
    "random_strokes",
]
