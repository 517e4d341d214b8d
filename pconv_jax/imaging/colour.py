"""What files say about their colours and Pillow leaves out: read, and made a profile where only that can be written.

References:
    ITU-T H.273 for the numbers of primaries and transfer functions; ISO 15076-1 (ICC.1:2010) for profiles; PNG, third
    edition, for the chunks.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING

import numpy as np

from pconv_jax.imaging.boxes import boxes, description, properties
from pconv_jax.imaging.opening import png_chunks
from pconv_jax.imaging.profiles import in_one_channel, in_three_channels, made_profile

if TYPE_CHECKING:
    from PIL.Image import Image

Chunks = tuple[tuple[bytes, bytes], ...]  # of a PNG file: kind and data

_LENGTHS = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 4, b"mDCV": 24, b"mDCv": 24, b"cLLI": 8, b"cLLi": 8}
# x, y of white, red, green and blue.
_D65 = (0.3127, 0.3290)
_SRGB_PRIMARIES = (*_D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_PRIMARIES: Mapping[int, Sequence[float]] = {
    1: _SRGB_PRIMARIES,
    4: (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}
# The parameters of a curve: its exponent alone, or with a, b, c and d of (a x + b)^g from d on, c x below.
_BT709 = (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_CURVES: Mapping[int, Sequence[float]] = {
    **dict.fromkeys((1, 6, 14, 15), _BT709),
    4: (2.2,),
    5: (2.8,),
    8: (1.0,),
    13: _SRGB_CURVE,
}
_RESTRICTED_OR_ANY = (b"\x02", b"\x03")  # methods by which a JPEG 2000 file gives a profile
_UNSPECIFIED, _SRGB = 2, (1, 13)


def colour_chunks(image: "Image", stream: IO[bytes]) -> Chunks:
    """What an opened PNG or AVIF file says about its colours other than by a profile, as chunks of a PNG file.

    The stream stays where it is.
    """
    place = stream.tell()
    try:
        if image.format == "PNG":
            return tuple(_png_colour(stream))
        numbers = image.format == "AVIF" and not image.info.get("icc_profile")  # which goes before them there
        return _avif_colour(stream) if numbers else ()
    finally:
        stream.seek(place)


def _png_colour(stream: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    seen = set()
    for kind, place, size in list(png_chunks(stream)):
        if size - 12 == _LENGTHS.get(kind) and kind not in seen:
            seen.add(kind)
            stream.seek(place + 8)
            yield kind, stream.read(size - 12)


def _avif_colour(stream: IO[bytes]) -> Chunks:
    """The first description of colours by numbers, as cICP; none if they are those of sRGB or not specified."""
    for kind, data in properties(stream):
        if kind != b"colr" or data[:4] != b"nclx" or len(data) < 10:
            continue
        primaries, transfer = struct.unpack_from(">HH", data, 4)
        if primaries < 256 and transfer < 256 and (primaries, transfer) != _SRGB:
            known = _UNSPECIFIED not in (primaries, transfer)
            return ((b"cICP", bytes([primaries, transfer, 0, 1])),) if known else ()
    return ()


def jpeg2000_profile(stream: IO[bytes]) -> bytes | None:
    """The colour profile in a JPEG 2000 file (.jp2), which Pillow leaves out; the stream stays where it is."""
    found = (data for kind, data in boxes(description(stream, b"jp2h")) if kind == b"colr")
    return next((data[3:] for data in found if data[:1] in _RESTRICTED_OR_ANY and len(data) > 3), None)


def written_profile(icc: bytes | None, chunks: Chunks, channels: int, *, png: bool) -> tuple[bytes | None, str]:
    """The colour profile to write with pixels.

    Args:
        icc: of the photograph.
        chunks: from `colour_chunks`.
        channels: of the pixels, 1 or 3.
        png: whether the chunks are written too, so that no profile needs to say what they do.

    Returns:
        The profile, if one is needed, and a message for the user if the colours cannot be described.
    """
    if icc and channels == 3 and icc[16:20] == b"GRAY":
        icc = in_three_channels(icc)
        if icc is None:
            return None, "its grey profile cannot be used for colours and is not written; PNG and TIFF keep it"
    if png and icc and channels == 1 and icc[16:20] == b"RGB ":  # which grey PNG files must not have
        icc = in_one_channel(icc)
        if icc is None:
            return None, "its profile for colours, which a grey PNG cannot have, is not written; TIFF keeps it"
    said = dict(chunks)
    if png or (icc and b"cICP" not in said):
        return icc, ""
    if code := said.get(b"cICP"):
        primaries, transfer = code[:2]
        if (primaries, transfer) == _SRGB:
            return None, ""
        if primaries not in _PRIMARIES or transfer not in _CURVES:
            numbers = f"{primaries}/{transfer}"
            return (
                icc,
                f"its colours are coded as {numbers} (cICP), which only PNG can say, and look different; write PNG",
            )
        return made_profile(_PRIMARIES[primaries], _CURVES[transfer], channels), ""
    if b"sRGB" in said or not {b"gAMA", b"cHRM"} & set(said):
        return None, ""
    return _from_gamma(said, channels)


def _from_gamma(said: Mapping[bytes, bytes], channels: int) -> tuple[bytes | None, str]:
    gamma = int.from_bytes(said.get(b"gAMA", b""), "big")
    points = [value / 100_000 for value in struct.unpack(">8I", said[b"cHRM"])] if b"cHRM" in said else _SRGB_PRIMARIES
    try:
        if b"gAMA" in said and not 1_000 <= gamma <= 1_000_000:
            raise ValueError("no gamma")
        return made_profile(points, (100_000 / gamma,) if gamma else _SRGB_CURVE, channels), ""
    except (ValueError, ZeroDivisionError, np.linalg.LinAlgError):
        return None, "what it says of its colours (gAMA, cHRM) is impossible and not written"
