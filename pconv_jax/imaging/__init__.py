"""Every way in which an image or a mask enters from a file or leaves to one.

Photographs keep their depth, transparency, colours, metadata and kind of compression.
"""

from pconv_jax.imaging.formats import IMAGE_SUFFIXES, OUTPUT_FORMATS
from pconv_jax.imaging.infrared import find_infrared, infrared_beside
from pconv_jax.imaging.masks import read_hole
from pconv_jax.imaging.names import best_matches, image_files, mask_files, masks_beside, matching_masks, other_files
from pconv_jax.imaging.photograph import Photograph
from pconv_jax.imaging.reading import read_photograph, read_size
from pconv_jax.imaging.writing import write_photograph

__all__ = [
    "IMAGE_SUFFIXES",
    "OUTPUT_FORMATS",
    "Photograph",
    "best_matches",
    "find_infrared",
    "image_files",
    "infrared_beside",
    "mask_files",
    "masks_beside",
    "matching_masks",
    "other_files",
    "read_hole",
    "read_photograph",
    "read_size",
    "write_photograph",
]
