"""Settings to start from: one preset for each data set, and that of the bundled weights."""

import dataclasses
from pathlib import Path
from types import MappingProxyType

from experiments.train.config import Config
from experiments.train.sections import DataConfig, NetworkConfig, RunConfig
from pconv_jax.data import Augmentation, Damage
from pconv_jax.losses import LossConfig
from pconv_jax.training.optimizer import OptimizerConfig

_AT_128 = Config(
    data=DataConfig(image_size=128),
    damage=Damage(line_count=(2, 12), line_thickness=(1, 8)),
    network=NetworkConfig(generator="128", discriminator_widths=(32, 64, 128, 256, 256)),
)

# Each preset names what the paper says and what it leaves open. Line ranges, noise and loss weights are not in the
# paper; the weight of the adversarial loss is that of Pathak et al. (0.999 to 0.001).

# Embedded photographs: everything at once on 2 CPU cores, in about ten minutes.
#   python -m experiments.run --dataset samples
_SAMPLES = Config(
    data=DataConfig(
        dataset="samples", batch_size=4, augmentation=Augmentation(crop_scale=(0.2, 0.6), flip=True, recolor=True)
    ),
    damage=Damage(noise=0.02),
    network=NetworkConfig(generator="tiny", discriminator_widths=(16, 32, 64, 128), vgg_weights="random"),
    losses=LossConfig(
        hole_weight=20.0,  # beyond the paper (Liu et al.: 6): 1.4 dB more in the holes after 800 steps
        perceptual_layers=("block1_pool",),
    ),
    # A high learning rate that falls, and small batches: what reaches furthest in these minutes.
    optimizer=OptimizerConfig(learning_rate=8e-3, adam_b1=0.9, schedule="cosine"),
    run=RunConfig(steps=2500, out=Path("runs/samples")),
)

# Any tree of photographs.
#   python -m experiments.run --dataset folder --data-dir DIR
_FOLDER = dataclasses.replace(
    _AT_128,
    data=DataConfig(dataset="folder", image_size=128, augmentation=Augmentation(crop_scale=(0.4, 1.0), flip=True)),
    losses=LossConfig(hole_weight=6.0),
    run=RunConfig(out=Path("runs/folder")),
)

# Paper: all of DTD at 128x128, 40 epochs. Not reproduced yet at full length; see the README for what was run.
#   python -m experiments.run --dataset dtd
_DTD = dataclasses.replace(
    _AT_128, data=DataConfig(dataset="dtd", image_size=128), run=RunConfig(epochs=40, out=Path("runs/dtd"))
)

# Paper: Oxford Flowers 102 at 64x64; number of epochs not given.
#   python -m experiments.run --dataset oxford_flowers102
_OXFORD_FLOWERS102 = Config(
    data=DataConfig(dataset="oxford_flowers102", image_size=64),
    network=NetworkConfig(generator="64"),
    run=RunConfig(out=Path("runs/oxford_flowers102")),
)

# Paper: 6400 images of CelebA at 128x128; number of epochs not given.
#   python -m experiments.run --dataset celeb_a
_CELEB_A = dataclasses.replace(
    _AT_128,
    data=DataConfig(dataset="celeb_a", image_size=128, limit=6400),
    run=RunConfig(out=Path("runs/celeb_a")),
)

# The first run of the bundled weights: 80 minutes on 2 CPU cores, beside other work. Data, scores and the second run
# are in pconv_jax/checkpoints/bundled/README.md.
#   python -m experiments.run --preset faithful --data-dir DIR
_FAITHFUL = Config(
    data=DataConfig(
        dataset="folder",
        image_size=128,
        batch_size=16,
        augmentation=Augmentation(crop_scale=(0.35, 1.0), flip=True, monochrome=0.15),
    ),
    damage=Damage(line_count=(2, 16), line_thickness=(1, 24), line_shape="strokes", noise=0.0),
    network=NetworkConfig(generator="pyramid"),
    losses=LossConfig(pixel_loss="psnr", adversarial_weight=0.0, perceptual_weight=0.0),
    optimizer=OptimizerConfig(learning_rate=2e-3, adam_b1=0.9, adam_b2=0.99, schedule="cosine", warmup=200, clip=1.0),
    run=RunConfig(steps=16_000, validation_images=128, out=Path("runs/faithful")),
)

PRESETS = MappingProxyType(
    {
        "samples": _SAMPLES,
        "folder": _FOLDER,
        "dtd": _DTD,
        "oxford_flowers102": _OXFORD_FLOWERS102,
        "celeb_a": _CELEB_A,
        "faithful": _FAITHFUL,
    }
)
