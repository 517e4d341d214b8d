"""Colour profiles of primaries and a tone curve, made from the ICC specification (ISO 15076-1), version 4.2."""

import struct
from collections.abc import Mapping, Sequence

import numpy as np

_COLORANTS = (b"rXYZ", b"gXYZ", b"bXYZ")
_TONES = (b"rTRC", b"gTRC", b"bTRC")
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
# Of sRGB, relative to D50; together they are exactly white.
_SRGB_COLORANTS = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7139))


def made_profile(points: Sequence[float], curve: Sequence[float], channels: int) -> bytes:
    """A profile.

    Args:
        points: x and y of white, red, green and blue.
        curve: exponent of a tone curve; or exponent, a, b, c and d of one that is linear below d.
        channels: of the pixels, 1 (the points are ignored) or 3.

    Returns:
        The profile.

    Raises:
        ValueError: no colours have these chromaticities.
    """
    tone = _tone(curve)
    if channels == 1:
        return _profile(b"GRAY", {b"kTRC": tone})
    if min(points[1::2]) <= 0:
        raise ValueError("a chromaticity without light")
    white, *primaries = (np.array([x / y, 1, (1 - x - y) / y]) for x, y in zip(points[::2], points[1::2], strict=True))
    matrix = np.stack(primaries, axis=1)
    matrix = matrix * np.linalg.solve(matrix, white)
    adapted = np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white)) @ _BRADFORD
    colorants = adapted @ matrix
    if not np.isfinite(colorants).all() or np.abs(colorants).max() > 4:
        raise ValueError("primaries on a line")
    return _profile(
        b"RGB ", {**_colorants(colorants.T), **_curves(tone), b"chad": b"sf32" + bytes(4) + _fixed(adapted)}
    )


def in_three_channels(icc: bytes) -> bytes | None:
    """The profile that gives three equal channels the colours that a grey one gives to grey; None without a curve."""
    curve = profile_tags(icc).get(b"kTRC")
    return curve and _profile(b"RGB ", {**_colorants(_SRGB_COLORANTS), **_curves(curve)})


def in_one_channel(icc: bytes) -> bytes | None:
    """The grey profile of the tone curve that a profile for colours has; None if it has none, or several."""
    tags = profile_tags(icc)
    red, green, blue = (tags.get(name) for name in _TONES)
    return _profile(b"GRAY", {b"kTRC": red}) if red and red == green == blue else None


def with_curve(icc: bytes, exponent: float) -> bytes | None:
    """The profile of the same primaries with another tone curve; None if it is not made of primaries and curves."""
    tags = profile_tags(icc)
    colorants = {name: tags[name] for name in _COLORANTS if name in tags}
    if len(colorants) < len(_COLORANTS):
        return None
    return _profile(b"RGB ", {**colorants, **_curves(_tone([exponent]))})


def profile_tags(icc: bytes) -> Mapping[bytes, bytes]:
    """The tags of a profile; those that reach beyond its end are left out."""
    if len(icc) < 132:
        return {}
    count = min(int.from_bytes(icc[128:132], "big"), (len(icc) - 132) // 12)
    entries = (struct.unpack_from(">4sII", icc, 132 + 12 * number) for number in range(count))
    return {name: icc[place : place + size] for name, place, size in entries if place + size <= len(icc)}


def _fixed(values: Sequence[float] | np.ndarray) -> bytes:
    numbers = np.rint(np.ravel(values) * 65536).astype(int)
    return struct.pack(f">{len(numbers)}i", *numbers)


def _colorants(rows: Sequence[Sequence[float]] | np.ndarray) -> dict[bytes, bytes]:
    return {name: b"XYZ " + bytes(4) + _fixed(row) for name, row in zip(_COLORANTS, rows, strict=True)}


def _tone(curve: Sequence[float]) -> bytes:
    return b"para" + bytes(4) + struct.pack(">HH", 0 if len(curve) == 1 else 3, 0) + _fixed(curve)


def _curves(tone: bytes) -> dict[bytes, bytes]:
    return dict.fromkeys(_TONES, tone)


def _text(words: str) -> bytes:
    data = words.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(data), 28) + data


def _profile(space: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    tags = {
        b"desc": _text("colours of the original file"),
        b"cprt": _text("no copyright"),
        b"wtpt": b"XYZ " + bytes(4) + _fixed(_D50),
        **tags,
    }
    place = 132 + 12 * len(tags)
    table, data, places = struct.pack(">I", len(tags)), b"", dict[bytes, int]()
    for name, content in tags.items():
        if content not in places:
            places[content] = place + len(data)
            data += content + bytes(-len(content) % 4)
        table += struct.pack(">4sII", name, places[content], len(content))
    size = 128 + len(table) + len(data)
    head = struct.pack(">I4xI4s4s4s", size, 0x04200000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H4s", 2000, 1, 1, 0, 0, 0, b"acsp")
    return (head.ljust(68, b"\0") + _fixed(_D50)).ljust(128, b"\0") + table + data
