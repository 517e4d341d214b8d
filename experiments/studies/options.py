"""Flags of the studies."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import tyro


@dataclasses.dataclass(frozen=True)
class Options:
    """Which claim to test, on which images.

    Attributes:
        study: losses, noise, conventional (the network against classical methods), or convolution (partial against
            plain).
        preset: cpu (64 px, under an hour on two cores) or gpu (128 px).
        data: images to train and score on, as in `python -m experiments.run --dataset`.
        data_dir: folder of the images, as in `python -m experiments.run --data-dir`.
        vgg_weights: VGG16 weights for the perceptual loss and distance: a file, "download" or "random".
        vgg_layers: layers of the perceptual distance; others than those of the loss, which would judge itself.
        steps: training steps of each run, instead of the preset's.
        seeds: seeds of each variant, instead of the preset's.
        images: test images, instead of the preset's.
        out: output folder; a study that was stopped is resumed.
    """

    study: Annotated[Literal["losses", "noise", "conventional", "convolution"], tyro.conf.Positional]
    preset: Literal["cpu", "gpu"] = "cpu"
    data: Literal["samples", "folder", "dtd", "oxford_flowers102", "celeb_a"] = "samples"
    data_dir: Path | None = None
    vgg_weights: str = "download"
    vgg_layers: tuple[str, ...] = ("block2_pool",)
    steps: int | None = None
    seeds: int | None = None
    images: int | None = None
    out: Path | None = None
