"""The windows in which a detector looks at an image: which, what they see, and how little they matter."""

import numpy as np
import pytest
from detectors import Pretended, pale_detector, random_detector
from restoring import picture

from pconv_jax import Detector
from pconv_jax.checkpoints.detector_file import TrainedDetector
from pconv_jax.common.errors import InputError
from pconv_jax.detection import windows as windows_module
from pconv_jax.detection.windows import MARGIN, WINDOWS, choose_windows
from pconv_jax.models.detector import DetectorConfig


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (130, 127), (300, 7), (1153, 2)])
def test_windows_cover_every_pixel_once(size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    times = np.zeros(size, int)

    def network(image, inside, margin):
        """Returns the red of the pixels, and whether they are inside."""
        assert image.shape == (1, *inside.shape[1:3], 3) and image.shape[1] == image.shape[2] in WINDOWS
        core = np.s_[:, margin:-margin, margin:-margin]
        return np.concatenate([image[core][..., :1], inside[core]], axis=-1)

    looks = Detector(pale_detector())
    looks.network = Pretended(network)
    for window in choose_windows(*size, MARGIN):
        top, left = window.top + MARGIN, window.left + MARGIN
        core = window.side - 2 * MARGIN
        assert not top % core and not left % core
        times[top : top + core, left : left + core] += 1
    assert (times == 1).all()
    found = looks(pixels)
    np.testing.assert_allclose(found.probability, pixels[..., 0] / 255, atol=1e-6)
    assert (found.opacity == 1).all()


@pytest.mark.parametrize(
    ("size", "side", "count"),
    [
        ((100, 90), 256, 1),
        ((130, 130), 512, 1),  # four of 256 px are as many pixels
        ((400, 600), 768, 1),
        ((800, 1200), 768, 4),  # 2.4 megapixels; two of 1280 px are 3.3
        ((2000, 3000), 1280, 6),
    ],
)
def test_the_windows_with_which_least_is_computed_by_hand(size, side, count):
    windows = choose_windows(*size, MARGIN)
    assert len(windows) == count and {window.side for window in windows} == {side}


def test_windows_see_what_is_around_them():
    """The image lies in each window as it lies in the whole, with nothing around it."""
    pixels = np.random.default_rng(0).integers(1, 256, (260, 300, 3), np.uint8)
    whole = np.pad(pixels / np.float32(255), ((MARGIN, 1280), (MARGIN, 1280), (0, 0)))
    seen = []

    def network(image, inside, margin):
        seen.append(image)
        np.testing.assert_array_equal(inside[..., 0] != 0, image[..., 0] > 0)
        return np.zeros((1, image.shape[1] - 2 * margin, image.shape[2] - 2 * margin, 2), np.float32)

    looks = Detector(pale_detector())
    looks.network = Pretended(network)
    looks(pixels)
    (image,) = seen
    np.testing.assert_allclose(image[0], whole[: image.shape[1], : image.shape[2]], atol=1e-6)


def test_the_result_hardly_depends_on_the_windows(monkeypatch):
    looks, steps = Detector(random_detector(DetectorConfig(widths=(4, 6), blocks=(0, 1)))), []
    pixels = picture(200, 150)
    monkeypatch.setattr(windows_module, "WINDOWS", (192,))
    many = looks(pixels, progress=lambda *done: steps.append(done))
    assert steps == [(number, 12) for number in range(1, 13)]
    monkeypatch.setattr(windows_module, "WINDOWS", (192, 384))
    one = looks(pixels)
    np.testing.assert_allclose(many.probability, one.probability, atol=1e-4)
    np.testing.assert_allclose(many.opacity, one.opacity, atol=1e-4)
    np.testing.assert_array_equal(many.grey, one.grey)


def test_a_deep_decoder_has_all_its_context():
    looks = Detector(TrainedDetector(DetectorConfig(widths=(2,) * 5, blocks=(2,) * 5), None))
    pixels, margins = picture(200, 150), []

    def network(image, inside, margin):
        margins.append(margin)
        core = np.s_[:, margin:-margin, margin:-margin]
        return np.concatenate([image[core][..., :1], inside[core]], axis=-1)

    looks.network = Pretended(network)
    found = looks(pixels)
    # 2 px a pixel and 5 convolutions; then 4 px and 4 more: 4 x (3 + 4); 8 x (4 + 4); 16 x (4 + 4)
    assert margins == [128]
    np.testing.assert_allclose(found.probability, pixels[..., 0] / 255, atol=1e-6)
    for blocks, margin in (((1,) * 5, MARGIN), ((1, 1, 1, 2, 2), 96)):  # 16 x (2 + 4), of the bundled one
        assert Detector(TrainedDetector(DetectorConfig(blocks=blocks), None))._margin == margin
    assert MARGIN == 64


def test_a_detector_that_sees_more_than_a_window_holds():
    deep = DetectorConfig(widths=(2,) * 6, blocks=(8,) * 6)
    with pytest.raises(InputError, match=r"blocks=\(8, 8, 8, 8, 8, 8\) sees 1024 px around what it looks at"):
        Detector(TrainedDetector(deep, None))


def test_a_detector_with_too_many_resolutions():
    deep = DetectorConfig(widths=(2,) * 7, blocks=(0,) * 7)
    with pytest.raises(InputError, match="a detector of 7 resolutions needs windows at multiples of 128 px"):
        Detector(TrainedDetector(deep, None))
