"""Training masks from files: crop, rotation, dilation, the share of holes, the same for a seed, mistakes."""

import hashlib

import numpy as np
import pytest

from pconv_jax.common.errors import InputError
from pconv_jax.masks.folder_masks import _mirrored, augmented_mask

PLAIN = {"dilation": (0, 0), "rotation": False, "crop": (1.0, 1.0), "ratio": (0.0, 1.0)}


def rng(seed=0):
    return np.random.default_rng(seed)


def file_of_strokes(side=96):
    hole = np.zeros((side, side), bool)
    hole[20:28, 5:80] = hole[10:90, 60:66] = True
    return hole


def test_unchanged_it_is_the_file():
    hole = rng().random((12, 20)) < 0.3
    mask = augmented_mask(rng(), hole, 12, 20, **PLAIN)
    assert mask.dtype == np.float32
    np.testing.assert_array_equal(mask[..., 0] == 0, hole)


def test_a_larger_file_is_picked_from_and_a_smaller_one_is_enlarged():
    hole = rng().random((24, 40)) < 0.3
    np.testing.assert_array_equal(augmented_mask(rng(), hole, 12, 20, **PLAIN)[..., 0] == 0, hole[1::2, 1::2])
    twice = augmented_mask(rng(), hole, 48, 80, **PLAIN)[..., 0] == 0
    np.testing.assert_array_equal(twice, hole.repeat(2, 0).repeat(2, 1))


def test_a_crop_is_a_window_of_the_file():
    hole = rng().random((40, 40)) < 0.5
    windows = np.lib.stride_tricks.sliding_window_view(hole, (20, 20)).reshape(-1, 400)
    places = set()
    for seed in range(30):
        mask = augmented_mask(rng(seed), hole, 20, 20, **{**PLAIN, "crop": (0.5, 0.5)})
        found = np.flatnonzero((windows == (mask.reshape(-1) == 0)).all(1))
        assert len(found) == 1
        places.add(found[0])
    assert len(places) > 20


def test_holes_grow_by_so_many_pixels_on_all_sides():
    hole = np.zeros((15, 15), bool)
    hole[7, 6] = hole[0, 14] = True
    mask = augmented_mask(rng(), hole, 15, 15, **{**PLAIN, "dilation": (2, 2)})
    expected = np.zeros((15, 15), bool)
    expected[5:10, 4:9] = expected[:3, 12:] = True
    np.testing.assert_array_equal(mask[..., 0] == 0, expected)


def test_rotations_turn_the_file_about_its_middle():
    hole = np.zeros((31, 31), bool)
    hole[13:18, :] = True  # a bar through the middle
    angles = set()
    for seed in range(30):
        seen = augmented_mask(rng(seed), hole, 31, 31, **{**PLAIN, "rotation": True})[..., 0] == 0
        assert seen[15, 15]
        rows, columns = np.nonzero(seen & (np.hypot(*np.mgrid[-15:16, -15:16]) < 15))
        # The direction in which the holes extend, of the bar that is seen.
        values, vectors = np.linalg.eigh(np.cov(rows, columns))
        assert values[1] > 10 * values[0]
        angles.add(round(np.degrees(np.arctan2(*vectors[:, 1])) % 180 / 20))
    assert len(angles) > 6


def test_places_beyond_a_border_are_mirrored():
    expected = [0, 1, 2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0]
    np.testing.assert_array_equal(_mirrored(np.arange(-6, 7), 3), expected)


def test_beyond_its_borders_the_file_is_mirrored():
    # All but a frame is a hole, and a rotated window sees no new kind of pixel: full stays full.
    full = np.ones((16, 16), bool)
    for seed in range(5):
        assert not augmented_mask(rng(seed), full, 16, 16, **{**PLAIN, "rotation": True}).any()


def test_the_share_of_holes_lies_in_the_range_where_it_can():
    shares = [1 - augmented_mask(rng(seed), file_of_strokes(), 32, 32, ratio=(0.1, 0.3)).mean() for seed in range(40)]
    assert np.mean([0.1 <= share <= 0.3 for share in shares]) > 0.95
    assert len(set(shares)) > 20
    # No try can reach it: the nearest is taken.
    most = 1 - augmented_mask(rng(), file_of_strokes(), 32, 32, ratio=(0.9, 1.0)).mean()
    assert most > max(shares)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (20, 48), (1, 1), (128, 100)])
def test_every_mask_is_one(height, width):
    for seed in range(5):
        mask = augmented_mask(rng(seed), file_of_strokes(), height, width)
        assert mask.shape == (height, width, 1) and mask.dtype == np.float32 and set(np.unique(mask)) <= {0, 1}


def test_a_seed_gives_the_same_mask_everywhere():
    mask = augmented_mask(rng(3), file_of_strokes(), 64, 48)
    assert hashlib.sha256(mask.astype(np.uint8).tobytes()).hexdigest()[:16] == "fbe42524ecd8d24c"


def test_genuine_masks_of_both_kinds(shared):
    from PIL import Image

    paths = sorted((shared / "data" / "masks" / "nvidia").glob("*/*/*.png"))[::60]
    assert len(paths) == 10
    for path in paths:
        hole = np.asarray(Image.open(path)) >= 128  # white is hole in these files
        mask = augmented_mask(rng(), hole, 64, 64)
        assert 0 < 1 - mask.mean() < 0.8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hole": np.ones((4, 4), np.uint8)}, r"hole must be bool \[H, W\], True = hole, not uint8 of shape \(4, 4\)"),
        ({"hole": np.ones((4, 4, 1), bool)}, r"not bool of shape \(4, 4, 1\)"),
        ({"hole": np.zeros((4, 5), bool)}, "a mask file of 5x4 px has no hole: leave it out"),
        ({"height": 0}, "a mask of 8 x 0 px cannot be drawn"),
        ({"height": 8.0}, "a mask of 8 x 8.0 px cannot be drawn: both sides must be whole numbers"),
        ({"dilation": (-1, 2)}, r"dilation=\(-1, 2\) must be two whole numbers"),
        ({"dilation": (0.0, 2.0)}, r"dilation=\(0.0, 2.0\) must be two whole numbers"),
        ({"dilation": 3}, "dilation=3 must be two whole numbers"),
        ({"crop": ("0.5", "1")}, r"crop=\('0.5', '1'\) must be"),
        ({"crop": 0.5}, r"crop=0.5 must be \(low, high\)"),
        ({"ratio": (0.2,)}, r"ratio=\(0.2,\) must be \(low, high\)"),
        ({"crop": (0.0, 0.5)}, r"crop=\(0.0, 0.5\) must be \(low, high\) with 0 < low"),
        ({"ratio": (0.5, 0.2)}, r"ratio=\(0.5, 0.2\) must be \(low, high\) with 0 <= low"),
    ],
)
def test_mistakes_are_refused(change, message):
    values = {"hole": file_of_strokes(), "height": 8, "width": 8, **change}
    with pytest.raises(InputError, match="rng=0 must be a generator"):
        augmented_mask(0, file_of_strokes(), 8, 8)
    with pytest.raises(InputError, match=message):
        augmented_mask(rng(), values.pop("hole"), values.pop("height"), values.pop("width"), **values)


def test_ranges_may_be_arrays():
    ranges = {"dilation": np.array([0, 3]), "crop": np.array([0.5, 1]), "ratio": np.array([0.01, 0.6])}
    found = augmented_mask(rng(), file_of_strokes(), 8, 8, **ranges)
    as_tuples = {name: tuple(value.tolist()) for name, value in ranges.items()}
    np.testing.assert_array_equal(found, augmented_mask(rng(), file_of_strokes(), 8, 8, **as_tuples))
