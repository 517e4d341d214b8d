"""Parts of an image: their order and what they cost."""

import numpy as np

from pconv_jax.inpainting.parts import area_of, each_kind_first
from pconv_jax.inpainting.specks import Speck
from pconv_jax.inpainting.windows import Window


def test_one_of_each_size_leads_and_the_rest_keep_their_order():
    small, large, second, third = (Window(0, 0, np.zeros((side, side), bool)) for side in (6, 8, 6, 8))
    specks = [Speck(0, 0, 1, 1)]
    parts = [small, second, large, third, specks]
    assert [id(part) for part in each_kind_first(parts)] == [id(part) for part in (small, large, specks, second, third)]
    assert each_kind_first([]) == []
    assert area_of(parts) == 2 * 96**2 + 2 * 128**2 + 16 * 48**2
