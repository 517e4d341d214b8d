"""The paper's losses: pixel, adversarial and perceptual."""

import dataclasses
from collections.abc import Callable
from typing import Literal, get_args

import jax

from pconv_jax.common.errors import InputError
from pconv_jax.losses.adversarial import adversarial_loss, discriminator_loss
from pconv_jax.losses.interface import DiscriminatorLoss, Features, LossesName, Preprocessing, check_weights
from pconv_jax.losses.lpips import LPIPS_LAYERS, lpips_loss
from pconv_jax.losses.perceptual import perceptual_loss
from pconv_jax.losses.pixel import PixelLoss, pixel_l2, pixel_psnr
from pconv_jax.losses.views import View, shown

PerceptualDistance = Literal["relative", "lpips"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PaperLosses:
    """The weighted sum of the paper; a loss with weight 0 is not computed at all.

    Attributes:
        losses: which losses train the generator, each with weights of its own: the paper's, those of Liu et al., or
            those of Pathak et al.
        pixel_weight: weight of the pixel loss; 0 turns it off.
        pixel_loss: l2, the paper's; or psnr, the logarithm of each image's squared error in its holes.
        hole_weight: how many times a pixel in a hole counts in pixel loss l2; 1 is the paper's plain L2.
        adversarial_weight: weight of the adversarial loss; 0 turns it off, and the discriminator with it.
        perceptual_weight: weight of the perceptual loss; 0 turns it off.
        perceptual_distance: how the perceptual loss compares features: relative, by their L1 distance over the size of
            the truth's; or lpips, as the metric LPIPS does by torchvision's VGG16 and five layers of its own.
        perceptual_layers: VGG16 layers whose features the relative distance compares.
        perceptual_image: what the perceptual loss compares: the raw output, the paper's; or the composite, of which
            only the holes are the network's; or the surroundings of its holes alone.
        judged_image: what the discriminator judges: the raw output, as in the paper and in Pathak et al., who predict
            little but the hole; or the composite, which is what a user gets; or the surroundings of its holes alone.
    """

    losses: LossesName = "paper"
    pixel_weight: float = 1.0
    pixel_loss: PixelLoss = "l2"
    hole_weight: float = 1.0
    adversarial_weight: float = 0.001
    perceptual_weight: float = 0.01
    perceptual_distance: PerceptualDistance = "relative"
    perceptual_layers: tuple[str, ...] = ("block1_pool", "block2_pool", "block3_pool")
    perceptual_image: View = "output"
    judged_image: View = "output"

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each loss, by the name that it has among the metrics."""
        return {
            "pixel": self.pixel_weight,
            "adversarial": self.adversarial_weight,
            "perceptual": self.perceptual_weight,
        }

    @property
    def layers(self) -> tuple[str, ...] | None:
        """As `AnyLosses.layers`."""
        if not self.perceptual_weight:
            return None
        return LPIPS_LAYERS if self.perceptual_distance == "lpips" else self.perceptual_layers

    def terms(
        self,
        output: jax.Array,
        target: jax.Array,
        mask: jax.Array,
        *,
        features: Callable[[jax.Array], Features],
        judge: Callable[[jax.Array], jax.Array],
    ) -> dict[str, jax.Array]:
        """As `AnyLosses.terms`: `pixel`, of the raw output; `adversarial` and `perceptual`, of what they look at."""
        terms: dict[str, jax.Array] = {}
        if self.pixel_weight and self.pixel_loss == "psnr":
            terms["pixel"] = pixel_psnr(output, target, mask)
        elif self.pixel_weight:
            terms["pixel"] = pixel_l2(output, target, mask, hole_weight=self.hole_weight)
        if self.adversarial_weight:
            terms["adversarial"] = adversarial_loss(judge(self.judged(output, target, mask)[1]))
        if self.perceptual_weight:
            truth, seen = shown(self.perceptual_image, output, target, mask)
            distance = lpips_loss if self.perceptual_distance == "lpips" else perceptual_loss
            wanted = features(truth)
            terms["perceptual"] = distance(features(seen), wanted)
        return terms

    def judged(self, output: jax.Array, target: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
        """As `AnyLosses.judged`: what `judged_image` says."""
        return shown(self.judged_image, output, target, mask)

    @property
    def discriminator_loss(self) -> DiscriminatorLoss | None:
        """As `AnyLosses.discriminator_loss`: half the sum of the cross-entropies."""
        return discriminator_loss if self.adversarial_weight else None

    @property
    def vgg_preprocessing(self) -> Preprocessing | None:
        """As `AnyLosses.vgg_preprocessing`: torchvision's for LPIPS, else any: the loss is relative."""
        return "torchvision" if self.perceptual_weight and self.perceptual_distance == "lpips" else None

    def check(self) -> None:
        """As `AnyLosses.check`."""
        check_weights({**self.weights, "hole": self.hole_weight})
        if self.hole_weight == 0:
            raise InputError(
                "the weight of holes in the pixel loss is 0, but it must be above 0: 1 is the plain L2 loss"
            )
        if self.pixel_weight == self.perceptual_weight == 0:
            raise InputError("the pixel and the perceptual loss cannot both be off: nothing would ask for the image")
        choices = {
            "pixel_loss": PixelLoss,
            "perceptual_distance": PerceptualDistance,
            "perceptual_image": View,
            "judged_image": View,
        }
        for name, known in choices.items():
            if getattr(self, name) not in get_args(known):
                raise InputError(f"{name}={getattr(self, name)!r} must be one of {', '.join(get_args(known))}")
