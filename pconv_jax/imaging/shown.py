"""Photographs as a screen can show them: for previews, before/after pictures and the page."""

import numpy as np

from pconv_jax.imaging.linear import shown_profile, shown_tones
from pconv_jax.imaging.photograph import Photograph
from pconv_jax.imaging.pixels import eight_bits
from pconv_jax.imaging.strips import strips


def shown(photograph: Photograph, original: Photograph, *, linear: bool) -> Photograph:
    """A photograph as a screen can show it: of 8 bits, in colour, transparent pixels over white.

    Args:
        photograph: as it was read, or restored.
        original: as it was read; by its tones one that is linear in light is brightened, so that both look alike.
        linear: whether it is linear in light.

    Returns:
        RGB, uint8, with the profile and the resolution of the original, and nothing else of it.
    """
    tones = shown_tones(original.pixels) if linear else None
    height, width = photograph.pixels.shape[:2]
    seen = np.empty((height, width, 3), np.uint8)
    for strip in strips(height, width):
        part = photograph.pixels[strip]
        part = eight_bits(part) if tones is None else tones[part]
        part = part if part.ndim == 3 else np.repeat(part[..., None], 3, axis=2)
        if photograph.alpha is not None:
            alpha = eight_bits(photograph.alpha[strip])[..., None].astype(np.float32) / 255
            part = np.rint(255 + alpha * (part.astype(np.float32) - 255)).astype(np.uint8)
        seen[strip] = part
    icc = shown_profile(original) if linear else original.icc
    colour = () if linear else original.colour  # which would say that it still is linear
    return Photograph(seen, None, None, icc, original.dpi, "PNG", lossless=True, colour=colour)
