"""Photographs, read and written without losing depth, transparency or what the file says about them."""

from pconv_jax.imaging.photograph import OUTPUT_FORMATS, Photograph
from pconv_jax.imaging.reading import read_mask_picture, read_photograph
from pconv_jax.imaging.writing import write_photograph

__all__ = ["OUTPUT_FORMATS", "Photograph", "read_mask_picture", "read_photograph", "write_photograph"]
