"""What of a damage map becomes a hole, by hand on small arrays."""

import numpy as np
import pytest

from pconv_jax.common.errors import InputError
from pconv_jax.detection.damage_map import Choice, DamageMap, dilated
from pconv_jax.imaging.masks import share

EXACT = {"dilate": 0, "min_size": 1}


def found(probability, grey=None):
    probability = np.array(probability, np.float32)
    grey = np.zeros(probability.shape, np.uint8) if grey is None else np.array(grey, np.uint8)
    return DamageMap(probability, np.ones_like(probability), grey)


def drawn(hole):
    return ["".join("#" if each else "." for each in row) for row in hole]


def test_the_threshold_falls_with_the_sensitivity():
    thresholds = [Choice(sensitivity=value).threshold for value in (0.25, 0.5, 0.75)]
    np.testing.assert_allclose(thresholds, [1 / (1 + np.exp(-odds)) for odds in (4.5, 3, 1.5)])


def test_finds_grow_to_less_than_the_threshold_and_need_one_sure_pixel():
    # From 0.953 on, grown to 0.762.
    map_ = found([[0.96, 0.78, 0.77, 0.75, 0.94], [0, 0, 0, 0, 0.94]])
    assert drawn(map_.hole(Choice(**EXACT))) == ["###..", "....."]
    # Less sensitive: from 0.973 on.
    assert not map_.hole(Choice(sensitivity=0.4, **EXACT)).any()
    # More: from 0.917 on, grown to 0.733, so all hang together.
    assert drawn(map_.hole(Choice(sensitivity=0.6, **EXACT))) == ["#####", "....#"]


def test_corners_connect():
    assert drawn(found([[0.99, 0, 0], [0, 0.8, 0], [0, 0, 0.8]]).hole(Choice(**EXACT))) == ["#..", ".#.", "..#"]


def test_finds_of_fewer_pixels_are_left_alone():
    map_ = found([[0.99, 0.8, 0, 0.99], [0, 0, 0, 0], [0.99, 0.8, 0.8, 0]])
    for size, expected in ((1, ["##.#", "....", "###."]), (2, ["##..", "....", "###."]), (4, ["....", "....", "...."])):
        assert drawn(map_.hole(Choice(dilate=0, min_size=size))) == expected
    assert drawn(map_.hole(Choice(dilate=0))) == ["....", "....", "###."]  # 3 by default


def test_pale_and_dark_finds_are_told_by_what_is_around_them():
    probability, grey = np.zeros((12, 24)), np.full((12, 24), 100)
    probability[5:7, 4:6], grey[5:7, 4:6] = 0.99, 130
    probability[5:7, 17:19], grey[5:7, 17:19] = 0.99, 70
    map_ = found(probability, grey)
    pale, dark, both = (map_.hole(Choice(tones=tones, **EXACT)) for tones in ("pale", "dark", "both"))
    assert pale[5:7, 4:6].all() and pale.sum() == 4
    assert dark[5:7, 17:19].all() and dark.sum() == 4
    np.testing.assert_array_equal(both, pale | dark)


def test_the_tone_is_compared_nearby_and_not_with_other_detections():
    probability, grey = np.zeros((1, 40)), np.full((1, 40), 250)
    probability[0, 10], grey[0, 10] = 0.99, 120
    probability[0, 12], grey[0, 12] = 0.99, 255  # a paler detection beside it
    grey[0, 4:10] = grey[0, 11] = grey[0, 13:17] = 90  # it is dark around both, and bright farther away
    assert drawn(found(probability, grey).hole(Choice(tones="pale", **EXACT)))[0][10:13] == "#.#"


def test_what_covers_everything_counts_as_pale_since_nothing_is_left_to_compare_with():
    map_ = found(np.full((3, 3), 0.99), np.zeros((3, 3)))
    assert map_.hole(Choice(tones="pale", **EXACT)).all()
    assert not map_.hole(Choice(tones="dark", **EXACT)).any()


def test_finds_are_widened_all_around_but_not_into_what_is_to_be_kept():
    probability = np.zeros((5, 7))
    probability[2, 3] = 0.99
    choice = Choice(min_size=1)
    assert drawn(found(probability).hole(choice)) == ["...#...", "..###..", ".#####.", "..###..", "...#..."]
    keep = np.zeros((5, 7), bool)
    keep[:, :3] = True
    assert drawn(found(probability).hole(choice, keep=keep)) == ["...#...", "...##..", "...###.", "...##..", "...#..."]
    assert not found(probability).hole(choice, keep=np.ones((5, 7), bool)).any()


def test_nothing_found_is_an_empty_hole_and_nothing_given_is_changed():
    map_ = found(np.zeros((4, 6)))
    hole, keep = map_.hole(), np.ones((4, 6), bool)
    assert hole.shape == (4, 6) and hole.dtype == bool and not hole.any()
    map_.hole(keep=keep)
    assert keep.all() and not map_.probability.any()


def test_dilation_and_share_by_hand():
    hole = np.zeros((5, 5), bool)
    hole[2, 2] = True
    assert dilated(hole, 0) is hole
    assert drawn(dilated(hole, 1)) == [".....", "..#..", ".###.", "..#..", "....."]
    assert dilated(hole, 1).dtype == bool
    assert drawn(dilated(hole, 2)) == ["..#..", ".###.", "#####", ".###.", "..#.."]  # a disc, as high as it is wide
    wide = np.zeros((41, 41), bool)
    wide[20, 20] = True
    for radius in (3, 7, 20):
        disc = dilated(wide, radius)
        np.testing.assert_array_equal(disc, disc.T)
        rows, columns = np.nonzero(disc)
        assert np.hypot(rows - 20, columns - 20).max() == radius
    assert share(hole) == 1 / 25 and share(np.zeros((0, 4), bool)) == 0


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.uint16, np.int16, np.uint64])
def test_whole_numbers_of_numpy_widen_as_others_do(kind):
    """Their negatives and squares do not fit: 20 squared, in 8 bits, least of all."""
    hole = np.zeros((61, 61), bool)
    hole[30, 30] = True
    for radius in (1, 5, 20):
        np.testing.assert_array_equal(dilated(hole, kind(radius)), dilated(hole, radius))
    assert dilated(hole, 5).sum() == 81
    map_ = DamageMap(hole.astype(np.float32), np.ones(hole.shape, np.float32), np.zeros(hole.shape, np.uint8))
    assert map_.hole(Choice(dilate=kind(5), min_size=kind(1))).sum() == 81


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"sensitivity": 0}, "sensitivity=0 must be above 0 and below 1"),
        ({"sensitivity": 1.0}, "sensitivity=1.0 must be above"),
        ({"sensitivity": float("nan")}, "sensitivity=nan must be above"),
        ({"min_size": 0}, "min_size=0 must be a number of pixels, at least 1"),
        ({"tones": "grey"}, "tones='grey' must be one of both, pale, dark"),
        ({"tones": "a" * 5000}, r"tones='a{20,80}\.\.\.a{20,80}' must be one of both, pale, dark"),
        ({"dilate": -1}, "dilate=-1 px must lie between 0 and 102"),
        ({"dilate": 103}, "dilate=103 px"),
        ({"dilate": 1.5}, "dilate=1.5 must be a whole number of pixels"),
        ({"min_size": float("inf")}, "min_size=inf must be a whole number of pixels"),
        ({"sensitivity": "0.5"}, "sensitivity='0.5' must be above 0 and below 1"),
    ],
)
def test_values_out_of_range(values, match):
    with pytest.raises(InputError, match=match):
        found([[0.99]]).hole(Choice(**values))


@pytest.mark.parametrize("wrong", [0.9, {"sensitivity": 0.9}])
def test_a_choice_that_is_none(wrong):
    with pytest.raises(InputError, match="choice must be a Choice, such as Choice"):
        found([[0.99]]).hole(wrong)


def test_a_region_to_keep_of_another_size():
    with pytest.raises(InputError, match="keep is 3x1 and the image 2x1: they must have the same size"):
        found([[0.99, 0]]).hole(keep=np.zeros((1, 3), bool))


def test_a_region_to_keep_that_is_not_boolean():
    with pytest.raises(InputError, match="keep must be boolean, True = leave alone, not uint8"):
        found([[0.99, 0]]).hole(keep=np.zeros((1, 2), np.uint8))


def test_a_white_find_beside_a_pale_one_does_not_make_it_dark():
    probability, grey = np.zeros((12, 16), np.float32), np.full((12, 16), 100, np.uint8)
    for columns, tone in ((slice(4, 6), 110), (slice(8, 14), 255)):  # both paler than the picture
        probability[3:9, columns], grey[3:9, columns] = 1, tone
    found = DamageMap(probability, probability, grey)
    np.testing.assert_array_equal(found.hole(Choice(tones="pale", dilate=0)), probability > 0)
    assert not found.hole(Choice(tones="dark", dilate=0)).any()
