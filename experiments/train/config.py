"""Settings of a training run, nested by subject.

Flags and `config.json` name a setting by its field alone, whatever section it is in: no two sections share a name.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import jax
import jax.numpy as jnp

from experiments.train.sections import DataConfig, NetworkConfig, RunConfig, check_ranges, flag
from pconv_jax.common.errors import InputError
from pconv_jax.data import Damage, check_splits
from pconv_jax.data.on_device.examples import check_damage
from pconv_jax.evaluation.metrics import SSIM_WINDOW
from pconv_jax.losses import LOSSES, LiuLosses, PaperLosses, PathakLosses, check_vgg
from pconv_jax.models.discriminator import NoDiscriminatorConfig
from pconv_jax.models.vgg import check_size, deepest
from pconv_jax.training.hosts import HostOptions
from pconv_jax.training.optimizer import OptimizerConfig
from pconv_jax.training.state import TrainConfig

_PATHS = ("data_dir", "out", "initial_weights", "mask_dir")
_OFF = {"grey": 0.0}  # settings of earlier versions alone, and the value that turned them off
_MOST_LINES = 10_000
# What may change when a run is resumed: it changes no step but for rounding (`mapping`, which is another program). What
# the folders hold is compared by `data_record`.
_FREE = (
    *("resume", "out", "data_dir", "mask_dir", "workers", "mapping"),
    *("keep", "checkpoint_every", "sample_every", "test_images", "compare"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of one training run.

    Attributes:
        data: the images.
        damage: what damages them.
        network: the networks, and the weights that they start from.
        losses: what the generator is trained for.
        optimizer: Adam for both networks.
        run: how long to train, and what to leave behind.
        hosts: training on several hosts; not saved in `config.json`, as a run may resume on any number of them.
    """

    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    damage: Damage = dataclasses.field(default_factory=Damage)
    network: NetworkConfig = dataclasses.field(default_factory=NetworkConfig)
    losses: PaperLosses | LiuLosses | PathakLosses = dataclasses.field(default_factory=PaperLosses)
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)
    run: RunConfig = dataclasses.field(default_factory=RunConfig)
    hosts: HostOptions = dataclasses.field(default_factory=HostOptions)

    def check(self) -> None:
        """Refuses values that make no sense, or that cannot be had here, before anything is prepared or written.

        Raises:
            InputError: naming the flag, its value and what it may be.
        """
        self.check_values()
        self.run.check()
        size, side = self.data.image_size, self._predicted_side(self.train_config(1))
        if side < size and self.damage.masks != "centre":
            raise InputError(
                f"--generator {self.network.generator} predicts the middle {side}x{side} of {size}x{size} px, and "
                f"--masks {self.damage.masks} makes holes elsewhere: give --masks centre, or --region random"
            )
        by_lpips = isinstance(self.losses, PaperLosses) and self.losses.perceptual_distance == "lpips"
        if by_lpips and self.losses.layers is not None and self.network.vgg_weights in ("download", "random"):
            raise InputError(
                f"--perceptual-distance lpips compares torchvision's VGG16, but --vgg-weights is "
                f"{self.network.vgg_weights}: give a file of torchvision's"
            )
        if self.losses.layers is not None and self.network.vgg_weights == "download":
            check_vgg(self.losses, "caffe", "--vgg-weights download")

    def check_values(self) -> None:
        """Refuses values that make no sense, also of a run that was trained elsewhere; errors as for `check`."""
        counts = ("image_size", "batch_size", "epochs", "steps", "limit", "validation_images", "test_images")
        settings = settings_by_name(self)
        check_ranges(settings, (*counts, "checkpoint_every", "sample_every", "keep"))
        if self.data.image_size < SSIM_WINDOW:
            raise InputError(f"--image-size is {self.data.image_size}, but scores need at least {SSIM_WINDOW} px")
        for name in ("line_count", "line_thickness"):
            if max(settings[name]) > _MOST_LINES:
                raise InputError(f"{flag(name)} has {max(settings[name])}, but it must be at most {_MOST_LINES}")
        check_splits(self.data.dataset, self.data.splits)
        self.network.check(self.data.image_size)
        train = self.train_config(self.run.steps or self.optimizer.warmup + 1)  # refuses networks that cannot be built
        self.data.augmentation.check()
        self.damage.check()
        self._check_device()
        self.losses.check()
        if self.losses.discriminator_loss is not None and not train.discriminator.widths:
            raise InputError(
                f"--generator {self.network.generator} is trained without a discriminator: give --adversarial-weight 0"
            )
        if self.losses.layers is not None:
            side = self._predicted_side(train)
            check_size(deepest(self.losses.layers), side, side)
        self.optimizer.check(self.run.steps or self.optimizer.warmup + 1)

    def _predicted_side(self, train: TrainConfig) -> int:
        """Side of what the generator predicts of a training image, px: what its losses see."""
        size = self.data.image_size
        return jax.eval_shape(train.generator.predicted, jax.ShapeDtypeStruct((1, size, size, 1), jnp.float32)).shape[1]

    def _check_device(self) -> None:
        """Refuses what the device cannot do, if it makes the examples."""
        if not self.data.augment_on_device:
            return
        if self.data.workers:
            raise InputError(
                f"--workers {self.data.workers} prepare nothing where --augment-on-device does it: leave out one"
            )
        check_damage(self.damage, self.data.image_size)

    def train_config(self, steps: int) -> TrainConfig:
        """What the training step is compiled for, in a run of this many steps."""
        size, judged = self.data.image_size, self.losses.discriminator_loss is not None
        return TrainConfig(
            generator=self.network.generator_config,
            discriminator=self.network.discriminator_config(size) if judged else NoDiscriminatorConfig(size),
            losses=self.losses,
            optimizer=self.optimizer,
            steps=steps,
            bfloat16=self.network.bfloat16,
        )

    def total_steps(self, training_images: int) -> int:
        """Number of training steps: `steps`, or `epochs` passes over this many images."""
        return self.run.steps or max(1, round(self.run.epochs * training_images / self.data.batch_size))

    def replace(self, **settings: Any) -> Self:
        """These settings with others in place of some, each named as its flag is (`batch_size=8`).

        Other `losses` come with their own weights.

        Raises:
            InputError: an unknown setting, or unknown losses.
        """
        losses = settings.get("losses", self.losses.losses)
        if losses not in LOSSES:
            raise InputError(f"unknown losses {losses!r}: choose from {', '.join(LOSSES)}")
        chosen = self if losses == self.losses.losses else dataclasses.replace(self, losses=LOSSES[losses]())
        if unknown := sorted(settings.keys() - settings_by_name(chosen).keys()):
            raise InputError(
                f"{', '.join(unknown)} is not a setting of this version: use the version that made the run"
            )
        return _replaced(chosen, settings)

    def to_json(self) -> dict[str, Any]:
        """The settings as plain JSON values, each by its own name."""
        return json.loads(json.dumps(settings_by_name(self), default=str))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Settings of a run from its `config.json`; what it lacks did not exist then and has its default.

        Args:
            values: as `to_json()` gave them.

        Returns:
            The settings.

        Raises:
            InputError: an unknown setting, or a value that makes no sense.
        """
        settings = _of_this_version(values)
        lists = {name: tuple(value) for name, value in settings.items() if isinstance(value, list)}
        try:
            paths = {name: Path(settings[name]) for name in _PATHS if settings.get(name) is not None}
            config = cls().replace(**settings | lists | paths)
            config.check_values()
            # What it was compared with at its end may not be installed here, but it has names.
            compare = (settings | lists).get("compare", ())
            if not isinstance(compare, tuple) or not all(isinstance(name, str) for name in compare):
                raise TypeError(f"compare={compare!r} must be a list of names")
        except InputError:
            raise
        except (TypeError, KeyError, ValueError) as error:
            raise InputError(
                f"the settings of the run are damaged ({error}): use the config.json that it wrote"
            ) from error
        return config

    def check_same_run(self, before: Mapping[str, Any], *, also_free: Sequence[str] = ()) -> Self:
        """Refuses to resume with settings that would make it another run.

        Args:
            before: `to_json()` of the settings that the run was started with; what it lacks did not exist then and
                counts as the default.
            also_free: names of further settings that may have changed, such as places whose contents are compared.

        Returns:
            These settings.

        Raises:
            InputError: naming every setting that differs, or an unknown setting.
        """
        if "task" in before:
            raise InputError(f"{self.run.out} holds another kind of run: choose another --out")
        free = {*_FREE, *also_free, *(("steps", "epochs") if self.optimizer.schedule == "constant" else ())}
        now, then = self.to_json(), type(self)().replace(**_of_this_version(before)).to_json()
        changed = [
            f"{flag(name)} was {then[name]} and is now {now[name]}"
            for name in now
            if name not in free and name in then and now[name] != then[name]  # other losses have other weights
        ]
        if changed:
            fixed = "steps" not in free and any(now[name] != then[name] for name in ("steps", "epochs"))
            way = (
                "; to train on after a cosine schedule, start a new one from its weights with --initial-weights "
                f"{self.run.out} and another --out"
            )
            raise InputError(
                f"--resume continues the run in {self.run.out} as it was started, but {'; '.join(changed)}: "
                f"use the settings of that run, or another --out{way if fixed else ''}"
            )
        return self


def settings_by_name(section: Any) -> dict[str, Any]:
    """The settings of a section and those inside it, by name; not the hosts, which are no part of what a run is."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if isinstance(value, HostOptions):
            continue
        found |= settings_by_name(value) if dataclasses.is_dataclass(value) else {field.name: value}
    return found


def _replaced(section: Any, settings: Mapping[str, Any]) -> Any:
    """A section with settings of these names in place of its own, and of those inside it."""
    changed: dict[str, Any] = {}
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        changed[field.name] = (
            _replaced(value, settings) if dataclasses.is_dataclass(value) else settings.get(field.name, value)
        )
    return dataclasses.replace(section, **changed)


def _of_this_version(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a run without those of old that did nothing in it, and with its generator spelt out."""
    kept = {name: value for name, value in values.items() if name not in _OFF or value != _OFF[name]}
    if kept.get("generator") == "paper" and "head" not in kept:  # the preset had other sizes then
        kept |= {"widths": kept.get("widths") or [64, 128, 256, 512], "head": "partial"}
    return kept
