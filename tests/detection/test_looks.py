"""Looking at an image three times: as it is, enlarged and mirrored, and at half its size."""

import numpy as np
import pytest
from detectors import pale_detector, random_detector, scratched
from restoring import picture

from pconv_jax import Choice, Detector, detect
from pconv_jax.checkpoints.detector_file import save_detector
from pconv_jax.detection import windows as windows_module
from pconv_jax.detection.looks import combined, doubled, enlarged, log_odds
from pconv_jax.detection.seen import Halved, Whole
from pconv_jax.detection.windows import MARGIN, Shown
from pconv_jax.models.detector import DetectorConfig


class Seeing:
    """In place of a network: notes what it is shown, and answers with the pixels themselves."""

    leaves = ()

    def __init__(self, config):
        self.config, self.shown = config, []

    def program(self, margin, *, quick):
        def look(leaves, image, inside):
            self.shown.append((image.shape[1:3], margin))
            core = np.s_[:, margin:-margin, margin:-margin]
            return np.concatenate([image[core][..., :1], inside[core]], axis=-1)

        return look


def seeing():
    looks = Detector(pale_detector(), best=True)
    looks.network = Seeing(looks.network.config)
    return looks


def ramp(height, width):
    """Values that are straight in both directions, so that they can be enlarged and made smaller without loss."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return np.repeat((0.2 + 0.001 * rows + 0.002 * columns)[..., None], 3, axis=2)


def test_everything_is_seen_three_times():
    looks, steps = seeing(), []
    looks(ramp(300, 90), progress=lambda *done: steps.append(done))
    # Half of it, 150 px; then windows with 128 px of their own, three side by side. Each is also enlarged, with 44 px
    # around these 128, as 66 px are enough for the network: (128 + 2 x 44) x 1.5 = 324.
    assert sorted(looks.network.shown) == [*[((256, 256), MARGIN)] * 5, *[((324, 324), 66)] * 3]
    assert steps == [(number, 5) for number in range(1, 6)]


def test_no_enlarged_window_is_larger_than_the_largest():
    looks = seeing()
    looks(np.zeros((1200, 1500, 3), np.uint8))
    assert max(side for (side, _), _ in looks.network.shown) == 1092  # (768 - 2 x 20) x 1.5


@pytest.mark.parametrize("size", [(100, 90), (90, 301), (131, 77)])
def test_both_looks_lie_on_each_other(monkeypatch, size):
    """To a small part of a pixel, which is 0.001 of a value down and 0.002 across; but for the image's edge."""
    for limit, white in (("_DARK", -1), ("_BRIGHT", 0)):  # the values as they are
        monkeypatch.setattr(f"pconv_jax.detection.seen.{limit}", white)
    image = ramp(*size)
    found = seeing()(image)
    inner = np.s_[3:-3, 3:-3]
    np.testing.assert_allclose(found.probability[inner], image[inner][..., 0], atol=3e-4)
    assert found.opacity[inner].min() > 1 - 1e-6  # all of it inside


def test_the_enlarged_image_is_mirrored():
    image = np.zeros((4, 6, 3), np.float32)
    image[:2, :2] = 1
    larger, inside = enlarged(Shown(image, np.ones((4, 6, 1), np.float32)))
    assert larger.shape == (6, 9, 3) and inside.shape == (6, 9, 1) and inside.all()
    assert (larger[:2, -2:] == 1).all() and not larger[:, :5].any() and not larger[4:].any()


@pytest.mark.parametrize(("width", "first"), [(5, 4), (4, 6)])  # of pixel 4 half is inside; of pixel 5 a sixth
def test_what_lies_outside_has_no_part_in_the_values_at_the_edge(width, first):
    image = np.full((8, 8, 3), 0.6, np.float32)
    image[:, width:] = 77  # the photograph ends there
    valid = (np.arange(8) < width).astype(np.float32)[None, :, None].repeat(8, axis=0)
    larger, inside = enlarged(Shown(image, valid))
    seen = inside[..., 0] == 1
    np.testing.assert_array_equal(seen, np.arange(12)[None].repeat(12, axis=0) >= first)
    np.testing.assert_allclose(larger[seen], 0.6, atol=1e-6)


@pytest.mark.parametrize(("larger", "smaller"), [(0.5, 0.1), (0.1, 0.5), (0.5, 0.5)])
def test_what_three_looks_find_by_hand(larger, smaller):
    """0.9 and the surer of the others, 0.5, have the odds 9 and 1: together 3, so 0.75. Opacities: the mean."""
    output = np.broadcast_to(np.float32([0.9, 0.2]), (4, 4, 2))
    enlarged_output = np.broadcast_to(np.float32([larger, 0.6]), (6, 6, 2))
    together = combined(output, enlarged_output, log_odds(np.full((4, 3), smaller, np.float32)))
    assert together.shape == (4, 3, 2) and together.dtype == np.float32
    np.testing.assert_allclose(together, np.broadcast_to([0.75, 0.4], (4, 3, 2)), atol=1e-6)


def test_halves_by_hand():
    """Every pixel is the mean of those that show; the last of an odd number has fewer."""
    image = np.zeros((3, 5, 4), np.float32)
    image[..., :3] = np.arange(15).reshape(3, 5, 1) / 16
    image[..., 3] = 1
    image[0, 0, 3] = image[2, 4, 3] = 0
    image[0, 0, :3] = np.nan  # hidden, it may be anything
    half = Halved(Whole(image, linear=False))
    values, shows = half.part(np.s_[:], np.s_[:])
    assert half.shape == (2, 3) and values.dtype == np.float32
    sixteenths = [[(1 + 5 + 6) / 3, (2 + 3 + 7 + 8) / 4, (4 + 9) / 2], [(10 + 11) / 2, (12 + 13) / 2, 0]]
    np.testing.assert_allclose(values[..., 1] * 16, sixteenths, atol=0.01)
    np.testing.assert_array_equal(shows, [[1, 1, 1], [1, 1, 0]])
    part, _ = half.part(np.s_[1:], np.s_[:2])
    np.testing.assert_array_equal(part, values[1:, :2])


@pytest.mark.parametrize("strip", [2, 4, 100])
def test_halves_of_strips_are_those_of_the_whole(monkeypatch, strip):
    image = np.random.default_rng(0).random((13, 7, 3)).astype(np.float32)

    def of_few_rows(height, width, *, multiple):
        assert multiple == 2  # a strip that ends within a pair would tear it
        return (slice(top, top + strip) for top in range(0, height, strip))

    monkeypatch.setattr("pconv_jax.detection.seen.strips", of_few_rows)
    values, _ = Halved(Whole(image, linear=False)).part(np.s_[:], np.s_[:])
    padded = np.pad(image, ((0, 1), (0, 1), (0, 0)), mode="edge")
    np.testing.assert_allclose(values, padded.reshape(7, 2, 4, 2, 3).mean(axis=(1, 3)), atol=1e-3)


def test_a_map_of_the_half_is_doubled_in_place():
    small = np.zeros((3, 4), np.float32)
    small[1, 2] = 16
    full = doubled(small, np.s_[0:5, 0:7])
    assert full.shape == (5, 7)
    np.testing.assert_array_equal(np.argwhere(full == full.max()), [[2, 4], [2, 5], [3, 4], [3, 5]])


def test_parts_of_a_doubled_map_are_those_of_the_whole():
    small = np.random.default_rng(0).random((9, 12), np.float32)
    whole = doubled(small, np.s_[0:18, 0:23])
    for place in (np.s_[0:18, 0:23], np.s_[3:4, 5:6], np.s_[7:18, 10:23], np.s_[2:9, 0:11], np.s_[17:18, 21:23]):
        np.testing.assert_allclose(doubled(small, place), whole[place], atol=1e-6)


def test_broad_damage_is_found_at_half_the_size():
    """Damage that the network finds at half the size alone counts as much as what it finds enlarged."""
    looks = seeing()
    half_shape = (50, 45)

    def program(margin, *, quick):
        def look(leaves, image, inside):
            of_half = margin == MARGIN and inside.sum() == np.prod(half_shape)
            core = image.shape[1] - 2 * margin
            return np.full((1, core, core, 2), 0.9 if of_half else 0.5, np.float32)

        return look

    looks.network.program = program
    np.testing.assert_allclose(looks(picture(100, 90)).probability, 0.75, atol=1e-5)


@pytest.mark.parametrize("other", [0, 1])
def test_a_look_that_is_quite_sure_does_not_decide_alone(other):
    """A probability of 0 or 1 counts as odds of a million to one, so with an even other look as a thousand to one."""
    sure = np.broadcast_to(np.float32([other, 0]), (3, 3, 2))
    together = combined(np.broadcast_to(np.float32([0.5, 0]), (2, 2, 2)), sure, log_odds(np.zeros((2, 2), np.float32)))
    np.testing.assert_allclose(together[..., 0], 1 / 1001 if other == 0 else 1000 / 1001, atol=2e-5)


def test_a_pale_line_is_found_and_nothing_else():
    damaged, line = scratched(picture())
    found = Detector(pale_detector(), best=True)(damaged)
    np.testing.assert_array_equal(found.hole(Choice(dilate=0)), line)


def test_the_public_names_take_it(tmp_path):
    save_detector(tmp_path / "d.safetensors", random_detector(DetectorConfig(widths=(4, 6), blocks=(0, 1))))
    pixels = picture(60, 70)
    once = detect(pixels, weights=tmp_path / "d.safetensors").probability
    twice = detect(pixels, weights=tmp_path / "d.safetensors", best=True).probability
    again = Detector.from_pretrained(tmp_path / "d.safetensors", best=True)(pixels).probability
    np.testing.assert_array_equal(twice, again)
    assert np.abs(twice - once).max() > 0.01


def test_the_result_hardly_depends_on_the_windows(monkeypatch):
    looks = Detector(random_detector(DetectorConfig(widths=(4, 6), blocks=(0, 1))), best=True)
    pixels = picture(200, 150)
    monkeypatch.setattr(windows_module, "WINDOWS", (192,))
    many = looks(pixels)
    monkeypatch.setattr(windows_module, "WINDOWS", (192, 384))
    one = looks(pixels)
    np.testing.assert_allclose(many.probability, one.probability, atol=1e-4)
    np.testing.assert_allclose(many.opacity, one.opacity, atol=1e-4)


@pytest.mark.parametrize("resolutions", [1, 2, 3, 4, 5, 6])
def test_windows_stay_multiples_when_they_are_enlarged(resolutions):
    config = DetectorConfig(widths=(2,) * resolutions, blocks=(0,) * resolutions)
    looks = Detector(random_detector(config), best=True)
    looks.network = Seeing(config)
    looks(ramp(20, 30))
    for (side, _), margin in looks.network.shown:
        config.check_margin(side, side, margin)
