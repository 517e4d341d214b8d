"""The losses of Pathak et al. for the context encoder: squared error with a weight for the known rim, and adversarial.

Images `[N, P, P, 3]` in [0, 1] are the predicted region (`ContextEncoderConfig.predicted`); every loss is a float32
scalar, the mean over the batch.
"""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp

from pconv_jax.common.errors import InputError
from pconv_jax.losses.adversarial import adversarial_loss, discriminator_loss
from pconv_jax.losses.interface import DiscriminatorLoss, Features, LossesName, check_weights


@dataclasses.dataclass(frozen=True, kw_only=True)
class PathakLosses:
    """The weighted sum of Pathak et al., over the region that the network predicts.

    Attributes:
        losses: which losses train the generator, each with weights of its own: the paper's, those of Liu et al., or
            those of Pathak et al.
        pixel_weight: weight of the squared error, on the scale of [-1, 1].
        adversarial_weight: weight of the adversarial loss; 0 turns it off, and the discriminator with it.
        rim_weight: how many times a valid pixel of the predicted region counts in the squared error.

    References:
        Pathak et al., Context Encoders: Feature Learning by Inpainting, CVPR 2016, equation 3.
    """

    losses: LossesName = "pathak"
    pixel_weight: float = 0.999
    adversarial_weight: float = 0.001
    rim_weight: float = 10.0  # the prediction has to agree with what is known next to the hole

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each loss, by the name that it has among the metrics."""
        return {"pixel": self.pixel_weight, "adversarial": self.adversarial_weight}

    @property
    def layers(self) -> None:
        """As `AnyLosses.layers`: no features are compared."""

    def terms(
        self,
        output: jax.Array,
        target: jax.Array,
        mask: jax.Array,
        *,
        features: Callable[[jax.Array], Features] | None = None,
        judge: Callable[[jax.Array], jax.Array],
    ) -> dict[str, jax.Array]:
        """As `AnyLosses.terms`: `pixel` and `adversarial`; no features are asked for."""
        terms = {"pixel": region_l2(output, target, mask, rim_weight=self.rim_weight)}
        if self.adversarial_weight:
            terms["adversarial"] = adversarial_loss(judge(output))
        return terms

    def judged(self, output: jax.Array, target: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
        """As `AnyLosses.judged`: all that the network predicts, its rim too, as in the authors' release."""
        return target, output

    @property
    def discriminator_loss(self) -> DiscriminatorLoss | None:
        """As `AnyLosses.discriminator_loss`: the sum of the cross-entropies, as in the authors' release."""
        return _sum_loss if self.adversarial_weight else None

    @property
    def vgg_preprocessing(self) -> None:
        """As `AnyLosses.vgg_preprocessing`: no features are compared."""

    def check(self) -> None:
        """As `AnyLosses.check`."""
        check_weights({**self.weights, "rim": self.rim_weight})
        if self.pixel_weight == 0:
            raise InputError("the weight of the pixel loss cannot be 0: nothing asks for the image")


def region_l2(output: jax.Array, target: jax.Array, mask: jax.Array, *, rim_weight: float) -> jax.Array:
    """Mean squared difference over the predicted region on the scale of [-1, 1]: 4 times that in [0, 1].

    Args:
        output: prediction `[N, P, P, 3]` in [0, 1].
        target: ground truth `[N, P, P, 3]`.
        mask: `[N, P, P, 1]`, 1 = valid, 0 = hole. Valid pixels are the rim of the centre, or all that is around random
            regions.
        rim_weight: how many times a valid pixel counts; 1 is the plain loss.

    Returns:
        Scalar.

    References:
        Pathak et al., Context Encoders: Feature Learning by Inpainting, CVPR 2016, equation 1 and section 5.1.
    """
    squares = jnp.square(2.0 * (output.astype(jnp.float32) - target))
    return jnp.mean(squares * jnp.where(mask == 0, 1.0, rim_weight))


def _sum_loss(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
    return 2 * discriminator_loss(real_logits, fake_logits)
