"""Refuses hosts that would not train the same network on the same images."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from experiments.train.sections import flag
from pconv_jax.common.versions import package_versions
from pconv_jax.data import ImageSource
from pconv_jax.training.host_group import Group

_OWN = ("out", "data_dir", "mask_dir", "damage_dir", "workers", "initial_weights", "vgg_weights", "resume")
"""Settings that a host may have of its own: places, of which others are checked, and how it makes its batches."""

_VERSIONS = ("pconv_jax", "jax", "jaxlib", "flax", "optax", "numpy")


class AnyConfig(Protocol):
    """The settings of a run."""

    def to_json(self) -> Mapping[str, Any]:
        """The settings as JSON values, by name."""


def check_hosts(hosts: Group, config: AnyConfig) -> None:
    """Refuses hosts with different versions or settings.

    Raises:
        InputError: naming what differs.
    """
    versions = {f"{name}'s version": version for name, version in package_versions(*_VERSIONS).items()}
    hosts.check_same(versions, advice="install the same versions on all")
    settings = {flag(name): value for name, value in config.to_json().items() if name not in _OWN}
    hosts.check_same(settings, advice="start all with the same flags")


def check_data(hosts: Group, sources: Iterable[ImageSource]) -> None:
    """Refuses hosts with different images; a source's `repr` says which they are.

    Raises:
        InputError: naming what differs.
    """
    hosts.check_same({"the data": ", ".join(map(repr, sources))}, advice="give all the same images")
