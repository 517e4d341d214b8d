"""Settings of a training run: one typed, frozen dataclass, and a preset for each data set."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pconv_jax.common.errors import InputError
from pconv_jax.data import Lines
from pconv_jax.data.pipeline import LineShape
from pconv_jax.losses import LossWeights, PixelLoss
from pconv_jax.models import PAPER_PRESETS, AnyGeneratorConfig, DiscriminatorConfig, FillCorrectingConfig
from pconv_jax.models.vgg import deepest
from pconv_jax.training.step import OptimizerConfig

_OFF = {"grey": 0.0}  # settings of earlier versions alone, and the value that turned them off


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of one training run.

    Attributes:
        dataset: where the images come from: those embedded in scikit-image (samples), any tree of images (folder), or
            a TensorFlow Datasets builder.
        data_dir: folder of the images (dataset folder), or of the archives or prepared records (TFDS data sets).
        limit: number of training images to use, of all if not given.
        image_size: side of the square training images, px.
        crop_scale: smallest and largest side of a training crop, as a fraction of an image's shorter side.
        flip: mirror every other training image left to right.
        recolor: exchange, scale and shift the colour channels of every training image at random; for few photographs.
        monochrome: share of the training images made monochrome, half of them grey and half in a tone as sepia.
        line_count: fewest and most lines drawn into a mask.
        line_thickness: thinnest and thickest line, px.
        line_shape: straight lines, or strokes: straight, bent and curved ones of similar thickness.
        noise: standard deviation of the Gaussian noise on training inputs, for pixel values in [0, 1].
        generator: preset of the paper's generator (paper, 64, 128, tiny), or pyramid: a correction of a cheap fill.
        widths: channels of each stage of the generator, instead of the preset's.
        convolution: the generator's convolutions: partial, or plain with the mask as a fourth channel, to compare.
        blocks: residual blocks at each resolution, of generator pyramid alone.
        initial_weights: weights that training starts from: a .safetensors file, or a name of those that come along.
        discriminator_widths: channels of each stage of the discriminator.
        pixel_weight: weight of the pixel loss; 0 turns it off.
        pixel_loss: l2, the paper's; or psnr, the logarithm of each image's squared error in its holes.
        hole_weight: how many times a pixel in a hole counts in pixel loss l2; 1 is the paper's plain L2.
        adversarial_weight: weight of the adversarial loss; 0 turns it off, and the discriminator with it.
        perceptual_weight: weight of the perceptual loss; 0 turns it off.
        perceptual_layers: VGG16 layers whose features the perceptual loss compares.
        vgg_weights: a file of VGG16 weights (Keras .h5, or .npz/.safetensors), "download", or "random".
        learning_rate: Adam's, for the generator.
        discriminator_learning_rate: Adam's, for the discriminator.
        adam_b1: decay of Adam's first moment.
        adam_b2: decay of Adam's second moment.
        schedule: learning rates stay constant, or fall to 0 along a cosine.
        warmup: steps over which learning rates rise from 0 first.
        clip: largest norm of a gradient; larger ones are scaled down to it.
        batch_size: images a step, over all devices.
        epochs: passes over the training images; --steps overrides it.
        steps: training steps.
        seed: seed of parameters, data order, crops, masks and noise.
        bfloat16: compute features in bfloat16; parameters and masks stay float32.
        mapping: how the step is mapped over devices.
        workers: processes that prepare batches; 0 prepares them in threads of this process.
        out: folder for everything the run writes.
        resume: go on from the latest checkpoint in the output folder, if there is one.
        checkpoint_every: steps between checkpoints, each with a validation score.
        keep: number of latest checkpoints to keep, besides the best.
        sample_every: steps between grids of sample results.
        validation_images: images of the validation split that are scored at each checkpoint.
        test_images: images of the test split that are scored at the end, all if not given.
    """

    dataset: Literal["samples", "folder", "dtd", "oxford_flowers102", "celeb_a"] = "samples"
    data_dir: Path | None = None
    limit: int | None = None
    image_size: int = 64
    crop_scale: tuple[float, float] = (1.0, 1.0)
    flip: bool = False
    recolor: bool = False
    monochrome: float = 0.0
    line_count: tuple[int, int] = (2, 8)
    line_thickness: tuple[int, int] = (1, 4)
    line_shape: LineShape = "straight"
    noise: float = 0.05
    generator: Literal["paper", "64", "128", "tiny", "pyramid"] = "64"
    widths: tuple[int, ...] | None = None
    blocks: tuple[int, ...] | None = None
    initial_weights: Path | None = None
    convolution: Literal["partial", "plain"] = "partial"
    discriminator_widths: tuple[int, ...] = (32, 64, 128, 256)
    pixel_weight: float = 1.0
    pixel_loss: PixelLoss = "l2"
    hole_weight: float = 1.0
    adversarial_weight: float = 0.001
    perceptual_weight: float = 0.01
    perceptual_layers: tuple[str, ...] = ("block1_pool", "block2_pool", "block3_pool")
    vgg_weights: str = "download"
    learning_rate: float = 2e-4
    discriminator_learning_rate: float = 2e-4
    adam_b1: float = 0.5
    adam_b2: float = 0.999
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: int = 0
    clip: float | None = None
    batch_size: int = 16
    epochs: int = 40
    steps: int | None = None
    seed: int = 0
    bfloat16: bool = False
    mapping: Literal["shard_map", "pmap"] = "shard_map"
    workers: int = 0
    out: Path = Path("runs/run")
    resume: bool = False
    checkpoint_every: int = 500
    keep: int = 3
    sample_every: int = 500
    validation_images: int = 64
    test_images: int | None = None

    def check(self) -> None:
        """Refuses values that make no sense, before anything is prepared or written.

        Raises:
            InputError: naming the flag, its value and what it may be.
        """
        counts = ("image_size", "batch_size", "epochs", "steps", "limit", "validation_images", "test_images")
        for name in (*counts, "checkpoint_every", "sample_every", "keep"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"--{name.replace('_', '-')} is {value}, but it must be at least 1")
        if self.workers < 0:
            raise InputError(f"--workers is {self.workers}, but it must be 0 or more")
        if not 0 <= self.noise < 1:
            raise InputError(f"--noise is {self.noise}, but it must be at least 0 and below 1")
        if self.dataset == "folder" and self.data_dir is None:
            raise InputError("--dataset folder needs --data-dir, the folder that holds the images")
        if not 0 <= self.monochrome <= 1:
            raise InputError(f"--monochrome is {self.monochrome}, but it must be a share of the images, from 0 to 1")
        if not 0 < self.crop_scale[0] <= self.crop_scale[1] <= 1:
            raise InputError(
                f"--crop-scale is {self.crop_scale}, but it must be two fractions, 0 < smallest <= largest <= 1"
            )
        # The library checks the rest when it builds these.
        _ = self.generator_config, self.discriminator_config, self.loss_weights, self.lines
        for rate in (self.learning_rate, self.discriminator_learning_rate):
            self.optimizer_config(self.steps or self.warmup + 1).adam(rate)
        deepest(self.perceptual_layers)

    @property
    def generator_config(self) -> AnyGeneratorConfig:
        """Shape of the generator: the preset, with what is given here in its place."""
        given: dict[str, Any] = {"widths": self.widths, "blocks": self.blocks}
        given = {name: value for name, value in given.items() if value is not None}
        if self.generator == "pyramid":
            if self.convolution != "partial":
                raise InputError(f"--convolution {self.convolution} does not go with --generator pyramid: leave it out")
            return FillCorrectingConfig(**given)
        if self.blocks is not None:
            raise InputError(f"--blocks {self.blocks} goes with --generator pyramid alone: leave it out")
        return dataclasses.replace(PAPER_PRESETS[self.generator], convolution=self.convolution, **given)

    @property
    def discriminator_config(self) -> DiscriminatorConfig:
        """Shape of the discriminator."""
        return DiscriminatorConfig(self.image_size, self.discriminator_widths)

    @property
    def loss_weights(self) -> LossWeights:
        """Weights of the losses."""
        return LossWeights(self.pixel_weight, self.adversarial_weight, self.perceptual_weight, self.hole_weight)

    @property
    def lines(self) -> Lines:
        """Ranges of the random lines."""
        return Lines(count=self.line_count, thickness=self.line_thickness, shape=self.line_shape)

    def optimizer_config(self, steps: int) -> OptimizerConfig:
        """Adam's settings for a run of this many steps."""
        return OptimizerConfig(
            learning_rate=self.learning_rate,
            discriminator_learning_rate=self.discriminator_learning_rate,
            b1=self.adam_b1,
            b2=self.adam_b2,
            schedule=self.schedule,
            steps=steps,
            warmup=self.warmup,
            clip=self.clip,
        )

    def total_steps(self, training_images: int) -> int:
        """Number of training steps: `steps`, or `epochs` passes over this many images."""
        return self.steps or self.epochs * max(1, training_images // self.batch_size)

    def to_json(self) -> dict[str, Any]:
        """The settings as plain JSON values."""
        return json.loads(json.dumps(dataclasses.asdict(self), default=str))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Settings of a run from its `config.json`; what it lacks did not exist then and has its default.

        Args:
            values: as `to_json()` gave them.

        Returns:
            The settings.

        Raises:
            InputError: a name that is no setting, or a value that makes no sense.
        """
        plain: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in _of_this_version(values).items()
        }
        names = ("data_dir", "out", "initial_weights")
        paths = {name: Path(plain[name]) for name in names if plain.get(name) is not None}
        try:
            config = cls(**{**plain, **paths})
            config.check()
        except (TypeError, KeyError) as error:
            raise InputError(
                f"the settings of the run are damaged ({error}): use the config.json that it wrote"
            ) from error
        return config

    def check_same_run(self, before: dict[str, Any]) -> Self:
        """Refuses to resume with settings that would make it another run.

        Args:
            before: `to_json()` of the settings that the run was started with; what it lacks did not exist then and
                counts as the default.

        Returns:
            These settings.

        Raises:
            InputError: naming every setting that differs, or a name that is no setting.
        """
        free = {"resume", "out", "data_dir", "workers", "mapping", "keep", "checkpoint_every", "sample_every"}
        free |= {"test_images"}
        if self.schedule == "constant":
            free |= {"steps", "epochs"}
        now, before = self.to_json(), {**Config().to_json(), **_of_this_version(before)}
        changed = [
            f"--{name.replace('_', '-')} was {before[name]} and is now {now[name]}"
            for name in now
            if name not in free and now[name] != before[name]
        ]
        if changed:
            raise InputError(
                f"--resume continues the run in {self.out} as it was started, but {'; '.join(changed)}: "
                "use the settings of that run, or another --out"
            )
        return self


def _of_this_version(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a run, without what is gone and did nothing in it."""
    kept = {name: value for name, value in values.items() if name not in _OFF or value != _OFF[name]}
    if unknown := sorted(set(kept) - {field.name for field in dataclasses.fields(Config)}):
        raise InputError(f"{', '.join(unknown)} is no setting of this version: use the version that made the run")
    return kept
