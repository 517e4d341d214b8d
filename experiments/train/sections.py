"""The sections of a run's settings that are not the library's own: data, networks, and the run itself."""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from experiments.datasets import Dataset
from pconv_jax.checkpoints.bundled import bundled_weights
from pconv_jax.common.errors import InputError
from pconv_jax.data import Augmentation, Splits
from pconv_jax.evaluation.classical import CLASSICAL_METHODS
from pconv_jax.evaluation.extra_baselines import EXTRA, check_installed
from pconv_jax.models import NETWORKS, PAPER_PRESETS, AnyDiscriminatorConfig, AnyGeneratorConfig, DiscriminatorConfig
from pconv_jax.models.blocks import Convolution, NormTraining
from pconv_jax.models.context_encoder import Region
from pconv_jax.models.paper import Head
from pconv_jax.training.sharding import Strategy

ALWAYS_COMPARED = ("unrepaired", "mean", "ns")
"""Classical methods in the report of every run; `experiments.evaluate` has all."""

_MOST = 2**31 - 1  # steps are counted in int32
_MOST_WORKERS = 1024


def generator_configs() -> dict[str, AnyGeneratorConfig]:
    """By the names that --generator takes: the paper's presets, and every other network as it is by default."""
    others = {name: network() for name, network in NETWORKS.items() if name not in PAPER_PRESETS}
    return {**PAPER_PRESETS, **others}


if TYPE_CHECKING:
    GeneratorName: TypeAlias = str
else:  # the flag lists them
    GeneratorName = Literal[tuple(generator_configs())]


def flag(name: str) -> str:
    """The flag of a setting."""
    return f"--{name.replace('_', '-')}"


def check_ranges(settings: Mapping[str, Any], counts: Iterable[str]) -> None:
    """Refuses what no run can have, whatever it trains: counts, workers and seed out of range, a folder without a name.

    Args:
        settings: all settings of a run, by name.
        counts: names of those that count something, and are at least 1 where they are given.

    Raises:
        InputError: naming the flag, its value and what it may be.
    """
    for name in counts:
        if settings[name] is not None and settings[name] < 1:
            raise InputError(f"{flag(name)} is {settings[name]}, but it must be at least 1")
        if settings[name] is not None and settings[name] > _MOST:
            raise InputError(f"{flag(name)} is {settings[name]}, but it must be at most {_MOST}")
    if not 0 <= settings["workers"] <= _MOST_WORKERS:
        raise InputError(f"--workers is {settings['workers']}, but it must lie between 0 and {_MOST_WORKERS}")
    if not 0 <= settings["seed"] < 2**63:
        raise InputError(f"--seed is {settings['seed']}, but it must be at least 0 and below 2^63")
    if settings["dataset"] == "folder" and settings["data_dir"] is None:
        raise InputError("--dataset folder needs --data-dir, the folder that holds the images")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataConfig:
    """The images of a run.

    Attributes:
        dataset: where the images come from: those embedded in scikit-image (samples), any tree of images (folder), or
            a TensorFlow Datasets builder.
        splits: of a TFDS data set: official; or merged (dtd, oxford_flowers102): all images, 90 % of them for training.
        data_dir: folder of the images (dataset folder), or of the archives or prepared records (TFDS data sets).
        limit: number of training images to use, of all if not given.
        image_size: side of the square training images, px.
        batch_size: images a step, over all devices.
        workers: processes that prepare batches; 0 prepares them in threads of this process.
        augment_on_device: crop, mask and noise are part of the training step, and the training images stay on each
            device, decoded; for when the GPU waits for the CPU to prepare images. Crops, masks and noise follow the
            same distributions as on the host, but the random numbers differ.
        augmentation: how training images are varied.
    """

    dataset: Dataset = "samples"
    splits: Splits = "official"
    data_dir: Path | None = None
    limit: int | None = None
    image_size: int = 64
    batch_size: int = 16
    workers: int = 0
    augment_on_device: bool = False
    augmentation: Augmentation = dataclasses.field(default_factory=Augmentation)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GeneratorOptions:
    """What may change in a generator's preset: fields of its config, by their own names.

    Attributes:
        widths: channels of each stage of the generator, instead of the preset's.
        blocks: residual blocks at each resolution, of generator pyramid alone.
        convolution: the generator's convolutions: partial, or plain with the mask as a fourth channel, to compare.
        head: what gives the image, of the paper's generator alone: one more partial convolution, linear; or a plain one
            and a sigmoid.
        centre: subtract each image's mean colour from the input and add it to the output, of the paper's generator
            alone.
        encoder_norm: what training does to the encoder's batch norms, of generator liu alone: trained (first phase); in
            the second, fixed_statistics, or frozen: scale and shift too.
        region: what generator context_encoder predicts: the centre, half as wide as the image, or all of it (random).
        bottleneck: channels of the narrowest features, of generator context_encoder alone.
        alexnet_widths: channels of AlexNet's five convolutions, of generator pathak_features alone.
        network_size: side of the square images that generator pathak_features takes, px.
    """

    widths: tuple[int, ...] | None = None
    blocks: tuple[int, ...] | None = None
    convolution: Convolution = "partial"
    head: Head | None = None
    centre: bool = False
    encoder_norm: NormTraining | None = None
    region: Region | None = None
    bottleneck: int | None = None
    alexnet_widths: tuple[int, ...] | None = None
    network_size: int | None = None

    def given(self) -> dict[str, Any]:
        """The options that are not at their default."""
        found = {field.name: (getattr(self, field.name), field.default) for field in dataclasses.fields(self)}
        return {name: value for name, (value, default) in found.items() if value != default}


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """The networks of a run, and the weights that they start from.

    Attributes:
        generator: preset of the paper's generator (paper, 64, 128, tiny), pyramid: a correction of a cheap fill, liu:
            the network of Liu et al., context_encoder or pathak_features: those of Pathak et al.
        options: changes to that preset.
        initial_weights: weights that training starts from: a .safetensors file, the folder of a run, or the name of
            bundled weights; further --blocks than they have begin by adding nothing.
        discriminator_widths: channels of each stage of the discriminator; generator context_encoder has its own, and
            pathak_features none.
        discriminator_patches: the discriminator judges each patch of an image by itself, not the image as a whole; not
            those that belong to a generator.
        vgg_weights: a file of VGG16 weights (Keras .h5, or .npz/.safetensors), "download", or "random".
        bfloat16: compute features in bfloat16; parameters and masks stay float32.
    """

    generator: GeneratorName = "64"
    options: GeneratorOptions = dataclasses.field(default_factory=GeneratorOptions)
    initial_weights: Path | None = None
    discriminator_widths: tuple[int, ...] = (32, 64, 128, 256)
    discriminator_patches: bool = False
    vgg_weights: str = "download"
    bfloat16: bool = False

    @property
    def generator_config(self) -> AnyGeneratorConfig:
        """Config of the generator: the preset, changed by the options.

        Raises:
            InputError: an option that this generator does not have, or a value that makes no sense.
        """
        preset, given = generator_configs()[self.generator], self.options.given()
        for name, value in given.items():
            if name not in {field.name for field in dataclasses.fields(preset)}:
                shown = flag(name) if value is True else f"{flag(name)} {value}"
                raise InputError(f"{shown} does not go with --generator {self.generator}: leave it out")
        return dataclasses.replace(preset, **given)

    def discriminator_config(self, image_size: int) -> AnyDiscriminatorConfig:
        """Config of the discriminator of images with this side, px."""
        own = self.generator_config.discriminator()
        return own or DiscriminatorConfig(image_size, self.discriminator_widths, self.discriminator_patches)

    def check(self, image_size: int) -> None:
        """Refuses networks that cannot be trained as they are set, on images with this side, px.

        Raises:
            InputError: naming the flag, its value and the way out.
        """
        generator = self.generator_config
        if generator.image_size not in (None, image_size):
            raise InputError(
                f"--image-size is {image_size}, but --generator {self.generator} with widths {generator.widths} takes "
                f"images of {generator.image_size}x{generator.image_size} px only: give --image-size "
                f"{generator.image_size}, {generator.other_size}"
            )
        norm = self.options.encoder_norm
        if norm not in (None, "trained") and self.initial_weights is None:
            raise InputError(
                f"--encoder-norm {norm} is the second phase of Liu et al., which starts from a first one: "
                "name its folder or its weights with --initial-weights"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig:
    """How long a run trains, on what, and what it leaves behind.

    Attributes:
        epochs: passes over the training images, if neither --steps nor the preset says how many steps; given, it takes
            the place of a preset's steps.
        steps: training steps.
        seed: seed of parameters, data order, crops, masks and noise.
        mapping: how the step is mapped over devices.
        out: folder for everything the run writes.
        resume: continue from the latest checkpoint in the output folder, if there is one.
        checkpoint_every: steps between checkpoints, each with a validation score.
        keep: number of latest checkpoints to keep, besides the best.
        sample_every: steps between grids of sample results.
        validation_images: images of the validation split that are scored at each checkpoint.
        test_images: images of the test split that are scored at the end, all if not given.
        compare: bundled weights and classical methods, such as biharmonic or fsr_fast, that are scored beside the run
            at its end.
    """

    epochs: int = 40
    steps: int | None = None
    seed: int = 0
    mapping: Strategy = "shard_map"
    out: Path = Path("runs/run")
    resume: bool = False
    checkpoint_every: int = 500
    keep: int = 3
    sample_every: int = 500
    validation_images: int = 64
    test_images: int | None = None
    compare: tuple[str, ...] = ()

    def check(self) -> None:
        """Refuses methods to compare that are unknown, named twice or not installed.

        Raises:
            InputError: naming them, and what they may be.
        """
        weights, classical = bundled_weights(), [name for name in CLASSICAL_METHODS if name not in ALWAYS_COMPARED]
        if unknown := [name for name in self.compare if name not in (*weights, *classical)]:
            raise InputError(
                f"--compare has {', '.join(unknown)}, but it takes bundled weights: {', '.join(weights)}; and "
                f"classical methods: {', '.join(classical)}"
            )
        if len(set(self.compare)) < len(self.compare):
            raise InputError(f"--compare has {', '.join(self.compare)}, but takes each name once: leave out the others")
        for name in self.compare:
            if name in EXTRA:
                check_installed(name)  # now, not at the end of the run
