"""The three losses of the paper: pixel, adversarial and perceptual.

Images `[N, H, W, C]` in [0, 1]; every loss is a float32 scalar, the mean over the batch, so that its average over
equal parts of a batch is its value on the whole.
"""

from pconv_jax.losses.adversarial import adversarial_loss, discriminator_loss
from pconv_jax.losses.config import LossConfig
from pconv_jax.losses.perceptual import feature_distance, perceptual_loss
from pconv_jax.losses.pixel import PixelLoss, pixel_l2, pixel_psnr

__all__ = [
    "LossConfig",
    "PixelLoss",
    "adversarial_loss",
    "discriminator_loss",
    "feature_distance",
    "perceptual_loss",
    "pixel_l2",
    "pixel_psnr",
]
