"""Looking for damage in images of any size and kind."""

import os

import numpy as np
import pytest
from detectors import Pretended, pale_detector, random_detector, scratched
from PIL import Image
from restoring import picture

from pconv_jax import Choice, DamageMap, Detector, detect
from pconv_jax.checkpoints import detector_file
from pconv_jax.checkpoints.detector_file import TrainedDetector, save_detector
from pconv_jax.checkpoints.remembered import RememberedDetector, load_remembered_detector
from pconv_jax.common.errors import InputError
from pconv_jax.common.programs import KeptPrograms
from pconv_jax.models.detector import DetectorConfig

EXACT = Choice(dilate=0)


@pytest.fixture(scope="module")
def pale():
    return Detector(pale_detector())


@pytest.fixture
def file(tmp_path):
    save_detector(tmp_path / "pale.safetensors", pale_detector())
    return tmp_path / "pale.safetensors"


def test_strict_settings_of_jax_change_nothing(request):
    detector, damaged = Detector(pale_detector(), best=True), scratched(picture())[0]
    expected = detector(damaged)
    request.getfixturevalue("strict_jax")
    detector_file._compiled.cache_clear()
    np.testing.assert_array_equal(detector(damaged).probability, expected.probability)


def test_a_pale_line_is_found_and_nothing_else(pale):
    damaged, line = scratched(picture())
    before = damaged.copy()
    found = pale(damaged)
    assert isinstance(found, DamageMap)
    np.testing.assert_array_equal(found.hole(EXACT), line)
    np.testing.assert_array_equal(damaged, before)
    for array, dtype in ((found.probability, np.float32), (found.opacity, np.float32), (found.grey, np.uint8)):
        assert array.shape == line.shape and array.dtype == dtype
    np.testing.assert_allclose(found.probability[line], 1 / (1 + np.exp(-6)), atol=1e-4)
    np.testing.assert_allclose(found.opacity, 0.75, atol=1e-4)
    assert (found.grey[line] == 255).all() and found.grey[~line].max() < 192


def test_the_public_function_loads_a_file(file):
    damaged, line = scratched(picture())
    for weights in (file, str(file)):
        np.testing.assert_array_equal(detect(damaged, weights=weights).hole(EXACT), line)
    with pytest.raises(InputError, match="unknown detector"):
        detect(damaged, weights="no such")


def test_the_public_function_reads_a_file_again_when_it_changes(file, tmp_path, monkeypatch):
    damaged, _ = scratched(picture())
    assert detect(damaged, weights=file).hole(EXACT).any()
    save_detector(file, pale_detector(least=1.2))
    os.utime(file, ns=(1, 1))
    assert not detect(damaged, weights=file).hole(EXACT).any()
    (tmp_path / "other").mkdir()
    save_detector(tmp_path / "other" / file.name, pale_detector())
    for folder, found in ((tmp_path, False), (tmp_path / "other", True)):
        monkeypatch.chdir(folder)
        assert detect(damaged, weights=file.name).hole(EXACT).any() == found


def kinds():
    damaged, _ = scratched(picture())
    grey = np.ascontiguousarray(damaged[..., 0])
    alpha = np.full((*grey.shape, 1), 255, np.uint8)
    alpha[:5] = 1
    return {
        "uint8": (damaged, damaged),
        "uint16": (damaged.astype(np.uint16) * 257, damaged),
        "float32": (damaged / np.float32(255), damaged),
        "float64": (damaged / 255.0, damaged),
        "RGBA": (np.dstack([damaged, alpha]), damaged),
        "grey": (grey, np.repeat(grey[..., None], 3, axis=2)),
        "one channel": (grey[..., None], np.repeat(grey[..., None], 3, axis=2)),
        "PIL RGB": (Image.fromarray(damaged), damaged),
        "PIL L": (Image.fromarray(grey), np.repeat(grey[..., None], 3, axis=2)),
        "PIL LA": (Image.fromarray(np.dstack([grey, alpha])), np.repeat(grey[..., None], 3, axis=2)),
        "PIL RGBA": (Image.fromarray(np.dstack([damaged, alpha])), damaged),
    }


@pytest.mark.parametrize("kind", kinds())
def test_images_of_all_kinds_agree(pale, kind):
    image, same = kinds()[kind]
    found, expected = pale(image), pale(same)
    np.testing.assert_allclose(found.probability, expected.probability, atol=1e-5)
    np.testing.assert_allclose(found.opacity, expected.opacity, atol=1e-5)
    np.testing.assert_allclose(found.grey.astype(int), expected.grey, atol=1)


def test_nothing_is_found_where_alpha_is_0(pale):
    damaged, line = scratched(picture())
    alpha = np.full(line.shape, 255, np.uint8)
    alpha[:, 15:] = 0
    found = pale(np.dstack([damaged, alpha]))
    np.testing.assert_array_equal(found.hole(EXACT), line & (alpha > 0))
    assert not found.probability[alpha == 0].any()
    rubbish = np.dstack([damaged, alpha]).astype(np.float32) / 255  # what is hidden may be anything
    rubbish[:, 15:, :3] = np.nan
    np.testing.assert_array_equal(pale(rubbish).hole(EXACT), line & (alpha > 0))


def test_what_is_transparent_lies_outside():
    """Its edge would be a detection: what hides there is not looked at, and black is not what the photograph shows."""
    alpha = np.full((30, 40), 255, np.uint8)
    alpha[10:12, 5:], alpha[20:, :7] = 0, 1
    looks = Detector(pale_detector())
    looks.network = Pretended(lambda image, inside, margin: np.repeat(inside, 2, -1)[:, margin:-margin, margin:-margin])
    found = looks(np.dstack([np.full((30, 40, 3), 90, np.uint8), alpha]))
    np.testing.assert_array_equal(found.opacity, alpha > 0)


@pytest.mark.parametrize("size", [64, 300])
def test_a_hot_pixel_does_not_darken_images_linear_in_light(pale, size):
    values = np.random.default_rng(0).integers(0, 8192, (size, size, 3)).astype(np.uint16)
    before = pale(values, linear=True).probability.copy()
    values[size // 2 // 4 * 4, 8] = 65535
    after = pale(values, linear=True).probability
    assert np.mean(np.abs(after - before) > 0.1) < 0.01


def test_images_linear_in_light_are_seen_through_a_curve(pale):
    seen = picture().astype(np.float32) / 255
    damaged, line = scratched((seen * 255).astype(np.uint8))
    linear = (damaged / np.float32(255)) ** np.float32(2.2)
    np.testing.assert_allclose(pale(linear, linear=True).probability, pale(damaged).probability, atol=1e-3)
    dark = pale(linear / 8, linear=True)  # an exposure that does not use all of the range
    np.testing.assert_allclose(dark.probability, pale(damaged).probability, atol=1e-3)
    assert not pale(np.zeros((4, 4, 3), np.uint8), linear=True).hole(EXACT).any()
    # What lies under transparency is not the brightest.
    alpha = np.ones((*line.shape, 1), np.float32)
    alpha[-2:, -2:] = 0
    for hidden in (1, np.nan):
        seen = np.dstack([linear / 8, alpha])
        seen[-2:, -2:, :3] = hidden
        np.testing.assert_array_equal(pale(seen, linear=True).hole(EXACT), line)


def test_a_remembered_network_finds_the_same_with_programs_that_are_kept(tmp_path, monkeypatch, without_cache):
    config, pixels = DetectorConfig(widths=(4, 6), blocks=(1, 1)), picture(90, 70)
    network = random_detector(config)
    save_detector(tmp_path / "d.safetensors", network)
    expected = network(pixels[None] / np.float32(255))[0]
    for kind in (TrainedDetector, RememberedDetector):
        kept = KeptPrograms(tmp_path / "kept")
        network = load_remembered_detector(tmp_path / "d.safetensors", kept)
        assert type(network) is kind and str(network.config) == str(config)
        found = Detector(network, programs=kept)(pixels)
        np.testing.assert_allclose(np.dstack([found.probability, found.opacity]), expected, atol=1e-5)
        assert found.probability.std() > 0.01
        # The second process finds the program, and needs no network to make it from.
        monkeypatch.setattr(RememberedDetector, "program", lambda *_, **__: pytest.fail("compiled again"))
    assert len([*(tmp_path / "kept").rglob("*")]) == 3  # a folder, a note and a program


@pytest.mark.parametrize(
    ("image", "match"),
    [
        (np.full((4, 4, 3), np.nan, np.float32), r"must lie in \[0, 1\]"),
        (np.full((4, 4, 3), 1.5, np.float32), r"must lie in \[0, 1\]"),
        (np.full((4, 4), -0.1), r"must lie in \[0, 1\]"),
        (np.zeros((4, 4, 3), np.int32), "an image must be uint8, uint16 or floating point"),
        (np.zeros((4, 4, 3), bool), "an image must be uint8"),
        (np.zeros((4, 4, 2), np.uint8), "channels last"),
        (np.zeros((2, 4, 4, 3), np.uint8), "one image at a time"),
        (np.zeros((0, 4, 3), np.uint8), "an image must be"),
        (Image.new("CMYK", (4, 4)), "mode CMYK"),
        (Image.new("1", (4, 4)), "mode 1"),
    ],
)
@pytest.mark.parametrize("linear", [False, True])
def test_images_that_do_not_fit(pale, image, match, linear):
    with pytest.raises(InputError, match=match):
        pale(image, linear=linear)


@pytest.mark.parametrize("kind", ["u2", "f4"])
def test_the_order_of_bytes_does_not_matter(pale, kind):
    image = np.random.default_rng(0).integers(0, 2, (30, 40, 3))
    small, large = (pale(image.astype(f"{order}{kind}")) for order in "<>")
    np.testing.assert_array_equal(small.probability, large.probability)


def test_one_pixel_that_is_no_number(pale):
    image = np.full((200, 200, 3), 0.5, np.float32)
    image[150, 190, 1] = np.nan
    for linear in (False, True):
        with pytest.raises(InputError, match=r"must lie in \[0, 1\]"):
            pale(image, linear=linear)


def test_a_detector_whose_output_is_no_number():
    looks = Detector(pale_detector())
    looks.network = Pretended(lambda *_: np.full((1, 128, 128, 2), np.nan, np.float32))
    with pytest.raises(InputError, match="the detector returns NaN: its weights are damaged"):
        looks(picture())
