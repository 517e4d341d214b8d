"""Flags of the studies."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import tyro

from experiments.datasets import DatasetOrData


@dataclasses.dataclass(frozen=True)
class Options:
    """Which claim to test, on which images.

    Attributes:
        study: losses, noise, conventional (the network against classical methods), convolution (partial against
            plain), or null (the paper's system against itself).
        preset: cpu (64 px, hours on two cores) or gpu (128 px).
        dataset: images to train and score on, as in `python -m experiments.run --dataset`.
        data_dir: folder of the images, as in `python -m experiments.run --data-dir`.
        vgg_weights: VGG16 weights for the perceptual loss and distance: a file, "download" or "random".
        vgg_layers: layers of the perceptual distance, block2_pool if not given, with preset gpu block4_pool; none of
            those of the loss, which would judge itself.
        lpips_weights: weights for LPIPS, as in `python -m experiments.evaluate`; it then takes the place of the VGG
            distance in primary comparisons.
        fid_weights: weights for FID, as in `python -m experiments.evaluate`.
        steps: training steps of each run, instead of the preset's.
        seeds: seeds of each arm, instead of the preset's; a verdict needs four.
        images: test images, instead of the preset's; a verdict needs five, of as many photographs: samples has tiles of
            four.
        learning_rates: learning rates that each arm's is chosen from, instead of the preset's.
        out: output folder, runs/studies/STUDY-DATA if not given; a study that was stopped is resumed.
    """

    study: Annotated[Literal["losses", "noise", "conventional", "convolution", "null"], tyro.conf.Positional]
    preset: Literal["cpu", "gpu"] = "cpu"
    dataset: DatasetOrData = "samples"
    data_dir: Path | None = None
    vgg_weights: str = "download"
    vgg_layers: tuple[str, ...] | None = None
    lpips_weights: Path | None = None
    fid_weights: Path | None = None
    steps: int | None = None
    seeds: int | None = None
    images: int | None = None
    learning_rates: tuple[float, ...] | None = None
    out: Path | None = None
