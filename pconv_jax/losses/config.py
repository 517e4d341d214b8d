"""Which losses train the generator, and how much each counts."""

import dataclasses
from typing import get_args

from pconv_jax.common.errors import InputError
from pconv_jax.losses.pixel import PixelLoss


@dataclasses.dataclass(frozen=True, kw_only=True)
class LossConfig:
    """Losses of the generator; one with weight 0 is not computed at all.

    Attributes:
        pixel_weight: weight of the pixel loss; 0 turns it off.
        pixel_loss: l2, the paper's; or psnr, the logarithm of each image's squared error in its holes.
        hole_weight: how many times a pixel in a hole counts in pixel loss l2; 1 is the paper's plain L2.
        adversarial_weight: weight of the adversarial loss; 0 turns it off, and the discriminator with it.
        perceptual_weight: weight of the perceptual loss; 0 turns it off.
        perceptual_layers: VGG16 layers whose features the perceptual loss compares.
    """

    pixel_weight: float = 1.0
    pixel_loss: PixelLoss = "l2"
    hole_weight: float = 1.0
    adversarial_weight: float = 0.001
    perceptual_weight: float = 0.01
    perceptual_layers: tuple[str, ...] = ("block1_pool", "block2_pool", "block3_pool")

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each loss, by the name that it has among the metrics."""
        return {
            "pixel": self.pixel_weight,
            "adversarial": self.adversarial_weight,
            "perceptual": self.perceptual_weight,
        }

    def check(self) -> None:
        """Refuses settings that make no sense; not done on construction, so that a command line can report them.

        Raises:
            InputError: naming the value and what it may be.
        """
        for name, weight in {**self.weights, "hole": self.hole_weight}.items():
            if not 0 <= weight < float("inf"):
                raise InputError(f"the weight of the {name} loss is {weight}, but it must be a finite number >= 0")
        if self.hole_weight == 0:
            raise InputError(
                "the weight of holes in the pixel loss is 0, but it must be positive: 1 is the plain L2 loss"
            )
        if self.pixel_weight == self.perceptual_weight == 0:
            raise InputError("the pixel and the perceptual loss cannot both be off: nothing would ask for the image")
        if self.pixel_loss not in get_args(PixelLoss):
            raise InputError(f"pixel_loss={self.pixel_loss!r} must be one of {', '.join(get_args(PixelLoss))}")
