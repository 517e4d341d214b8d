"""Every way in which an image or a mask enters from a file or leaves to one.

Photographs keep their depth, transparency and metadata.
"""

from pconv_jax.imaging.formats import IMAGE_SUFFIXES, OUTPUT_FORMATS
from pconv_jax.imaging.masks import read_hole
from pconv_jax.imaging.names import image_files, mask_files, matching_masks
from pconv_jax.imaging.photograph import Photograph
from pconv_jax.imaging.reading import read_photograph
from pconv_jax.imaging.writing import write_photograph

__all__ = [
    "IMAGE_SUFFIXES",
    "OUTPUT_FORMATS",
    "Photograph",
    "image_files",
    "mask_files",
    "matching_masks",
    "read_hole",
    "read_photograph",
    "write_photograph",
]
