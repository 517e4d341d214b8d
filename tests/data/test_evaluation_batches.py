"""Evaluation batches: one pass in order, rows that depend on seed and number alone."""

import itertools

import numpy as np
import pytest
from batches import Damaged, Ramp, Shades, equal, evaluation, first, rows, shades, training

from pconv_jax import data
from pconv_jax.common.errors import InputError


class TestEvaluation:
    def test_one_pass_in_order_with_a_smaller_last_batch(self):
        batches = list(evaluation(Shades(10)))
        assert [len(batch["image"]) for batch in batches] == [4, 4, 2]
        assert list(itertools.chain(*map(shades, batches))) == list(range(10))
        assert all(np.array_equal(batch["image"], batch["noisy"]) for batch in batches)

    @pytest.mark.parametrize("noise", [0.0, 0.2])
    def test_rows_depend_on_seed_and_number_alone(self, noise):
        source = data.open_source("samples", "test")
        expected = rows(list(evaluation(source, noise=noise)))
        for batch_size in (1, 7, 100):
            found = rows(list(evaluation(source, noise=noise, batch_size=batch_size)))
            assert equal([found], [expected])
        some = rows(list(evaluation(source, noise=noise, limit=10)))
        assert equal([some], [{key: value[:10] for key, value in expected.items()}])
        assert len(rows(list(evaluation(source, limit=999)))["image"]) == 40
        other = rows(list(evaluation(source, noise=noise, seed=8)))
        assert np.array_equal(other["image"], expected["image"])
        assert not np.array_equal(other["mask"], expected["mask"])
        assert len({mask.tobytes() for mask in expected["mask"]}) == 40

    def test_the_square_in_the_middle_is_used(self):
        batch = next(iter(evaluation(Ramp(1, (20, 31)), image_size=20)))
        assert (batch["image"][0, 0, :, 1] * 255).tolist() == pytest.approx(range(5, 25))
        assert (batch["image"][0, :, 0, 0] * 255).tolist() == pytest.approx(range(20))

    def test_masks_are_not_those_of_training(self):
        trained = {mask.tobytes() for mask in rows(first(training(Shades(1)), 50))["mask"]}
        assert not trained & {mask.tobytes() for mask in rows(list(evaluation(Shades(40))))["mask"]}

    def test_an_image_that_turns_out_to_be_damaged_is_left_out_and_changes_no_other(self):
        whole = rows(list(evaluation(Shades(10), batch_size=4)))
        with pytest.warns(UserWarning, match=r"^1\.jpg is damaged: copy it again; until then it is left out$"):
            found = list(evaluation(Damaged(10), batch_size=4))
        assert [len(batch["image"]) for batch in found] == [4, 4, 1]
        assert equal([rows(found)], [{name: np.delete(each, 1, axis=0) for name, each in whole.items()}])
        source = Damaged(30)
        source.none = True
        with pytest.raises(InputError, match=r"\d\.jpg is damaged"):
            list(evaluation(source))

    @pytest.mark.parametrize("limit", [0, 1.5])
    def test_a_limit_that_is_no_number_of_images_is_named(self, limit):
        with pytest.raises(InputError, match=f"limit={limit} images must be a whole number of at least 1"):
            evaluation(Shades(3), limit=limit)
