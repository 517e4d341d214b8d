"""Flags of the performance benchmark."""

import dataclasses
import math
from pathlib import Path
from typing import Literal, get_args

from pconv_jax.common.errors import InputError

Suite = Literal["op", "network", "step", "data", "inference", "restoring", "finding", "start", "scaling", "hosts"]

PhotographDamage = Literal["scratches", "specks", "hairs"]

_LEAST_MEGAPIXELS = 0.001
_LARGEST_SHARE = 0.1  # of the pixels; with more, specks and hairs lie on each other
STEP_SIZES = (8, 16, 32, 64, 128, 256)
"""Sides of the training images of suite step: the discriminator halves them down to 4 px."""


@dataclasses.dataclass(frozen=True)
class Options:
    """What to measure.

    Attributes:
        suites: op (partial convolution against a plain one and PyTorch's, at each layer's shape), network (the
            generator against the same one with plain convolutions), step (the GAN training step against PyTorch),
            data (the input pipeline by stage and number of workers, and the share of training time spent waiting for
            it), inference (inpainting images, against classical methods), restoring (whole photographs with the bundled
            weights, against classical methods), finding (damage in whole photographs, against classical detectors),
            start (imports, the command, first step, checkpoints), scaling (replicas),
            hosts (processes of this machine that train together).
        generator: preset whose layers are measured.
        image_sizes: sides of the training images, px; op, network, start, scaling and hosts use the first only.
        batch_sizes: batch sizes of training; every suite except step uses the last only.
        inference_sizes: sides of the images to inpaint, px.
        megapixels: sizes of the photographs to restore, or to look for damage in.
        damage: what damages them: scratches of 2 to 16 px over 2 % of the pixels; specks of 2 to 4 px, 167 a megapixel;
            or curled hairs of 1 to 2 px over 0.3 % of the pixels.
        shares: shares of the pixels to damage in place of these, each above 0 and at most 0.1.
        workers: numbers of worker processes of the input pipeline; 0 means threads of the training process.
        replicas: numbers of replicas, and of processes that train together.
        repeats: number of timed rounds; each times every candidate once.
        steps: training steps of the data suite.
        bfloat16: suites op and step: compute features in bfloat16 (PyTorch under its autocast).
        json: file to write the results to as well.
    """

    suites: tuple[Suite, ...] = get_args(Suite)
    generator: Literal["paper", "64", "128", "tiny"] = "64"
    image_sizes: tuple[int, ...] = (64, 128)
    batch_sizes: tuple[int, ...] = (4, 16)
    inference_sizes: tuple[int, ...] = (64, 128, 256, 512)
    megapixels: tuple[float, ...] = (0.06, 0.12, 0.25, 1, 4, 24)
    damage: tuple[PhotographDamage, ...] = ("scratches", "specks")
    shares: tuple[float, ...] = ()
    workers: tuple[int, ...] = (0, 1, 2)
    replicas: tuple[int, ...] = (1, 2, 4)
    repeats: int = 15
    steps: int = 100
    bfloat16: bool = False
    json: Path | None = None

    def check(self) -> None:
        """Refuses values that cannot be measured, before anything is timed.

        Raises:
            InputError: naming the flag, its value and what it may be.
        """
        least: dict[str, float] = {
            **dict.fromkeys(("image_sizes", "batch_sizes", "inference_sizes", "replicas"), 1),
            **{"megapixels": _LEAST_MEGAPIXELS, "workers": 0},
        }
        for name in ("suites", "damage", *least):
            flag, values = f"--{name.replace('_', '-')}", getattr(self, name)
            if not values:
                raise InputError(f"{flag} has no value: give at least one, or leave it out")
            for value in values if name in least else ():
                if not least[name] <= value < math.inf:  # NaN is refused too
                    raise InputError(f"{flag} has {value}, but each must be at least {least[name]}")
        for share in self.shares:
            if not 0 < share <= _LARGEST_SHARE:
                raise InputError(f"--shares has {share}, but each must be above 0 and at most {_LARGEST_SHARE}")
        for size in self.image_sizes if "step" in self.suites else ():
            check_step_size(size)
        if self.repeats < 1:
            raise InputError(f"--repeats is {self.repeats}, but it must be at least 1")
        if "data" in self.suites and self.steps < 2:
            raise InputError(
                f"--steps is {self.steps}, but the suite data needs at least 2: the first step is not timed"
            )


def check_step_size(size: int) -> None:
    """Refuses a side of images that suite step has no discriminator for.

    Raises:
        InputError: it is none of `STEP_SIZES`.
    """
    if size not in STEP_SIZES:
        *others, last = STEP_SIZES
        raise InputError(f"--image-sizes has {size}, but it must be {', '.join(map(str, others))} or {last}")
