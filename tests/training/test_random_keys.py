"""Keys of seeds: another one for each."""

import jax
import pytest

from pconv_jax.training.random_keys import key_of


def numbers(key):
    return jax.random.key_data(key).tolist()


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
def test_those_of_usual_seeds_are_jax_s_own(seed):
    assert numbers(key_of(seed)) == [0, seed]


def test_large_seeds_repeat_no_other():
    seeds = [0, 1, 2**32, 2**32 + 1, 2**33, 2**40, 2**63 - 1]
    assert len({tuple(numbers(key_of(seed))) for seed in seeds}) == len(seeds)
