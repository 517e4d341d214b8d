"""Training data of the detector: what is in the batches, that it fits together, seeds, threads, positions."""

import itertools
import json

import cv2
import numpy as np
import pytest
from batches import Ramp, Shades, equal, first, rows

from pconv_jax import data
from pconv_jax.common.errors import InputError
from pconv_jax.data import pipeline
from pconv_jax.data.damaged_photographs import DamagedPhotographs, _resampled, damaged_batches
from pconv_jax.masks.film_damage import CLEAN, DAMAGED, UNSEEN, FilmDamage, Laid

PLAIN = {"undamaged": 0.0, "resampled": 0.0, "compressed": 0.0, "monochrome": 0.0, "edged": 0.0, "grain": 0.0}


def batches(source=None, *, image_size=24, batch_size=4, seed=7, photographs=None, **more):
    return damaged_batches(
        Shades(6) if source is None else source,
        image_size=image_size,
        batch_size=batch_size,
        seed=seed,
        photographs=photographs or DamagedPhotographs(),
        **more,
    )


def examples(settings, image, count, *, size=24):
    return [settings(np.random.default_rng(seed), image, size=size) for seed in range(count)]


def test_shapes_types_and_values():
    taken = first(batches(data.open_source("samples", "train")), 3)
    for batch in taken:
        assert batch.keys() == {"image", "opacity", "truth"}
        for name, channels in (("image", 3), ("opacity", 1), ("truth", 1)):
            assert batch[name].shape == (4, 24, 24, channels) and batch[name].dtype == np.uint8
    whole = rows(taken)
    assert set(np.unique(whole["truth"])) <= {CLEAN, DAMAGED, UNSEEN} and {CLEAN, DAMAGED} <= set(whole["truth"].flat)
    assert (whole["opacity"][whole["truth"] == DAMAGED] > 0).all()


@pytest.mark.parametrize("resampled", [0.0, 1.0])
def test_picture_opacity_and_truth_lie_on_each_other(resampled):
    # All of a uniform photograph that is not covered keeps one colour, whatever was done to it before.
    # Of two tones that lie side by side, such as a line and its rim, smaller pixels could be as grey as before.
    one = FilmDamage(pieces=(1, 1), kinds=("bundle", "hair", "lint", "dust", "dirt", "tear"))
    settings = DamagedPhotographs(film_damage=one if resampled else FilmDamage(), **PLAIN | {"resampled": resampled})
    seen = 0
    for laid in examples(settings, np.full((60, 80, 3), 128, np.uint8), 24, size=48):
        clear = laid.image[laid.opacity == 0]
        assert len(clear) and (clear == clear[0]).all()
        change = np.abs(laid.image.astype(int) - clear[0]).max(axis=2)
        assert (change[laid.visible] > 0).all()
        # Of a pixel that is not part of the damage, only edges change.
        assert not (change[laid.opacity < 0.01] > 4).any()
        seen += laid.visible.sum()
        assert laid.image.shape == (48, 48, 3) and laid.visible.shape == laid.opacity.shape == (48, 48)
    assert seen > 100


def test_photographs_are_mirrored_and_turned_before_they_are_damaged():
    settings = DamagedPhotographs(**PLAIN | {"undamaged": 1.0})
    ways = set()
    for laid in examples(settings, Ramp(1, (200, 200))[0], 40):
        image = laid.image.astype(int)
        # The median: on some processors OpenCV's IPP rounds a pixel of an enlarged picture to the next level.
        across, down = np.median(image[:, -1] - image[:, 0], axis=0), image[-1, 0] - image[0, 0]
        turned = across[0] != 0  # red is the row of the photograph
        assert (across[1] == 0) == turned
        ways.add((bool(turned), bool((down if turned else across)[1] > 0)))
    assert ways == {(False, True), (False, False), (True, True), (True, False)}


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_share_without_damage(share):
    settings = DamagedPhotographs(
        film_damage=FilmDamage(pieces=(2, 2), kinds=("crease",), opacity=(0.9, 1)), undamaged=share
    )
    damaged = [laid.opacity.any() for laid in examples(settings, np.full((40, 60, 3), 128, np.uint8), 60)]
    assert np.mean(damaged) == pytest.approx(1 - share, abs=0.2)
    if share == 1:
        assert not any(damaged)


def test_grey_photographs():
    settings = DamagedPhotographs(**PLAIN | {"monochrome": 1.0, "faded": 0.0, "undamaged": 1.0})
    for laid in examples(settings, Ramp(1, (60, 60))[0], 5):
        assert (laid.image == laid.image[..., :1]).all()


def test_grey_photographs_fade_with_their_damage():
    """Each level of a channel becomes another one, whether it is the photograph's or the damage's."""
    photograph, damaged = Ramp(1, (60, 60))[0], 0
    fresh, faded = (
        examples(DamagedPhotographs(**PLAIN | {"monochrome": 1.0, "faded": share}), photograph, 20)
        for share in (0.0, 1.0)
    )
    for before, after in zip(fresh, faded, strict=True):
        for channel in range(3):
            pairs = np.stack([before.image[..., channel], after.image[..., channel]], axis=-1).reshape(-1, 2)
            tones = dict(pairs.tolist())
            assert all(tones[level] == tone for level, tone in pairs.tolist())
            assert sorted(tones.items()) == list(
                zip(sorted(tones), sorted(tones.values()), strict=True)
            )  # none swapped
        assert (after.image != after.image[..., :1]).any()
        np.testing.assert_array_equal(before.truth, after.truth)
        damaged += after.visible.any()
    assert damaged > 10
    # What is coloured stays so: only grey photographs fade.
    kept = DamagedPhotographs(**PLAIN | {"faded": 1.0, "undamaged": 1.0})
    bright = np.full((60, 60, 3), (250, 10, 10), np.uint8)
    assert all(np.ptp(laid.image.mean(axis=(0, 1))) > 100 for laid in examples(kept, bright, 10))


def test_edges_of_prints_are_no_damage():
    settings = DamagedPhotographs(**PLAIN | {"edged": 1.0, "undamaged": 1.0})
    changed = []
    for laid in examples(settings, np.full((60, 80, 3), 128, np.uint8), 40, size=48):
        assert not laid.opacity.any() and not laid.truth.any()
        inside = np.median(laid.image)  # no grain here: the photograph is of one colour
        changed.append(np.mean(np.abs(laid.image.astype(int) - inside) > 8))
    assert np.median(changed) > 0.05 and max(changed) < 0.95
    assert np.mean(np.array(changed) > 0) > 0.7


def test_colours_come_through_jpeg_as_they_are():
    image = np.full((40, 40, 3), (200, 90, 30), np.uint8)
    before, after = (
        examples(DamagedPhotographs(**PLAIN | {"undamaged": 1.0, "compressed": share}), image, 5)
        for share in (0.0, 1.0)
    )
    for one, other in zip(before, after, strict=True):
        assert np.abs(one.image.astype(int) - other.image).max() <= 4


def test_grain_only_where_there_may_be_some():
    photograph = np.full((40, 60, 3), 128, np.uint8)
    for grain, expected in ((0.0, 0), (20.0, 1)):
        settings = DamagedPhotographs(**PLAIN | {"grain": grain, "undamaged": 1.0})
        rough = [laid.image[..., 0].std() for laid in examples(settings, photograph, 40)]
        assert max(rough) <= 21
        assert np.mean(np.array(rough) > 0.5) == pytest.approx(0.5 * expected, abs=0.2 * expected)


def test_a_rim_that_is_made_smaller_is_neither_right_nor_wrong():
    truth = np.array([[1, 1, 0, 2], [1, 1, 0, 0], [1, 0, 0, 0], [2, 0, 0, 0]])  # by two by two pixels
    laid = Laid(np.zeros((4, 4, 3), np.uint8), (truth > 0).astype(np.float32), truth == DAMAGED, truth == DAMAGED)
    np.testing.assert_array_equal(_resampled(laid, 2).truth, [[DAMAGED, UNSEEN], [UNSEEN, CLEAN]])


def test_white_damage_on_white_is_neither_right_nor_wrong():
    settings = DamagedPhotographs(film_damage=FilmDamage(pieces=(8, 8), thickness=(3, 8), opacity=(1, 1)), **PLAIN)
    source = Shades(1)
    source.__class__ = type("White", (Shades,), {"__getitem__": lambda self, i: np.full((40, 40, 3), 255, np.uint8)})
    whole = rows(first(batches(source, photographs=settings), 3))
    unseen = whole["truth"] == UNSEEN
    assert unseen.any() and (whole["opacity"][unseen] > 0).all()


def test_pieces_of_another_split_are_others_and_those_that_are_there_when_batches_begin(tmp_path):
    def cores(split, levels):
        taken = first(batches(Shades(1, (40, 40)), batch_size=20, photographs=settings, split=split), 2)
        return {int(each.max()) for each in rows(taken)["opacity"]} & levels

    levels = {100 + 5 * number for number in range(30)}
    for level in levels:  # uniform, and each of its own opacity
        cv2.imwrite(str(tmp_path / f"{level}.png"), np.full((120, 120), level, np.uint8))
    film_damage = FilmDamage(pieces=(1, 1), thickness=(120, 120), opacity=(1, 1), maps_share=1.0)
    settings = DamagedPhotographs(film_damage=film_damage, damage_dir=tmp_path, **PLAIN)
    found = {split: cores(split, levels) for split in ("train", "validation", "test")}
    assert len(found["train"]) > 8 and found["validation"] and found["test"]
    assert not found["train"] & found["validation"] and not found["train"] & found["test"]
    assert not found["validation"] & found["test"]
    for level in levels:
        cv2.imwrite(str(tmp_path / f"{level}.png"), np.full((120, 120), 99, np.uint8))
    assert cores("train", levels | {99}) == {99}


def test_the_same_seed_gives_the_same_batches_and_another_one_others():
    one, two, other = (first(batches(seed=seed), 2) for seed in (7, 7, 8))
    assert equal(one, two) and not equal(one, other)


def test_threads_and_hosts_do_not_matter(monkeypatch):
    expected = first(batches(), 4)
    monkeypatch.setattr(pipeline, "_THREADS", 5)
    monkeypatch.setattr(pipeline, "_AHEAD", 3)
    assert equal(first(batches(), 4), expected)
    parts = [first(batches(shard=(host, 2)), 4) for host in range(2)]
    assert equal([rows(step) for step in zip(*parts, strict=True)], expected)


def test_a_state_resumes_exactly():
    iterator = iter(batches())
    taken = list(itertools.islice(iterator, 3))
    state = json.loads(json.dumps(iterator.get_state()))
    taken += itertools.islice(iterator, 3)
    iterator.close()
    assert state == {"next_index": 3}
    other = iter(batches())
    other.set_state(state)
    assert equal(list(itertools.islice(other, 3)), taken[3:])
    other.close()


def test_an_unreadable_folder_of_damage_is_reported_as_itself(tmp_path):
    settings = DamagedPhotographs(damage_dir=tmp_path / "nowhere", undamaged=0.0)
    with pytest.raises(InputError, match="nowhere is not a folder"):
        first(batches(photographs=settings), 1)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"undamaged": 1.1}, "undamaged=1.1 must be a share, from 0 to 1"),
        ({"resampled": -0.1}, "resampled=-0.1"),
        ({"compressed": float("nan")}, "compressed=nan"),
        ({"monochrome": 2}, "monochrome=2"),
        ({"faded": -1}, "faded=-1"),
        ({"edged": 1.5}, "edged=1.5"),
        ({"grain": -1.0}, "grain=-1.0 must be a standard deviation, from 0 to 128"),
        ({"film_damage": FilmDamage(pieces=(2, 1))}, "pieces="),
    ],
)
def test_settings_that_make_no_sense(values, match):
    with pytest.raises(InputError, match=match):
        batches(photographs=DamagedPhotographs(**values))


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"image_size": 0}, "image_size=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"seed": -1}, "seed=-1"),
        ({"workers": -1}, "workers=-1"),
        ({"shard": (2, 2)}, "shard="),
        ({"batch_size": 3, "shard": (0, 2)}, "batch_size=3 must be a multiple of 2"),
    ],
)
def test_arguments_out_of_range(values, match):
    with pytest.raises(InputError, match=match):
        batches(**values)
