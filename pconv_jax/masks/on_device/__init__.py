"""The random masks of training drawn by JAX: traced into the program that trains, for accelerators.

The distributions are those of the masks that NumPy draws, and so are the pixels of a line; random numbers are others.
"""

from pconv_jax.masks.on_device.lines import random_lines, random_strokes
from pconv_jax.masks.on_device.regions import random_blocks, random_region

__all__ = ["random_blocks", "random_lines", "random_region", "random_strokes"]
