"""Damage from infrared channels. There are no real scans with a truth, so these are synthetic."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from experiments.infrared_scores import Film
from pconv_jax.common.errors import InputError
from pconv_jax.detection.alignment import _agreed, _check_reach, _fits_within_reach, measured_shift, no_shift, squares
from pconv_jax.detection.crosstalk import Scan, fitted_crosstalk
from pconv_jax.detection.damage_map import GROWN, Choice
from pconv_jax.detection.infrared import _for_choices, _grey, infrared_damage
from pconv_jax.evaluation.detection import count
from pconv_jax.imaging.masks import share

PHOTOGRAPHS = {"astronaut": data.astronaut, "coffee": data.coffee, "chelsea": data.chelsea}
SHARED = Path(__file__).resolve().parents[3] / "shared/data/photos/dev/bsds500"


def scan(film, name="astronaut", seed=0):
    return film.scan(np.random.default_rng(seed), PHOTOGRAPHS[name]())


def jaccard(found, made):
    return float(count(found.hole(Choice(dilate=0)).astype(float), made.damaged, [0.5]).jaccard[0])


def plain(height=96, width=128, level=200):
    """A flat picture with its channel."""
    return np.full((height, width, 3), 100, np.uint8), np.full((height, width), level, np.uint8)


def test_probabilities_are_on_the_scale_of_choices():
    """One half is enough at the default sensitivity, and a quarter where it touches that."""
    threshold = Choice().threshold
    found = _for_choices(np.array([0, 0.25, 0.5, 1], np.float32))
    np.testing.assert_allclose(found[1:3], [GROWN * threshold, threshold], rtol=1e-6)
    assert found[0] == 0 and found[3] > 0.999


def test_squares_reach_all_sides():
    def first(length):
        return [rows.start for rows, columns in squares(length, 1, side=100, most=3)]

    assert [first(length) for length in (50, 100, 101, 190, 300, 1000)] == [
        [0], [0], [0, 1], [0, 90], [0, 100, 200], [0, 450, 900],
    ]  # fmt: skip


def test_a_speck_on_a_flat_picture_has_its_opacity():
    pixels, infrared = plain()
    infrared[40:44, 50:60] = 50  # of 200: three quarters are missing
    infrared[0, 0] = 199
    found = infrared_damage(pixels, infrared)
    expected = np.zeros(infrared.shape, bool)
    expected[40:44, 50:60] = True
    assert np.array_equal(found.probability > Choice().threshold, expected)
    np.testing.assert_allclose(found.opacity[expected], 0.75, atol=0.01)
    assert found.probability.dtype == found.opacity.dtype == np.float32
    assert found.grey.dtype == np.uint8 and (found.grey == 100).all()
    assert np.array_equal(found.hole(Choice(dilate=0)), expected)


@pytest.mark.parametrize("slope", [0.0, 0.3])
def test_a_scratch_on_a_smooth_picture_is_no_silver(slope):
    """Bright in the picture and dark in infrared, it is all there is to learn from."""
    random = np.random.default_rng(1)
    light = (
        30000 * np.linspace(1 - slope, 1 + slope, 300)[:, None, None] * np.exp(random.normal(0, 0.01, (300, 400, 3)))
    )
    pixels, infrared = light.astype(np.uint16), (50000 * np.exp(random.normal(0, 0.005, (300, 400)))).astype(np.uint16)
    pixels[100:103], infrared[100:103] = 60000, 9000
    found = infrared_damage(pixels, infrared).hole(Choice(dilate=0))
    assert found[100:103, 2:-2].all() and not found[:98].any() and not found[105:].any()


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_damage_of_synthetic_scans(name):
    made = scan(Film(), name)
    assert jaccard(infrared_damage(made.image, made.infrared), made) > 0.85


def test_alignment_and_crosstalk_each_matter():
    made = scan(Film(crosstalk=(0.15, 0.15)))
    whole = jaccard(infrared_damage(made.image, made.infrared), made)
    assert jaccard(infrared_damage(made.image, made.infrared, align=False), made) < whole - 0.1
    assert jaccard(infrared_damage(made.image, made.infrared, remove_crosstalk=False), made) < whole - 0.1


def test_dyes_need_not_absorb_in_proportion():
    """The channel follows the square of red's logarithm, as no straight line does."""
    clouds = cv2.GaussianBlur(np.random.default_rng(0).normal(size=(512, 512)), (0, 0), 8)
    red = np.exp(np.clip(clouds / clouds.std() - 1.5, -3, 0))
    pixels = np.rint(65535 * np.repeat(red[..., None], 3, axis=2)).astype(np.uint16)
    infrared = np.rint(52000 * np.exp(-0.1 * np.log(red) ** 2)).astype(np.uint16)
    scan = Scan(pixels, infrared, no_shift())
    darker = fitted_crosstalk(scan).darker(scan.part(slice(0, 512), slice(0, 512)))
    assert darker.std() < 0.05 * np.log(infrared).std()


@pytest.mark.parametrize("of", [lambda x: x, lambda x: (x // 257).astype(np.uint8), lambda x: x[..., 1]])
def test_no_false_alarms(of):
    """In 16 and 8 bits and in grey."""
    made = scan(Film(pieces=0), "coffee")
    assert share(infrared_damage(of(made.image), made.infrared).hole()) < 2e-4


def test_nothing_is_found_where_the_channel_does_not_reach():
    made = scan(Film(pieces=0, shift=0, crosstalk=(0.15, 0.15)))
    moved = np.roll(made.infrared, 9, axis=1)
    moved[:, :9] = moved[:, 9:10]
    assert not infrared_damage(made.image, moved).hole(Choice(dilate=0)).any()


@pytest.mark.parametrize("shift", [(0.0, 0.0), (2.0, -3.0), (-3.4, 1.7)])
def test_the_shift_is_measured_to_a_fraction_of_a_pixel(shift):
    down, right = shift
    image = data.astronaut()[..., 0].astype(np.uint16) * 257
    light = (image / 65535 + 0.01).astype(np.float32) ** np.float32(0.1)
    moved = cv2.warpAffine(
        light, np.array([[1, 0, right], [0, 1, down]]), light.shape[::-1], flags=cv2.INTER_CUBIC
    )  # content goes down and right, and is found there
    channel = np.rint(40000 * moved).clip(0, 65535).astype(np.uint16)
    found = measured_shift(image, channel)
    assert found.windows and abs(found.down[0] - down) < 0.1 and abs(found.right[0] - right) < 0.1


@pytest.mark.parametrize("shift", [(13, -13), (40, 0)])
def test_a_channel_shifted_too_far_is_refused(shift):
    made = scan(Film(shift=0))
    with pytest.raises(InputError, match=f"is shifted by {max(shift)} px against the picture, and 12 px are the most"):
        infrared_damage(made.image, np.roll(made.infrared, shift, axis=(0, 1)))


@pytest.mark.parametrize(
    ("beyond", "within"),
    [
        ([(13, -13)], 0),  # one window may be mistaken
        ([(14, -13), (14, -13), (40, 5), (-30, 90), (90, -90)], 0),  # two of five agree, by chance
        ([(14, -13), (14, -13)], 2),  # others say that it lies near
    ],
)
def test_windows_that_are_mistaken_do_not_make_a_channel_shifted(beyond, within):
    shifts = [np.array(shift, float) for shift in beyond]
    _check_reach(shifts, within)
    with pytest.raises(InputError, match="shifted by 14 px"):
        _check_reach([*shifts, *3 * [np.array([14.0, -13])]], within)


def test_a_line_does_not_tell_how_far_along_itself_a_channel_is_shifted():
    random = np.random.default_rng(0)
    line, texture = np.zeros((96, 128)), random.normal(size=(96, 128))
    line[40:43] = 1 + 0.03 * texture[40:43]
    assert _fits_within_reach(line, np.roll(line, 21, axis=1))
    assert not _fits_within_reach(texture, np.roll(texture, 21, axis=1))
    assert not _fits_within_reach(line, np.roll(line, 21, axis=0))
    assert _fits_within_reach(line[38:46], np.roll(line[38:46], 21, axis=1))  # lower than the reach


def test_a_stretched_channel_is_aligned_everywhere():
    """By 0.15 %, 3 px from one side of the picture to the other."""
    picture = cv2.resize(data.astronaut(), (2048, 1536), interpolation=cv2.INTER_CUBIC)
    made = Film(stretch=0.0015, shift=2.0, pieces=0).scan(np.random.default_rng(0), picture)
    found = measured_shift(made.image[..., 0], made.infrared)
    assert found.windows >= 6
    assert found.down[1] == pytest.approx(-0.0015, abs=3e-4) and found.right[2] == pytest.approx(-0.0015, abs=3e-4)


def turned(picture, degrees):
    """A scan whose channel is turned about the middle of the picture."""
    made = Film(shift=0, pieces=0).scan(np.random.default_rng(0), picture)
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return made.image, cv2.warpAffine(made.infrared, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)


@pytest.mark.parametrize("degrees", [0.5, -1])
def test_a_turned_channel_is_aligned_everywhere(degrees):
    """By up to 9 and 18 px at the sides: more than the windows in the middle are shifted by."""
    image, infrared = turned(cv2.resize(data.astronaut(), (2048, 1536), interpolation=cv2.INTER_CUBIC), degrees)
    found = measured_shift(image[..., 0], infrared)
    sine = np.sin(np.deg2rad(degrees))
    assert found.windows >= 6
    assert found.down[2] == pytest.approx(-sine, abs=6e-4) and found.right[1] == pytest.approx(sine, abs=6e-4)


def test_shifts_that_contradict_each_other_move_nothing(monkeypatch):
    places = np.array([[1, 200, 200], [1, 200, 600], [1, 600, 200.0]])
    assert _agreed(places, np.array([[5, 5], [0, -5], [-5, 0.0]]), (800, 800)) == no_shift()
    monkeypatch.setattr("skimage.registration.phase_cross_correlation", lambda *_, **__: (next(found), 0.1, 0.0))
    found = iter(np.random.default_rng(1).uniform(-11, 11, (25, 2)))
    image = np.random.default_rng(0).integers(0, 255, (2000, 2000)).astype(np.uint8)
    with pytest.raises(InputError, match=r"does not lie evenly over the picture \(\d of 25 parts agree on its shift\)"):
        measured_shift(image, image)


def test_a_flat_picture_tells_of_no_shift():
    pixels, infrared = plain()
    assert measured_shift(pixels[..., 0], infrared).windows == 0


@pytest.mark.parametrize("seed", range(3))
def test_silver_based_film_is_refused(seed):
    made = scan(Film(silver=True), seed=seed)
    with pytest.raises(InputError, match=r"its infrared channel follows the picture \(\d+% of.*\(--no-infrared\)"):
        infrared_damage(made.image, made.infrared)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((255, 0), "holds nothing but 0 and 255, as a mask does"),
        ((7, 7), r"is the same everywhere \(7\) and tells of no"),
    ],
)
def test_a_channel_that_is_a_mask_or_empty_is_refused(values, said):
    pixels, infrared = plain()
    infrared[:], infrared[:9] = values
    with pytest.raises(InputError, match=said):
        infrared_damage(pixels, infrared)


@pytest.mark.parametrize("invert", [False, True])
def test_a_feathered_selection_is_refused(invert):
    selection = cv2.circle(np.zeros((512, 512), np.uint8), (200, 300), 90, 255, -1)
    selection = cv2.GaussianBlur(selection, (0, 0), 4)
    with pytest.raises(InputError, match=r"9\d% of its further channel are exactly 0 or 255, as in a selection"):
        infrared_damage(data.astronaut(), ~selection if invert else selection)


def test_a_channel_that_is_clipped_to_white_is_used():
    made = scan(Film(opacity=(0.5, 0.9)))
    bright = np.minimum(made.infrared * 1.7, 65535).astype(np.uint16)
    assert (bright == 65535).mean() > 0.5 and jaccard(infrared_damage(made.image, bright), made) > 0.3


@pytest.mark.parametrize(("value", "level"), [(65407, 255), (65406, 254), (129, 1), (128, 0)])
def test_sixteen_bits_are_rounded_to_eight(value, level):
    """Half-way from one to the next are 128.5."""
    assert _grey(np.full((1, 1, 1), value, np.uint16)).tolist() == [[level]]
    assert _grey(np.full((1, 1, 3), value, np.uint16)).tolist() == [[level]]


def test_other_types_and_sizes_are_refused():
    pixels, infrared = plain()
    with pytest.raises(InputError, match="the image must be uint8 or uint16, not float32"):
        infrared_damage(pixels.astype(np.float32), infrared)
    with pytest.raises(InputError, match=r"the image is \(96, 128, 3\) and its infrared channel \(95, 128\)"):
        infrared_damage(pixels, infrared[1:])


def test_tiles_leave_no_seams(monkeypatch):
    made = scan(Film(shift=0), "coffee")
    moved = np.roll(made.infrared, (-9, 7), axis=(0, 1))  # it covers neither the first rows nor the last columns
    noisy = moved.copy()  # on the right more than on the left
    noisy[:, 300:] += np.random.default_rng(0).normal(0, 2000, noisy[:, 300:].shape).astype(np.int32).astype(np.uint16)
    whole = infrared_damage(made.image, noisy)
    monkeypatch.setattr("pconv_jax.detection.infrared._TILE", 150)
    parts = infrared_damage(made.image, noisy)
    np.testing.assert_allclose(parts.opacity, whole.opacity, atol=0.02)
    np.testing.assert_allclose(parts.probability, whole.probability, atol=0.1)
    np.testing.assert_array_equal(parts.grey, whole.grey)
    assert np.mean(parts.hole() != whole.hole()) < 1e-5


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the photographs of BSDS500")
def test_photographs_that_were_not_looked_at():
    files = sorted(SHARED.glob("*.jpg"))[-4:]
    assert len(files) == 4
    for index, file in enumerate(files):
        made = Film().scan(np.random.default_rng(index), cv2.imread(str(file))[..., ::-1])
        assert jaccard(infrared_damage(made.image, made.infrared), made) > 0.8
