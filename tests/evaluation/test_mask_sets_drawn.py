"""Drawn mask sets: the published hashes, what a mask depends on, buckets, definitions."""

import hashlib
import json
import pickle

import numpy as np
import pytest

from pconv_jax import masks
from pconv_jax.common.errors import InputError
from pconv_jax.evaluation.mask_sets import PUBLISHED, LineMasks, RatioMasks, RegionMasks, drawn, mask_set_hash
from pconv_jax.masks.regions import random_blocks, random_region

DRAWN = [LineMasks, RatioMasks, RegionMasks]
# Two buckets of each kind whose masks are random: the centre is not.
RANDOM = {
    LineMasks: ("medium", "thick"),
    RatioMasks: ("0.01-0.1 border", "0.1-0.2 inner"),
    RegionMasks: ("random", "blocks"),
}


def test_the_published_hashes():
    # If this fails, a version draws other masks than those that scores were published for: do not edit the hashes, but
    # undo the change or make it another version.
    made = {"lines": LineMasks, "ratios": RatioMasks, "regions": RegionMasks}
    versions = (("lines", 1), ("lines", 2), ("ratios", 1), ("regions", 1))
    assert sorted(PUBLISHED) == [(*version, 0, side) for version in versions for side in (64, 128)]
    for (name, version, seed, side), published in PUBLISHED.items():
        assert mask_set_hash(made[name](seed=seed, version=version), size=(side, side)) == published


def test_a_mask_is_what_its_definition_says():
    # Written out once more, so that the seeding and the tables cannot drift.
    rng = np.random.default_rng([0, 1, 5, 2, 7, 40, 30])
    expected = masks.random_lines(rng, 40, 30, count=(1, 3), thickness=(9, 16))
    assert np.array_equal(LineMasks(seed=5).mask("thick", 7, 40, 30), expected)
    rng = np.random.default_rng([0, 2, 5, 4, 7, 40, 30])
    expected = masks.random_lines(rng, 40, 30, count=(1, 2), thickness=(17, 24))
    assert np.array_equal(LineMasks(seed=5, version=2).mask("17-24 px", 7, 40, 30), expected)
    rng = np.random.default_rng([1, 1, 5, 11, 7, 40, 30])
    expected = masks.random_strokes_by_ratio(rng, 40, 30, ratio=(0.5, 0.6), border=True)
    assert np.array_equal(RatioMasks(seed=5).mask("0.5-0.6 border", 7, 40, 30), expected)
    for number, bucket, draw in ((1, "random", random_region), (2, "blocks", random_blocks)):
        expected = draw(np.random.default_rng([3, 1, 5, number, 7, 40, 30]), 40, 30)
        assert np.array_equal(RegionMasks(seed=5).mask(bucket, 7, 40, 30), expected)


def test_the_hash_is_sha256_of_json_and_bits():
    class Two:
        name, buckets = "two", ("a", "b")

        def mask(self, bucket, index, height, width):
            mask = np.ones((height, width, 1), np.float32)
            mask[0, 0 if bucket == "a" else 2] = 0
            return mask

        def definition(self):
            return {"seed": 0, "kind": "two"}

    # Six pixels a mask, 1 = hole, filled up to a byte: 100000 00 and 001000 00.
    content = b'{"definition":{"kind":"two","seed":0},"size":[2,3]}' + b"\x80" * 16 + b"\x20" * 16
    assert mask_set_hash(Two(), size=(2, 3)) == hashlib.sha256(content).hexdigest()


def test_the_buckets_of_drawn_sets():
    assert LineMasks().buckets == ("thin", "medium", "thick")
    assert RatioMasks().buckets[:3] == ("0.01-0.1 inner", "0.01-0.1 border", "0.1-0.2 inner")
    assert RatioMasks().buckets[-1] == "0.5-0.6 border" and len(RatioMasks().buckets) == 12
    assert RegionMasks().buckets == ("centre", "random", "blocks")


def test_the_centre_is_the_same_for_every_seed_and_index():
    expected = np.ones((16, 24, 1), np.float32)
    expected[4:12, 6:18] = 0
    for masks_of, index in ((RegionMasks(), 0), (RegionMasks(seed=3), 5)):
        assert np.array_equal(masks_of.mask("centre", index, 16, 24), expected)


def test_every_bucket_of_ratios_holds_what_its_name_says():
    for bucket in RatioMasks().buckets:
        bounds, where = bucket.split()
        low, high = map(float, bounds.split("-"))
        for index in range(3):
            mask = RatioMasks(seed=2).mask(bucket, index, 48, 64)
            hole = mask[..., 0] == 0
            assert low < masks.hole_ratio(mask) <= high
            assert (hole.sum() > hole[1:-1, 1:-1].sum()) == (where == "border")


def test_line_buckets_grow_in_thickness():
    # The thickest disc that fits: a hole pixel whose whole neighbourhood of 3 x 3 or 9 x 9 is hole.
    def has_block(bucket, side):
        found = [LineMasks().mask(bucket, index, 64, 64)[..., 0] == 0 for index in range(5)]
        return [bool(np.lib.stride_tricks.sliding_window_view(hole, (side, side)).all((2, 3)).any()) for hole in found]

    assert not any(has_block("thin", 8)) and all(has_block("medium", 2)) and all(has_block("thick", 5))


@pytest.mark.parametrize("kind", DRAWN)
def test_a_mask_depends_on_seed_bucket_index_and_size_and_nothing_else(kind):
    first, second = RANDOM[kind]
    wanted = [(first, 3, 32, 32), (second, 3, 32, 32), (first, 4, 32, 32), (first, 3, 32, 48), (first, 3, 48, 32)]
    forwards = [kind().mask(*place) for place in wanted]
    one = kind()
    backwards = [one.mask(*place) for place in reversed(wanted)][::-1]  # what was drawn before does not matter
    for mask, again in zip(forwards, backwards, strict=True):
        assert mask.shape[2] == 1 and mask.dtype == np.float32 and np.array_equal(mask, again)
    assert len({mask.tobytes() for mask in forwards}) == len(wanted)
    assert not np.array_equal(kind(seed=1).mask(*wanted[0]), forwards[0])


@pytest.mark.parametrize("kind", DRAWN)
def test_an_index_far_out_and_a_large_seed_work(kind):
    bucket = RANDOM[kind][0]
    mask = kind(seed=2**63).mask(bucket, 10**15, 32, 32)
    assert set(np.unique(mask)) == {0.0, 1.0}
    assert not np.array_equal(mask, kind(seed=2**63).mask(bucket, 10**15 + 1, 32, 32))


@pytest.mark.parametrize("kind", DRAWN)
def test_seed_size_and_version_change_the_hash(kind, monkeypatch):
    monkeypatch.setattr("pconv_jax.evaluation.mask_sets._HASHED", 2)  # quicker
    hashes = [mask_set_hash(kind(seed=seed), size=size) for seed, size in ((0, (16, 24)), (1, (16, 24)), (0, (24, 16)))]
    # A version 3 that would draw from the same table.
    table = {LineMasks: "_LINES", RatioMasks: "_RATIOS", RegionMasks: "_REGIONS"}[kind]
    monkeypatch.setitem(getattr(drawn, table), 3, getattr(drawn, table)[1])
    hashes.append(mask_set_hash(kind(version=3), size=(16, 24)))
    bucket = RANDOM[kind][0]
    assert not np.array_equal(kind().mask(bucket, 0, 32, 32), kind(version=3).mask(bucket, 0, 32, 32))
    assert len(set(hashes)) == 4 and all(len(digest) == 64 for digest in hashes)


@pytest.mark.parametrize("kind", DRAWN)
def test_a_definition_is_json_and_a_set_travels_to_other_processes(kind):
    masks_of_5 = kind(seed=np.int64(5))
    definition = masks_of_5.definition()
    assert json.loads(json.dumps(definition)) == definition
    assert (definition["kind"], definition["version"], definition["seed"]) == (masks_of_5.name, 1, 5)
    packed = pickle.dumps(masks_of_5)
    assert pickle.loads(packed) == masks_of_5 and len(packed) < 500  # noqa: S301  (its own)


def test_what_is_not_there_is_named():
    with pytest.raises(InputError, match=r"unknown bucket 'huge' of the masks lines: choose from thin, medium, thick$"):
        LineMasks().mask("huge", 0, 32, 32)
    with pytest.raises(InputError, match=r"unknown version 2 of the masks ratios: choose from 1$"):
        RatioMasks(version=2)
    with pytest.raises(InputError, match="index -1"):
        RatioMasks().mask("0.1-0.2 inner", -1, 32, 32)
    with pytest.raises(InputError, match="seed -1"):
        LineMasks(seed=-1)
