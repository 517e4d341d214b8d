"""The losses of the paper (pixel, adversarial, perceptual), of Liu et al. and of Pathak et al.

Images `[N, H, W, C]` in [0, 1]; every loss is a float32 scalar, the mean over the batch, so that its average over
equal parts of a batch is its value on the whole.
"""

from types import MappingProxyType

from pconv_jax.losses.adversarial import adversarial_loss, discriminator_loss
from pconv_jax.losses.interface import AnyLosses, Features, Preprocessing, check_vgg, weighted_sum
from pconv_jax.losses.liu import LiuLosses
from pconv_jax.losses.paper import PaperLosses
from pconv_jax.losses.pathak import PathakLosses
from pconv_jax.losses.perceptual import feature_distance, perceptual_loss
from pconv_jax.losses.pixel import PixelLoss, pixel_l2, pixel_psnr

LOSSES = MappingProxyType({kind().losses: kind for kind in (PaperLosses, LiuLosses, PathakLosses)})

__all__ = [
    "LOSSES",
    "AnyLosses",
    "Features",
    "LiuLosses",
    "PaperLosses",
    "PathakLosses",
    "PixelLoss",
    "Preprocessing",
    "adversarial_loss",
    "check_vgg",
    "discriminator_loss",
    "feature_distance",
    "perceptual_loss",
    "pixel_l2",
    "pixel_psnr",
    "weighted_sum",
]
