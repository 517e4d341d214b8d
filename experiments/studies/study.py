"""A study: arms of training runs with equal budgets and several seeds, and the comparisons that decide on a claim."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

SELECTION_SEED = 1000
"""Seed of the runs that a learning rate is chosen with; they are not scored."""

MARGINS = MappingProxyType({"hole_psnr": 0.1, "hole_sharpness": 0.1, "perceptual": 0.02, "naturalness": 0.02})
"""Smallest effect of interest by metric: dB, octaves; for `RELATIVE` metrics as a share of the reference's mean."""

RELATIVE = ("perceptual", "naturalness")


@dataclasses.dataclass(frozen=True)
class Arm:
    """One way of training.

    Attributes:
        name: what tables call it.
        changes: settings of `experiments.train.config.Config` that it has of its own.
        repeats: the arm that it repeats with other seeds: the same settings, and the learning rate chosen for that one.
    """

    name: str
    changes: Mapping[str, Any]
    repeats: str | None = None


@dataclasses.dataclass(frozen=True)
class Condition:
    """One kind of damage that arms are scored on.

    Attributes:
        name: what tables call it; also a folder name.
        masks: mask set, as `python -m experiments.evaluate --masks` takes it.
        noise: standard deviation of the noise on the input.
    """

    name: str
    masks: str = "lines"
    noise: float = 0.0


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A primary comparison: what a part of the claim predicts, fixed before anything is trained.

    Attributes:
        arm: the arm that is to be better.
        reference: another arm, or a classical method.
        metric: of `MARGINS`.
        condition: name of the condition that both are scored on, all buckets of damage together.
        sign: 1 where the metric is predicted to be higher, -1 where lower.
    """

    arm: str
    reference: str
    metric: str
    condition: str
    sign: int


@dataclasses.dataclass(frozen=True)
class Study:
    """A claim, what is trained to test it, and how it is judged.

    Attributes:
        name: of the command.
        claim: the claim, in a sentence.
        arms: ways of training; the first is what the others are compared with in secondary comparisons.
        conditions: what they are scored on.
        primary: the comparisons that decide on the claim; all others are secondary and not corrected for being many.
        classical: classical methods to score beside them.
    """

    name: str
    claim: str
    arms: tuple[Arm, ...]
    conditions: tuple[Condition, ...]
    primary: tuple[Comparison, ...]
    classical: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Budget:
    """What every arm of a study gets.

    Attributes:
        settings: of `experiments.train.config.Config`.
        vgg_layers: layers of the perceptual distance, none of those of the loss.
        learning_rates: for the generator; each arm has the one with the lowest validation error of its own.
        seeds: number of seeds that each arm is trained with.
        images: test images to score on.
    """

    settings: Mapping[str, Any]
    vgg_layers: tuple[str, ...]
    learning_rates: tuple[float, ...]
    seeds: int
    images: int


# cpu: a run in a minute or two on two cores, where high, falling learning rates and small batches get furthest.
# gpu: the paper's image size and many more steps; not run yet.
_SHARED = {
    "crop_scale": (0.5, 1.0),
    "flip": True,
    "noise": 0.0,
    "adam_b1": 0.9,
    "schedule": "cosine",
    "test_images": 16,
}
BUDGETS = MappingProxyType(
    {
        "cpu": Budget(
            {
                **_SHARED,
                "image_size": 64,
                "generator": "tiny",
                "discriminator_widths": (16, 32, 64, 128),
                "hole_weight": 20.0,
                "perceptual_layers": ("block1_pool",),
                "batch_size": 4,
                "steps": 1500,
                "line_count": (2, 8),
                "line_thickness": (1, 10),
                "checkpoint_every": 500,
                "sample_every": 1500,
                "validation_images": 64,
            },
            vgg_layers=("block2_pool",),
            learning_rates=(4e-3, 8e-3, 1.6e-2),
            seeds=6,
            images=100,
        ),
        "gpu": Budget(
            {
                **_SHARED,
                "image_size": 128,
                "generator": "128",
                "discriminator_widths": (32, 64, 128, 256, 256),
                "hole_weight": 6.0,
                "perceptual_layers": ("block1_pool", "block2_pool", "block3_pool"),
                "batch_size": 32,
                "steps": 20_000,
                "line_count": (2, 12),
                "line_thickness": (1, 16),
                "checkpoint_every": 1000,
                "sample_every": 5000,
                "validation_images": 128,
                "bfloat16": True,
            },
            vgg_layers=("block4_pool",),
            learning_rates=(5e-4, 1e-3, 2e-3),
            seeds=8,
            images=500,
        ),
    }
)
