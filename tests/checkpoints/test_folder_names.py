"""Names of folders of checkpoints: which are refused, and which are fine."""

import numpy as np
import pytest

from pconv_jax.checkpoints.orbax import Checkpoints
from pconv_jax.common.errors import InputError


def state(value: float):
    return {"params": {"kernel": np.full((3, 2), value, np.float32)}}


@pytest.mark.parametrize("name", ["run[1]", "a[!b]c/run"])
def test_a_folder_whose_name_orbax_takes_for_a_pattern_is_refused_for_saving_but_read(tmp_path, name):
    place = tmp_path / name
    with pytest.raises(InputError, match=r"no checkpoints can be saved below .* has \[...\] in it: rename that folder"):
        Checkpoints(place, metadata={})
    assert not list(tmp_path.iterdir())
    with Checkpoints(tmp_path / "plain", metadata={}) as checkpoints:
        checkpoints.save(1, {"state": state(1.5)})
    place.parent.mkdir(exist_ok=True)
    (tmp_path / "plain").rename(place)
    with Checkpoints(place) as checkpoints:
        assert checkpoints.load({"state": state(0)})["state"]["params"]["kernel"][0, 0] == 1.5


@pytest.mark.parametrize(("metadata", "what"), [({}, "saved"), (None, "read")])
def test_a_backslash_in_the_name_of_a_folder_is_refused(tmp_path, metadata, what):
    with pytest.raises(InputError, match=f"no checkpoints can be {what} below .* has a backslash in it"):
        Checkpoints(tmp_path / "run\\1", metadata=metadata)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["run[", "a[]b", "what?", "100%", "a*b #{1}"])
def test_other_signs_in_the_name_of_a_folder_are_fine(tmp_path, name):
    with Checkpoints(tmp_path / name, metadata={}) as checkpoints:
        checkpoints.save(1, {"state": state(1.5)})
    with Checkpoints(tmp_path / name) as checkpoints:
        assert checkpoints.load({"state": state(0)})["state"]["params"]["kernel"][0, 0] == 1.5
