"""Parts of an image: their order and what they cost."""

import numpy as np
import pytest

from pconv_jax.common.errors import InputError
from pconv_jax.inpainting.parts import area_of, each_kind_first, near, region_of
from pconv_jax.inpainting.specks import Speck
from pconv_jax.inpainting.windows import Window


def test_one_of_each_size_leads_and_the_rest_keep_their_order():
    small, large, second, third = (Window(0, 0, np.zeros((side, side), bool)) for side in (6, 8, 6, 8))
    specks = [Speck(0, 0, 1, 1)]
    parts = [small, second, large, third, specks]
    assert [id(part) for part in each_kind_first(parts)] == [id(part) for part in (small, large, specks, second, third)]
    assert each_kind_first([]) == []
    assert area_of(parts) == 2 * 96**2 + 2 * 128**2 + 16 * 32**2


def test_regions_count_as_slices_do():
    assert region_of(np.s_[2:5, -3:], (10, 20)) == np.s_[2:5:1, 17:20:1]
    assert region_of(np.s_[:, :99], (10, 20)) == np.s_[0:10:1, 0:20:1]


@pytest.mark.parametrize(
    ("region", "words"),
    [
        (np.s_[1:2], r"region=slice\(1, 2, None\) must be rows and columns, as \(slice\(0, 10\), slice\(5, 20\)\)$"),
        ((1, 2), "must be rows and columns"),
        (np.s_[1:2, 3:4, 5:6], "must be rows and columns"),
        (np.s_["a":"b", 3:4], "must be rows and columns"),
        (np.s_[0:9:2, 3:4], "must have step 1"),
    ],
)
def test_what_is_no_region(region, words):
    with pytest.raises(InputError, match=words):
        region_of(region, (10, 20))


def test_nothing_is_near_an_empty_region():
    blocks = np.zeros((6, 6), bool)
    blocks[0, 0] = True
    parts = Window(0, 0, blocks), [Speck(4, 4, 2, 2)][0]
    for part in parts:
        assert near(part, region_of(np.s_[3:6, 3:6], (96, 96)))
        for empty in (np.s_[5:5, :], np.s_[5:2, :], np.s_[:, 5:5]):
            assert not near(part, region_of(empty, (96, 96)))
