"""Settings to start from: a preset for each data set, for each system to compare with, and for the bundled weights."""

import dataclasses
from pathlib import Path
from types import MappingProxyType

from experiments.train.config import Config
from experiments.train.sections import DataConfig, GeneratorOptions, NetworkConfig, RunConfig
from pconv_jax.data import Augmentation, Damage
from pconv_jax.losses import LiuLosses, PaperLosses, PathakLosses
from pconv_jax.models.liu import LIU_PRESETS
from pconv_jax.training.optimizer import OptimizerConfig

_AT_128 = Config(
    data=DataConfig(image_size=128),
    damage=Damage(line_count=(2, 12), line_thickness=(1, 8)),
    network=NetworkConfig(generator="128", discriminator_widths=(32, 64, 128, 256, 256)),
)

# Embedded photographs: everything at once on 2 CPU cores, in about ten minutes.
#   python -m experiments.run --dataset samples
_SAMPLES = Config(
    data=DataConfig(
        dataset="samples", batch_size=4, augmentation=Augmentation(crop_scale=(0.2, 0.6), flip=True, recolor=True)
    ),
    damage=Damage(noise=0.02),
    network=NetworkConfig(
        generator="tiny",
        # In the holes of validation and test after 875 steps, 2 seeds: the paper's head 0.6 dB more and half as many
        # glaring colours, centring (beyond the paper) 1.1 dB. Both after all steps: 1.0 dB in the test, 1 seed.
        options=GeneratorOptions(head="sigmoid", centre=True),
        discriminator_widths=(16, 32, 64, 128),
        vgg_weights="random",
    ),
    losses=PaperLosses(
        hole_weight=20.0,  # beyond the paper (Liu et al.: 6): 1.4 dB more in the holes after 800 steps
        perceptual_layers=("block1_pool",),
    ),
    # A high learning rate that falls, and small batches: what reaches furthest in these minutes. Twice the steps gain
    # 0.17 dB; at 4000 steps an average of the weights (0.998) or clipping cost 0.13, and loss psnr is level (1 seed).
    optimizer=OptimizerConfig(learning_rate=8e-3, adam_b1=0.9, schedule="cosine"),
    # What the paper's network does on the same photographs after its 40 epochs on a GPU.
    run=RunConfig(steps=2500, compare=("paper-flowers", "paper-dtd", "paper-celeba"), out=Path("runs/samples")),
)

# Any tree of photographs.
#   python -m experiments.run --dataset folder --data-dir DIR
_FOLDER = dataclasses.replace(
    _AT_128,
    data=DataConfig(dataset="folder", image_size=128, augmentation=Augmentation(crop_scale=(0.4, 1.0), flip=True)),
    losses=PaperLosses(hole_weight=6.0),
    run=RunConfig(out=Path("runs/folder")),
)

# The paper's own system on its three data sets; `paper` is the first of them, or that of --dataset. What it says: the
# order of the operations, all three losses, MSE on the raw output, the three data sets and the sizes of their images,
# Gaussian noise on the inputs, lines as damage; 40 epochs for DTD. What it leaves open, and is chosen here:
# - network: widths, last convolution and sigmoid of the public code that its authors thank; see `models.paper`;
# - discriminator: DCGAN's, 4x4 kernels down to 4x4 features, as in Pathak et al. but half as wide, to match the widths;
# - loss weights: 0.001 for the adversarial one (Pathak et al.); 0.01 for the perceptual one, which is relative;
# - Adam 2e-4, the first moment's decay 0.5 (DCGAN, Pathak et al.), batches of 16;
# - noise of 0.05; 2 to 8 lines of 1 to 4 px at 64 px, 2 to 12 of 1 to 8 px at 128 px: the parent code draws 1 to 9, of
#   1 to 2 px at 32 px and of 10 to 12 px at 256 px;
# - 40 epochs everywhere;
# - "the entirety of DTD": merged splits, of Oxford Flowers 102 too, which leave out a tenth to validate and to test on.
#   celeb_a keeps its official ones: they are of people, none of whom is in two splits, and 6400 images fit into its
#   training split.

# Paper: Oxford Flowers 102 at 64x64; number of epochs not given.
#   python -m experiments.run --dataset oxford_flowers102
_OXFORD_FLOWERS102 = Config(
    data=DataConfig(dataset="oxford_flowers102", splits="merged", image_size=64),
    network=NetworkConfig(generator="paper"),
    run=RunConfig(epochs=40, out=Path("runs/oxford_flowers102")),
)

_PAPER_AT_128 = dataclasses.replace(
    _AT_128, network=NetworkConfig(generator="paper", discriminator_widths=(32, 64, 128, 256, 256))
)

# Paper: all of DTD at 128x128, 40 epochs. Not reproduced yet at full length; see docs/paper.md for what was run.
#   python -m experiments.run --dataset dtd
_DTD = dataclasses.replace(
    _PAPER_AT_128,
    data=DataConfig(dataset="dtd", splits="merged", image_size=128),
    run=RunConfig(epochs=40, out=Path("runs/dtd")),
)

# Paper: 6400 images of CelebA at 128x128; number of epochs not given.
#   python -m experiments.run --dataset celeb_a
_CELEB_A = dataclasses.replace(
    _PAPER_AT_128,
    data=DataConfig(dataset="celeb_a", image_size=128, limit=6400),
    run=RunConfig(epochs=40, out=Path("runs/celeb_a")),
)

# Liu et al. 2018 at 128 px: six stages (eight at 512 px), which leave 2x2 features. Their losses and weights; Adam
# 2e-4, of which they say no more; no noise. Batches of 16 as in public ports at 256 px (6 at 512 px in the paper),
# which train for 0.5 M steps and fine-tune for as many. --masks folder --mask-dir DIR trains on mask files as they do.
#   python -m experiments.run --preset liu --data-dir DIR --vgg-weights FILE
_LIU = Config(
    data=DataConfig(dataset="folder", image_size=128, augmentation=Augmentation(crop_scale=(0.4, 1.0), flip=True)),
    damage=Damage(line_count=(2, 16), line_thickness=(1, 24), line_shape="strokes", noise=0.0),
    network=NetworkConfig(
        generator="liu", options=GeneratorOptions(widths=LIU_PRESETS["128"].widths, encoder_norm="trained")
    ),
    losses=LiuLosses(),
    optimizer=OptimizerConfig(learning_rate=2e-4, adam_b1=0.9),
    run=RunConfig(steps=500_000, checkpoint_every=5000, sample_every=5000, out=Path("runs/liu")),
)

# Their second phase: from the first one's weights, with a new Adam, 5e-5, and the encoder's batch norms frozen, which
# holes had a part in until then.
#   python -m experiments.run --preset liu-fine-tune --initial-weights runs/liu --data-dir DIR --vgg-weights FILE
_LIU_FINE_TUNE = dataclasses.replace(
    _LIU,
    network=_LIU.replace(encoder_norm="frozen").network,
    optimizer=dataclasses.replace(_LIU.optimizer, learning_rate=5e-5),
    run=dataclasses.replace(_LIU.run, out=Path("runs/liu-fine-tune")),
)

# Pathak et al. 2016, the released network for the centre of 128 px, which predicts the middle 64. From the release: the
# losses, batches of 64 (batch norm at 1x1 features needs them), Adam with 0.5, the generator's learning rate ten times
# the discriminator's, a random crop of 128 of 350 px and its mirror image, no noise. --region random --masks random is
# its other network, which predicts all 128 px: the release trains it with --rim-weight 1, its script's default, or 10.
#   python -m experiments.run --preset pathak --data-dir DIR
_PATHAK = Config(
    data=DataConfig(
        dataset="folder", image_size=128, batch_size=64, augmentation=Augmentation(crop_scale=(0.36, 0.37), flip=True)
    ),
    damage=Damage(masks="centre", overlap=4, noise=0.0),
    network=NetworkConfig(generator="context_encoder", options=GeneratorOptions(region="centre")),
    losses=PathakLosses(),
    optimizer=OptimizerConfig(learning_rate=2e-3, discriminator_learning_rate=2e-4, adam_b1=0.5),
    run=RunConfig(steps=80_000, checkpoint_every=1000, sample_every=1000, out=Path("runs/pathak")),
)

# Their network for learning features, with the channel-wise fully connected layer. From the paper: 227 px, random
# regions, squared error alone and in the holes alone (equation 1; --rim-weight 1 asks for the whole image). Ours: the
# crop, of 256 px as is usual for AlexNet, Adam's learning rate, and the number of steps.
#   python -m experiments.run --preset pathak-features --data-dir DIR
_PATHAK_FEATURES = Config(
    data=DataConfig(
        dataset="folder", image_size=227, batch_size=64, augmentation=Augmentation(crop_scale=(0.88, 0.89), flip=True)
    ),
    damage=Damage(masks="random", noise=0.0),
    network=NetworkConfig(generator="pathak_features"),
    losses=PathakLosses(pixel_weight=1.0, adversarial_weight=0.0, rim_weight=0.0),
    optimizer=OptimizerConfig(learning_rate=2e-4, adam_b1=0.9),
    run=RunConfig(steps=100_000, checkpoint_every=1000, sample_every=1000, out=Path("runs/pathak-features")),
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
    losses=PaperLosses(pixel_loss="psnr", adversarial_weight=0.0, perceptual_weight=0.0),
    optimizer=OptimizerConfig(learning_rate=2e-3, adam_b1=0.9, adam_b2=0.99, schedule="cosine", warmup=200, clip=1.0),
    run=RunConfig(steps=16_000, validation_images=128, out=Path("runs/faithful")),
)

# The bundled `faithful-large`: ten and a half minutes on an H100, whose 16 CPU cores could not feed it (a quarter of it
# was busy). It was stopped at step 23,452 of these and went on from its average: --initial-weights, 7715 steps of
# --steps 7800 --learning-rate 6e-4 --warmup 100 --ema 0.998 --seed 1; both with --bfloat16.
#   python -m experiments.run --preset faithful-large --data-dir DIR
_FAITHFUL_LARGE = dataclasses.replace(
    _FAITHFUL,
    data=dataclasses.replace(
        _FAITHFUL.data,
        image_size=160,
        batch_size=32,
        augmentation=dataclasses.replace(_FAITHFUL.data.augmentation, crop_scale=(0.3, 1.0)),
    ),
    network=NetworkConfig(
        generator="pyramid", options=GeneratorOptions(widths=(32, 96, 192), blocks=(2, 3, 3)), bfloat16=True
    ),
    optimizer=dataclasses.replace(_FAITHFUL.optimizer, ema=0.999),
    run=dataclasses.replace(_FAITHFUL.run, steps=36_000, checkpoint_every=4000, out=Path("runs/faithful-large")),
)

# The bundled `sharp`: 4 minutes on an H100 (beside five other runs), from a network of these widths and blocks that was
# trained as the bundled `faithful` was, for 11,800 steps of 32 crops. In the end the gradient of the perceptual loss is
# about as large as that of the pixel loss, that of the adversarial one a sixth of it; twice and four times these
# weights gained 2 to 6 % of LPIPS on lines of 6 to 16 px, none elsewhere, and cost 0.1 to 0.5 dB more.
#   python -m experiments.run --preset faithful --widths 32 96 192 --blocks 2 2 2 --batch-size 32 --data-dir DIR
#   python -m experiments.run --preset sharp --initial-weights runs/faithful --vgg-weights FILE --data-dir DIR
_SHARP = dataclasses.replace(
    _FAITHFUL,
    data=dataclasses.replace(
        _FAITHFUL.data, augmentation=Augmentation(crop_scale=(0.5, 1.0), flip=True, monochrome=0.15)
    ),
    network=NetworkConfig(
        generator="pyramid",
        options=GeneratorOptions(widths=(32, 96, 192), blocks=(2, 2, 2)),
        discriminator_widths=(64, 128, 256),
        discriminator_patches=True,
    ),
    losses=PaperLosses(
        pixel_loss="psnr",
        adversarial_weight=5.0,
        judged_image="composite",
        perceptual_weight=5.0,
        perceptual_layers=("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3"),
        perceptual_image="composite",
    ),
    optimizer=dataclasses.replace(
        _FAITHFUL.optimizer, learning_rate=4e-4, discriminator_learning_rate=4e-4, adam_b1=0.5, warmup=100
    ),
    run=dataclasses.replace(_FAITHFUL.run, steps=6000, out=Path("runs/sharp")),
)

PRESETS = MappingProxyType(
    {
        "samples": _SAMPLES,
        "folder": _FOLDER,
        "paper": _OXFORD_FLOWERS102,
        "dtd": _DTD,
        "oxford_flowers102": _OXFORD_FLOWERS102,
        "celeb_a": _CELEB_A,
        "liu": _LIU,
        "liu-fine-tune": _LIU_FINE_TUNE,
        "pathak": _PATHAK,
        "pathak-features": _PATHAK_FEATURES,
        "faithful": _FAITHFUL,
        "faithful-large": _FAITHFUL_LARGE,
        "sharp": _SHARP,
    }
)
PAPER_DATASETS = ("oxford_flowers102", "dtd", "celeb_a")
