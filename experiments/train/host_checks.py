"""Refuses hosts that would not train the same network on the same images."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from experiments.train.sections import flag
from pconv_jax.common.versions import package_versions
from pconv_jax.data import ImageSource
from pconv_jax.data.source import stored
from pconv_jax.models.vgg import VGG16
from pconv_jax.training.host_group import Group

_OWN = ("out", "data_dir", "mask_dir", "damage_dir", "workers", "initial_weights", "vgg_weights", "resume")
"""Settings that a host may have of its own: places, whose contents are compared, and how it makes its batches."""

_SHOWN = 16  # digits of a hash
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


def check_data(hosts: Group, sources: Iterable[ImageSource], *, damage: str = "") -> None:
    """Refuses hosts with different images, or other files that these are damaged by.

    Args:
        hosts: all of them.
        sources: the images.
        damage: fingerprint of the folder of masks or opacity maps, if there is one.

    Raises:
        InputError: naming what differs.
    """
    parts = [[repr(source), source.fingerprint()[:_SHOWN], stored(source)] for source in sources]
    images = ", ".join(" ".join(filter(None, each)) for each in parts)
    hosts.check_same({"the data": images}, advice="give all the same images")
    files = "give all the same files of masks or opacity maps"
    hosts.check_same({"the fingerprint of the damage": damage[:_SHOWN]}, advice=files)


def check_vgg_weights(hosts: Group, vgg: VGG16 | None) -> None:
    """Refuses hosts with different weights of VGG16: each reads its own.

    Raises:
        InputError: naming what differs.
    """
    if hosts.count == 1 or vgg is None:
        return
    advice = "give all the same --vgg-weights"
    hosts.check_same({"the SHA-256 of the VGG16 weights": vgg.fingerprint()[:_SHOWN]}, advice=advice)
