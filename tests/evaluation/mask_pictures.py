"""Mask files that are drawn by hand."""

import numpy as np
from PIL import Image


def write(path, pixels):
    """Writes pixels as a file; 16 bits where they are uint16."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels)).save(path)
    return path


def square(side, top, left, size, *, value=255):
    """A grey file, uint8 [side, side]: one white square hole."""
    pixels = np.zeros((side, side), np.uint8)
    pixels[top : top + size, left : left + size] = value
    return pixels
