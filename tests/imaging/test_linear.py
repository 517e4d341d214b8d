"""Photographs that are linear in light: how they are known, and the curve through which they are computed."""

import struct
import tracemalloc

import numpy as np
import pytest
from photograph_files import SRGB, layers, photograph

from pconv_jax.imaging.linear import is_linear, shown_profile, shown_tones, through_curve
from pconv_jax.imaging.profiles import made_profile, profile_tags

D65 = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
STRAIGHT, CURVED = made_profile(D65, (1.0,), 3), made_profile(D65, (1.8,), 3)


def with_curve(curve):
    """A grey profile of a curve of numbers."""
    old = made_profile((), (1.0,), 1)
    place = old.index(b"para")
    made = old[:place] + b"curv" + bytes(4) + struct.pack(f">I{len(curve)}H", len(curve), *curve)
    at = old.index(b"kTRC") + 8
    return made[:at] + struct.pack(">I", 12 + 2 * len(curve)) + made[at + 4 :]


@pytest.mark.parametrize(
    ("icc", "linear"),
    [
        (None, False),
        (SRGB, False),
        (STRAIGHT, True),
        (CURVED, False),
        (STRAIGHT.replace(b"gTRC", b"A2B0"), False),
        (made_profile((), (1.0,), 1), True),
        (with_curve([]), True),
        (with_curve([256]), True),
        (with_curve([563]), False),
        (with_curve(range(0, 65536, 257)), True),
        (with_curve([0, 10, 65535]), False),
        (b"no profile", False),
    ],
)
def test_profiles(icc, linear):
    assert is_linear(photograph("rgb", np.uint16, icc=icc)) == linear
    assert not is_linear(photograph("rgb", np.uint8, icc=icc))  # 8 bits would not do


def test_chunks_of_png():
    for chunks, linear in [
        ({b"gAMA": struct.pack(">I", 100_000)}, True),
        ({b"gAMA": struct.pack(">I", 45_455)}, False),
        ({b"gAMA": struct.pack(">I", 100_000), b"sRGB": b"\0"}, False),
        ({b"cICP": bytes([1, 8, 0, 1])}, True),
        ({b"cICP": bytes([1, 13, 0, 1]), b"gAMA": struct.pack(">I", 100_000)}, False),
    ]:
        assert is_linear(photograph("rgb", np.uint16, colour=tuple(chunks.items()))) == linear


@pytest.mark.parametrize("kind", ["grey", "rgb", "rgba", "grey+alpha"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_valid_pixels_stay_and_holes_are_computed_as_they_are_seen(kind, dtype):
    pixels, hole = layers(kind, dtype) // 8, np.zeros((13, 7), bool)  # a dark exposure
    pixels[0, 1], hole[2:4] = pixels.max(), True
    given = []

    def restore(seen, found):
        given.append((seen, found))
        return np.where(found if seen.ndim == 2 else found[..., None], np.uint16(32768), seen)

    result = through_curve(restore, pixels, hole)
    (seen, found), with_alpha = given[0], kind in ("rgba", "grey+alpha")
    colours = np.s_[..., :-1] if with_alpha else np.s_[...]
    brightest = pixels[colours][~hole].max()
    assert result.dtype == dtype and np.array_equal(result[~hole], pixels[~hole]) and found is hole
    assert seen.dtype == np.uint16 and seen[colours][~hole].max() == 65535
    wanted = 65535 * (pixels[colours][~hole] / brightest) ** (1 / 2.2)
    np.testing.assert_allclose(seen[colours][~hole], wanted, atol=0.6)
    half = 32768 / 65535
    assert (result[colours][hole] == np.rint(half**2.2 * brightest)).all()
    if with_alpha:
        top = np.iinfo(dtype).max
        np.testing.assert_array_equal(seen[..., -1], pixels[..., -1] * np.uint16(65535 // top))
        assert (result[hole][..., -1] == np.rint(half * top)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floating_point_is_not_rounded(dtype):
    pixels, hole = np.random.default_rng(0).random((9, 7, 3)).astype(dtype), np.eye(9, 7, dtype=bool)
    pixels[hole] = np.nan
    result = through_curve(lambda seen, found: np.where(found[..., None], np.float32(0.3), seen), pixels, hole)
    assert result.dtype == dtype and np.array_equal(result[~hole], pixels[~hole])
    np.testing.assert_allclose(result[hole], 0.3**2.2 * pixels[~hole].max(), rtol=1e-6)


def test_large_scans_need_little_memory():
    pixels, hole = np.full((3000, 4000, 3), 5000, np.uint16), np.zeros((3000, 4000), bool)
    hole[100:110] = True
    tracemalloc.start()
    through_curve(lambda seen, found: seen.copy(), pixels, hole)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.8 * pixels.nbytes  # what is seen, what is restored, and a strip


def test_black_is_black():
    hole = np.eye(4, dtype=bool)
    black = through_curve(lambda seen, found: np.maximum(seen, np.uint16(655)), np.zeros((4, 4, 3), np.uint16), hole)
    assert black.max() <= 3 and black.dtype == np.uint16


def test_a_dark_exposure_is_shown_bright():
    pixels = np.full((80, 80, 3), 1000, np.uint16)
    pixels[:4, :4] = 65535  # scratches are brighter than the photograph
    pixels[40:, :40] = 218  # 1000 x 0.5 ** 2.2
    tones = shown_tones(pixels)
    assert tones.shape == (65536,) and tones.dtype == np.uint8
    assert [int(tones[value]) for value in (0, 218, 1000, 65535)] == [0, 128, 255, 255]
    assert shown_tones(np.zeros((8, 8), np.uint8)).shape == (256,)


def test_colours_are_shown_with_the_primaries_of_the_profile():
    shown, gamma = (
        profile_tags(icc)
        for icc in (shown_profile(photograph("rgb", np.uint16, icc=STRAIGHT)), made_profile(D65, (2.2,), 3))
    )
    for name in (b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC"):
        assert shown[name] == gamma[name]
    assert shown_profile(photograph("grey", np.uint16, icc=made_profile((), (1.0,), 1))) is None
    assert shown_profile(photograph("rgb", np.uint16)) is None
