"""Photographs without colour that are stored with three channels, as scans of black-and-white ones are."""

import numpy as np

from pconv_jax.imaging.strips import strips


def kept_grey(inpainted: np.ndarray, pixels: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Makes holes grey in an image that is grey around them: networks leave tints of some 1 / 255 there.

    Args:
        inpainted: `[H, W, C]`.
        pixels: the image before, of the same shape; colours count where a fourth channel, alpha, is not 0.
        hole: `[H, W]`, bool.

    Returns:
        `inpainted`, or with the mean of red, green and blue in the holes if these three are equal in all valid pixels.
    """
    if pixels.dtype.kind != "u" or pixels.ndim != 3 or pixels.shape[2] < 3:
        return inpainted
    known = False
    for strip in strips(*hole.shape):
        part, valid = pixels[strip], ~hole[strip]
        if part.shape[2] == 4:
            valid &= part[..., 3] != 0
        red, green, blue = (part[..., channel] for channel in range(3))
        if (((red != green) | (green != blue)) & valid).any():
            return inpainted
        known = known or bool(valid.any())
    if not known:
        return inpainted
    grey = inpainted.copy()
    colours = grey[hole, :3].astype(np.float32).mean(axis=1, keepdims=True)
    grey[hole, :3] = np.rint(colours).astype(grey.dtype)
    return grey
