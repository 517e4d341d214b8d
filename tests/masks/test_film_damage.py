"""Drawn film damage: pieces, how they are laid over a photograph, and what counts as damaged."""

import cv2
import numpy as np
import pytest
from coverages import thickest

from pconv_jax.common.errors import InputError
from pconv_jax.masks.film_damage import CLEAN, DAMAGED, UNSEEN, Canvas, FilmDamage, Laid, placed_map

WHITE, BLACK = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)


def grey(level, height=64, width=96):
    return np.full((height, width, 3), level, np.uint8)


def test_what_there_is_to_find_at_each_pixel():
    damaged, visible = np.array([[False, True, True, False]]), np.array([[False, True, False, False]])
    opacity = np.array([[0.03, 1, 1, 0.04]], np.float32)  # the last is a rim
    truth = Laid(grey(0, 1, 4), opacity, damaged, visible).truth
    np.testing.assert_array_equal(truth, [[0, 1, 2, 2]])
    assert truth.dtype == np.uint8 and (CLEAN, DAMAGED, UNSEEN) == (0, 1, 2)
    nothing = Laid.undamaged(grey(7, 2, 3))
    assert (nothing.truth == CLEAN).all() and not nothing.opacity.any() and (nothing.image == 7).all()


def test_fine_stripes_of_a_map_become_grey_where_it_is_made_smaller():
    stripes = np.tile(np.array([255, 255, 0, 0], np.uint8), (200, 50))
    for seed in range(4):
        placed = placed_map(np.random.default_rng(seed), stripes, 64, 64, thickness=0.5)  # of 2 px: a quarter as large
        covered = placed[placed > 0.1]
        assert len(covered) > 100 and np.mean(np.abs(covered - 0.5) < 0.15) > 0.8


def test_a_piece_laid_by_hand():
    coverage = np.zeros((3, 4), np.float32)
    coverage[1] = [0, 1, 0.5, 0.1]
    canvas = Canvas(grey(100, 3, 4))
    canvas.lay(coverage, WHITE, opacity=0.8)
    laid = canvas.finished()
    # 100 + 0.8 * 155, 100 + 0.4 * 155, 100 + 0.08 * 155
    np.testing.assert_array_equal(laid.image[1], [[100] * 3, [224] * 3, [162] * 3, [112] * 3])
    np.testing.assert_allclose(laid.opacity[1], [0, 0.8, 0.4, 0.08], atol=1e-6)
    # From 0.35 of its greatest opacity on a pixel belongs to it: 0.28.
    np.testing.assert_array_equal(laid.damaged[1], [False, True, True, False])
    np.testing.assert_array_equal(laid.visible, laid.damaged)
    np.testing.assert_array_equal(laid.truth[1], [CLEAN, DAMAGED, DAMAGED, UNSEEN])
    for rest in (laid.image[[0, 2]] - np.uint8(100), laid.opacity[[0, 2]], laid.damaged[[0, 2]]):
        assert not rest.any()
    assert laid.image.dtype == np.uint8 and laid.opacity.dtype == np.float32


def test_what_is_pale_away_from_the_core_of_a_piece_is_damage_too():
    coverage = np.zeros((1, 12), np.float32)
    coverage[0, :2], coverage[0, 10:] = [1, 0.2], [0.2, 0.06]  # a rim; another part of the piece, with its own
    canvas = Canvas(grey(0, 1, 12))
    canvas.lay(coverage, WHITE, opacity=1.0)
    truth = canvas.finished().truth[0].tolist()
    assert truth == [DAMAGED, UNSEEN] + [CLEAN] * 8 + [DAMAGED, UNSEEN]
    # Within 4 px: 0.35 of the greatest there.
    canvas = Canvas(grey(0, 1, 6))
    canvas.lay(np.array([[1, 0, 0, 0, 0.34, 0.34]], np.float32), WHITE, opacity=1.0)
    assert canvas.finished().truth[0].tolist() == [DAMAGED, CLEAN, CLEAN, CLEAN, UNSEEN, DAMAGED]


def test_the_second_piece_covers_the_first():
    coverage, canvas = np.ones((2, 2), np.float32), Canvas(grey(200, 2, 2))
    canvas.lay(coverage, BLACK, opacity=0.8)  # leaves 40
    canvas.lay(coverage, (1.0, 0.0, 0.2), opacity=0.5)
    laid = canvas.finished()
    np.testing.assert_array_equal(laid.image[0, 0], np.rint([20 + 127.5, 20, 20 + 25.5]))
    np.testing.assert_allclose(laid.opacity, 1 - 0.2 * 0.5, atol=1e-6)


def test_white_on_white_is_damaged_but_not_visible():
    image = grey(255, 2, 3)
    image[:, 1] = 250  # changes by 5 levels, which is visible; by 4 it is not
    image[:, 2] = 251
    canvas = Canvas(image)
    canvas.lay(np.ones((2, 3), np.float32), WHITE, opacity=1.0)
    laid = canvas.finished()
    assert laid.damaged.all() and (laid.image == 255).all()
    np.testing.assert_array_equal(laid.visible[0], [False, True, False])


def test_the_faintest_does_not_count():
    canvas = Canvas(grey(0, 1, 2))
    canvas.lay(np.array([[0.7, 0.9]], np.float32), WHITE, opacity=0.05)  # 0.035 and 0.045, of at least 0.04
    np.testing.assert_array_equal(canvas.finished().damaged, [[False, True]])


def test_an_empty_piece_changes_nothing():
    canvas = Canvas(grey(7, 2, 2))
    canvas.lay(np.zeros((2, 2), np.float32), WHITE, opacity=1.0)
    laid = canvas.finished()
    assert (laid.image == 7).all() and not laid.opacity.any() and not laid.damaged.any()


def test_damage_is_seeded_and_leaves_the_photograph_as_it_was():
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    before = image.copy()
    first, again, other = (FilmDamage()(np.random.default_rng(seed), image) for seed in (5, 5, 6))
    np.testing.assert_array_equal(image, before)
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first.image, other.image)


def test_what_is_not_covered_is_not_changed():
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    total = 0
    for seed in range(25):
        laid = FilmDamage()(np.random.default_rng(seed), image)
        assert laid.opacity.min() >= 0 and laid.opacity.max() <= 1
        clear = laid.opacity == 0
        np.testing.assert_array_equal(laid.image[clear], image[clear])
        assert not laid.damaged[clear].any() and not (laid.visible & ~laid.damaged).any()
        total += laid.visible.any()
    assert total > 20


def test_pieces_keep_to_their_opacity_and_kinds():
    hairs = FilmDamage(pieces=(1, 1), opacity=(0.3, 0.3), kinds=("hair",), thickness=(3, 3))
    most = [hairs(np.random.default_rng(seed), grey(128)).opacity.max() for seed in range(20)]
    assert max(most) == pytest.approx(0.3, abs=1e-4)
    torn = FilmDamage(pieces=(1, 1), opacity=(0.3, 0.3), kinds=("tear",))
    assert max(torn(np.random.default_rng(seed), grey(128)).opacity.max() for seed in range(9)) == pytest.approx(0.9)


def test_most_cracks_are_pale_as_paper_is():
    cracks = FilmDamage(pieces=(1, 1), opacity=(1, 1), kinds=("crack",), thickness=(3, 3))
    changes = []
    for seed in range(60):
        laid = cracks(np.random.default_rng(seed), grey(128))
        if laid.visible.any():
            changes.append(np.median(laid.image[laid.visible].astype(float) - 128) > 0)
    assert len(changes) > 30 and 0.7 < np.mean(changes) < 0.95  # half of all damage, and half of the other half


def test_images_smaller_than_their_damage():
    damage = FilmDamage(thickness=(24, 24), kinds=("scratch", "crease"))
    for seed in range(30):
        assert damage(np.random.default_rng(seed), grey(128, 5, 7)).image.shape == (5, 7, 3)


def test_pieces_from_opacity_maps():
    disc = cv2.circle(np.zeros((64, 64), np.uint8), (32, 32), 20, 255, -1)
    damage = FilmDamage(pieces=(1, 1), thickness=(10, 10), opacity=(1, 1), maps_share=1.0, kinds=("tear",))
    areas = [damage(np.random.default_rng(seed), grey(128), maps=[disc]).damaged.sum() for seed in range(20)]
    assert max(areas) == pytest.approx(np.pi * 5**2, rel=0.35)
    # A share of 0 takes none.
    drawn = FilmDamage(pieces=(3, 3), thickness=(1, 1), kinds=("dust",), maps_share=0.0)
    all_of_it = np.full((300, 300), 255, np.uint8)
    assert max(drawn(np.random.default_rng(seed), grey(9), maps=[all_of_it]).damaged.mean() for seed in range(9)) < 0.1


def test_maps_are_enlarged_by_half_at_most_and_never_lost_when_small():
    line = np.zeros((40, 40), np.uint8)
    line[:, 19:21] = 255
    large = [placed_map(np.random.default_rng(seed), line, 200, 200, 24.0) for seed in range(9)]
    assert 2.2 < max(thickest(each) for each in large) < 4.5
    wide = np.zeros((400, 400), np.uint8)
    wide[100:300, 100:300] = 255
    small = placed_map(np.random.default_rng(1), wide, 200, 200, 1.0)
    assert small.shape == (200, 200) and small.dtype == np.float32
    assert small.min() >= 0 and 0.5 < small.max() <= 1


@pytest.mark.parametrize("level", [1, 60, 127, 128, 255])
def test_pale_maps_are_as_thick_as_told(level):
    disc = cv2.circle(np.zeros((64, 64), np.uint8), (32, 32), 20, level, -1)
    placed = [placed_map(np.random.default_rng(seed), disc, 96, 96, 10.0) for seed in range(20)]
    areas = [np.count_nonzero(each > 0.5 * level / 255) for each in placed]
    assert max(areas) == pytest.approx(np.pi * 5**2, rel=0.35)


def test_the_middle_of_an_oblong_map_lies_anywhere_in_an_oblong_image():
    """And is where it would be by hand, however the map is turned and mirrored."""
    plate, whole = np.full((20, 120), 255, np.uint8), 0
    for seed in range(40):
        placed = placed_map(np.random.default_rng(seed), plate, 160, 320, 10.0)  # half as large
        rows, columns = np.nonzero(placed > 0.5)
        if len(rows) < 550 or {rows.min(), columns.min(), rows.max() - 159, columns.max() - 319} & {0}:
            continue  # it leaves the image
        rng = np.random.default_rng(seed)
        rng.uniform(), rng.choice([-1.0, 1.0])
        np.testing.assert_allclose([columns.mean(), rows.mean()], rng.uniform(0, (320, 160)), atol=2)
        whole += 1
    assert whole > 15


def test_half_of_the_damage_is_pale_and_a_third_dark():
    damage = FilmDamage(pieces=(1, 1), thickness=(64, 64), opacity=(1, 1), maps_share=1.0)
    plate = np.full((64, 64), 255, np.uint8)
    laid = [damage(np.random.default_rng(seed), grey(128, 8, 8), maps=[plate]) for seed in range(300)]
    means = np.array([each.image[each.opacity > 0.999].mean() for each in laid if (each.opacity > 0.999).any()]) / 255
    assert len(means) > 250
    assert (means > 0.66).mean() == pytest.approx(0.5, abs=0.12)
    assert (means < 0.3).mean() == pytest.approx(0.35, abs=0.1)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"pieces": (0, 3)}, r"pieces=\(0, 3\) must be two whole numbers"),
        ({"pieces": (4, 3)}, r"pieces=\(4, 3\)"),
        ({"pieces": (1.5, 2)}, r"pieces=\(1.5, 2\) must be two whole numbers"),
        ({"thickness": (0.4, 3)}, r"thickness=\(0.4, 3\) must be \(low, high\) px with 0.5 <= low"),
        ({"thickness": (3, 2)}, "thickness="),
        ({"thickness": (3, 24.5)}, "thickness=.* <= high <= 24, the thickest that is drawn without opacity maps"),
        ({"thickness": (3, float("inf"))}, "thickness="),
        (
            {"thickness": (20, 24), "kinds": ("bundle", "lint")},
            r"thickness=\(20, 24\) begins above 8 px, the thickest that is drawn of kinds bundle, lint: choose a",
        ),
        ({"thickness": (float("nan"), 3)}, "thickness="),
        ({"opacity": (0.01, 1)}, r"opacity=\(0.01, 1\) must be \(low, high\) with 0.04 <= low"),
        ({"opacity": (0.5, 1.1)}, "opacity="),
        ({"thickness": 3}, r"thickness=3 must be \(low, high\) px"),
        ({"opacity": 0.5}, r"opacity=0.5 must be \(low, high\)"),
        ({"kinds": ()}, r"kinds=\(\) must be at least one of scratch, bundle"),
        ({"kinds": ("scratch", "coffee")}, "kinds=.*coffee"),
        ({"maps_share": 1.5}, "maps_share=1.5 must be a share, from 0 to 1"),
        ({"maps_share": float("nan")}, "maps_share=nan"),
    ],
)
def test_settings_that_make_no_sense(values, match):
    damage = FilmDamage(**values)
    with pytest.raises(InputError, match=match):
        damage.check()
    FilmDamage().check()


@pytest.mark.parametrize(
    "image",
    [np.zeros((8, 8, 3)), np.zeros((8, 8, 3), np.uint16), np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8)],
)
def test_other_kinds_of_images_are_refused(image):
    with pytest.raises(InputError, match=r"an image of .* cannot be damaged: give uint8 \[H, W, 3\]"):
        FilmDamage()(np.random.default_rng(0), image)


def test_pieces_of_opacity_maps_may_be_thicker():
    FilmDamage(thickness=(24, 24)).check()
    FilmDamage(thickness=(8, 24), kinds=("bundle", "lint")).check()  # of which some is drawn as asked for
    FilmDamage(thickness=(20, 24), kinds=("hair",)).check(with_maps=True)
    FilmDamage(thickness=(25, 1000)).check(with_maps=True)
    for damage in (FilmDamage(thickness=(25, 1001)), FilmDamage(thickness=(25, 1000), maps_share=0)):
        with pytest.raises(InputError, match="thickness="):
            damage.check(with_maps=True)
