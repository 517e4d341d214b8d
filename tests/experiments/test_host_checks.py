"""What hosts must agree on before they train together, without starting any; `test_hosts` has real ones."""

import json

import jax
import pytest

from experiments.train.config import Config
from experiments.train.host_checks import check_data, check_hosts
from pconv_jax.common.errors import InputError
from pconv_jax.training.host_group import Group
from pconv_jax.training.sharding import devices_for


class Two(Group):
    """Host 0 of two, of which the other one has other values of some facts."""

    def __init__(self, **others):
        super().__init__(count=2)
        self._others = others

    def gather(self, value):
        facts = json.loads(value)
        return [value, json.dumps({name: self._others.get(name, fact) for name, fact in facts.items()})]


@pytest.mark.parametrize(
    ("others", "sentence"),
    [
        ({"pconv_jax's version": "0.1"}, r"pconv_jax's version is \S+ on host 0 and 0\.1 on host 1; install the same"),
        ({"jax's version": "0.1"}, r"jax's version is \S+ on host 0 and 0\.1 on host 1; install the same versions on"),
        ({"--seed": 5}, r"--seed is 0 on host 0 and 5 on host 1; start all with the same flags"),
        ({"--seed": 5, "--steps": 1}, r"--seed is 0 on host 0 and 5 on host 1; --steps is None on host 0 and 1 on"),
    ],
)
def test_versions_and_settings_that_differ_are_named(others, sentence):
    with pytest.raises(InputError, match=f"^the hosts differ: {sentence}"):
        check_hosts(Two(**others), Config())


@pytest.mark.parametrize("own", ["--out", "--data-dir", "--workers", "--resume"])
def test_a_host_may_have_paths_and_workers_of_its_own(own):
    check_hosts(Two(**{own: "elsewhere"}), Config())


def test_images_that_differ_are_named():
    with pytest.raises(InputError, match=r"the data is .* on host 0 and b on host 1; give all the same images"):
        check_data(Two(**{"the data": "b"}), ["a"])


def test_a_batch_that_hosts_cannot_share_is_refused_by_its_size(monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    message = "a batch of 7 images cannot be split between 2 hosts: choose a multiple of 2"
    with pytest.raises(InputError, match=message):
        devices_for(7)
