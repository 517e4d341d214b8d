"""Photographs that are linear in light, as scanners write raw files: computed as they are seen.

Networks are trained on photographs that are coded as they are seen, where dark tones have most of the values; linear in
light, they are crowded near 0.
"""

import struct
from collections.abc import Callable

import numpy as np

from pconv_jax.imaging.photograph import Photograph
from pconv_jax.imaging.profiles import profile_tags, with_curve
from pconv_jax.imaging.strips import strips

GAMMA = 2.2
"""Of the curve through which values that are linear in light are seen."""

_TOP = 65535  # of 16 bits
_WHITE = 99.5  # percentile of values that is shown as white: scratches are brighter than the photograph
_SAMPLED, _LARGE = 4, 256  # px: one of so many is looked at, in images of this side and larger
_LINEAR_TRANSFER, _LINEAR_GAMMA = 8, 100_000  # in the chunks cICP and gAMA


def is_linear(photograph: Photograph) -> bool:
    """Whether a photograph of 16 bits says, by its profile or a chunk of PNG, that its values are linear in light."""
    if photograph.pixels.dtype != np.uint16:
        return False
    said = dict(photograph.colour)
    if code := said.get(b"cICP"):
        return code[1] == _LINEAR_TRANSFER
    if photograph.icc is None:
        return b"sRGB" not in said and int.from_bytes(said.get(b"gAMA", b""), "big") == _LINEAR_GAMMA
    tags = profile_tags(photograph.icc)
    curves = [tags[name] for name in (b"rTRC", b"gTRC", b"bTRC", b"kTRC") if name in tags]
    # Tables from device to colours, where a profile has them, count more than curves.
    return bool(curves) and b"A2B0" not in tags and all(map(_is_straight, curves))


def through_curve(
    restore: Callable[[np.ndarray, np.ndarray], np.ndarray], pixels: np.ndarray, hole: np.ndarray
) -> np.ndarray:
    """Restores pixels that are linear in light through a gamma curve.

    Args:
        restore: a function of pixels and the hole that restores as they are seen: uint16 for whole numbers, of which
            it keeps even ground even; otherwise float32 in [0, 1].
        pixels: `[H, W]` or `[H, W, C]`, linear in light, uint8, uint16 or floating point in [0, 1]; the last of two or
            four channels is alpha.
        hole: `[H, W]`, bool.

    Returns:
        The restored pixels, of the type of `pixels` and linear in light; valid ones are those of `pixels`, to the bit.
    """
    valid = ~hole if pixels.ndim == 2 else ~hole[..., None]
    with_alpha = pixels.ndim == 3 and pixels.shape[-1] in (2, 4)
    chosen = np.s_[..., :-1] if with_alpha else np.s_[...]
    whole = pixels.dtype.kind == "u"
    top = float(np.iinfo(pixels.dtype).max) if whole else 1.0
    brightest = float(pixels[chosen].max(where=valid, initial=0)) or top  # dark exposures use all of the range
    seen = np.empty(pixels.shape, np.uint16 if whole else np.float32)
    for strip in strips(*hole.shape):
        values = pixels[strip].astype(np.float32) / top
        values[chosen] = np.clip(values[chosen] * (top / brightest), 0, 1) ** (1 / GAMMA)
        seen[strip] = np.rint(values * _TOP) if whole else values
    values = np.asarray(restore(seen, hole))[hole].astype(np.float32) / (_TOP if whole else 1)
    values[chosen] = np.clip(values[chosen], 0, 1) ** GAMMA * (brightest / top)
    del seen  # large, as are the others
    result = pixels.copy()
    result[hole] = np.rint(values * top) if whole else values
    return result


def white_level(pixels: np.ndarray, percentile: float) -> float:
    """The value from which on values that are linear in light are seen as white, so that dark exposures look bright.

    Args:
        pixels: `[H, W]` or `[H, W, C]`; the last of two or four channels is alpha, and where it is 0 nothing counts.
        percentile: of the values, below 100: a few hot pixels darken nothing.

    Returns:
        The value, on the scale of `pixels`; 0 if all are.
    """
    few = pixels[::_SAMPLED, ::_SAMPLED] if min(pixels.shape[:2]) >= _LARGE else pixels
    colours = few[few[..., -1] != 0, :-1] if few.ndim == 3 and few.shape[2] in (2, 4) else few
    if not colours.any():
        return 0.0
    return float(np.percentile(colours.astype(np.float32), percentile) or colours.max())


def shown_tones(pixels: np.ndarray) -> np.ndarray:
    """How values that are linear in light are shown on a screen.

    Args:
        pixels: `[H, W]` or `[H, W, C]` without alpha, uint8 or uint16.

    Returns:
        uint8, for each value that `pixels` can have.
    """
    white = white_level(pixels, _WHITE) or 1.0
    values = np.arange(np.iinfo(pixels.dtype).max + 1, dtype=np.float32)
    return np.rint(255 * np.clip(values / white, 0, 1) ** (1 / GAMMA)).astype(np.uint8)


def shown_profile(photograph: Photograph) -> bytes | None:
    """The colour profile of what `shown_tones` makes of a photograph: its primaries with that curve, if it has any."""
    return photograph.icc and with_curve(photograph.icc, GAMMA)


def _is_straight(curve: bytes) -> bool:
    """Whether a tone curve of a profile is the identity."""
    if curve[:4] == b"para" and len(curve) >= 16:
        kind, gamma = struct.unpack_from(">H2xi", curve, 8)
        return kind == 0 and abs(gamma / 65536 - 1) < 0.01
    if curve[:4] != b"curv" or len(curve) < 12:
        return False
    (count,) = struct.unpack_from(">I", curve, 8)
    values = np.frombuffer(curve[12 : 12 + 2 * count], ">u2").astype(np.float64)
    if len(values) != count or count < 2:
        return count == 0 or (len(values) == 1 and abs(values[0] / 256 - 1) < 0.01)
    return bool(np.abs(values / 65535 - np.linspace(0, 1, count)).max() < 0.005)
