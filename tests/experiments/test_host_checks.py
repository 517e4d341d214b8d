"""What hosts must agree on before they train together, without starting any; `test_hosts` has real ones."""

import dataclasses
import json

import jax
import numpy as np
import pytest
from PIL import Image

from experiments.train.config import Config
from experiments.train.host_checks import check_data, check_hosts, check_vgg_weights
from pconv_jax.common.errors import InputError
from pconv_jax.data import Damage, FolderSource
from pconv_jax.models.vgg import VGG16
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


class Recorded(Group):
    """Host 0 of two, of which the other one says the same; keeps what it told."""

    def __init__(self):
        super().__init__(count=2)
        self.told = []

    def gather(self, value):
        self.told.append(value)
        return [value, value]


def other_host(check, mine, theirs):
    """Has two hosts check what each of them has."""
    there = Recorded()
    check(there, theirs)
    here = Recorded()
    here.gather = lambda value: [value, there.told.pop(0)]
    check(here, mine)


def images(folder, *, side=20):
    folder.mkdir()
    for number in range(3):
        Image.fromarray(np.full((side, 20), number, np.uint8)).save(folder / f"{number}.png")
    return folder


def test_images_of_the_same_names_that_differ_are_named(tmp_path):
    here, same, other = (images(tmp_path / name, side=side) for name, side in (("a", 20), ("b", 20), ("c", 900)))
    sources = {folder: [FolderSource(folder, "train")] for folder in (here, same, other)}
    other_host(check_data, sources[here], sources[same])
    with pytest.raises(InputError, match=r"the data is .* on host 0 and .* on host 1; give all the same images"):
        other_host(check_data, sources[here], sources[other])


def test_masks_that_differ_are_named(tmp_path):
    here, same, other = (images(tmp_path / name, side=side) for name, side in (("a", 20), ("b", 20), ("c", 900)))

    def check(hosts, folder):
        check_data(hosts, [], damage=Damage(masks="folder", mask_dir=folder).files().fingerprint())

    other_host(check, here, same)
    with pytest.raises(
        InputError, match=r"the fingerprint of the damage is \w{16} on host 0 and \w{16} on host 1; give"
    ):
        other_host(check, here, other)


def test_vgg_weights_that_differ_are_named():
    first, second = (
        VGG16({"block1_conv1": {"bias": np.full(3, value, np.float32)}}, preprocessing="caffe", source=source)
        for value, source in ((0, "a file"), (1, "random"))
    )
    other_host(check_vgg_weights, first, dataclasses.replace(first, source="a copy"))
    with pytest.raises(
        InputError, match=r"the SHA-256 of the VGG16 weights is .* on host 0 and .* on host 1; give all"
    ):
        other_host(check_vgg_weights, first, second)
    with pytest.raises(InputError, match="give all the same --vgg-weights"):
        other_host(check_vgg_weights, first, dataclasses.replace(first, preprocessing="torchvision"))


def test_a_batch_that_hosts_cannot_share_is_refused_by_its_size(monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    message = "a batch of 7 images cannot be split between 2 hosts: choose a multiple of 2"
    with pytest.raises(InputError, match=message):
        devices_for(7)
