"""What a set of losses offers, so that the training step need not know which one it is."""

from collections.abc import Callable, Mapping
from typing import Literal, Protocol

import jax
import jax.numpy as jnp

from pconv_jax.common.errors import InputError

LossesName = Literal["paper", "liu", "pathak"]
Preprocessing = Literal["caffe", "torchvision"]
"""What VGG16 weights expect of an image: the original ones, Caffe's, and torchvision's differ in scale."""
Features = Mapping[str, jax.Array]
DiscriminatorLoss = Callable[[jax.Array, jax.Array], jax.Array]


class AnyLosses(Protocol):
    """What a generator is trained for: a frozen dataclass of weights; a loss with weight 0 is not computed."""

    @property
    def losses(self) -> LossesName:
        """The name that flags and settings know it by."""

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each loss, by the name that it has among the metrics."""

    @property
    def layers(self) -> tuple[str, ...] | None:
        """VGG16 layers whose features are compared; None if no such loss is on."""

    def terms(
        self,
        output: jax.Array,
        target: jax.Array,
        mask: jax.Array,
        *,
        features: Callable[[jax.Array], Features],
        judge: Callable[[jax.Array], jax.Array],
    ) -> dict[str, jax.Array]:
        """The losses of the generator that are on, unweighted.

        Args:
            output: raw output `[N, H, W, 3]`, or the region of it that the network predicts.
            target: the clean ground truth `[N, H, W, 3]`.
            mask: `[N, H, W, 1]`, 1 = valid, 0 = hole.
            features: gives features of images by layer, those at `layers`; not called where that is None.
            judge: gives the discriminator's logits of what `judged` shows it; not called without a
                `discriminator_loss`.

        Returns:
            Scalars, float32, by the names of `weights`.
        """

    def judged(self, output: jax.Array, target: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
        """What the discriminator is to tell apart: the ground truth and the output as it sees them.

        Args:
            output: as for `terms`.
            target: as for `terms`.
            mask: as for `terms`.

        Returns:
            Images of the truth and of the output, `[N, H, W, 3]` each.
        """

    @property
    def discriminator_loss(self) -> DiscriminatorLoss | None:
        """Loss of the discriminator, from its logits of ground truth and of output; None if none is trained."""

    @property
    def vgg_preprocessing(self) -> Preprocessing | None:
        """The only VGG16 that the weights belong to, by what it expects; None if any will do."""

    def check(self) -> None:
        """Refuses weights that make no sense; not done on construction, so that a command line can report them.

        Raises:
            InputError: naming the value and what it may be.
        """


def weighted_sum(terms: Mapping[str, jax.Array], weights: Mapping[str, float]) -> jax.Array:
    """The loss: the sum of the terms, each times its weight."""
    return jnp.sum(jnp.stack([weights[name] * value for name, value in terms.items()]))


def check_weights(weights: Mapping[str, float]) -> None:
    """Refuses weights that are negative or not finite.

    Raises:
        InputError: naming the loss and its weight.
    """
    for name, weight in weights.items():
        try:
            fits = 0 <= weight < float("inf")
        except TypeError:  # None, or text
            fits = False
        if not fits:
            raise InputError(f"the weight of the {name} loss is {weight}, but it must be finite and at least 0")


def check_vgg(losses: AnyLosses, preprocessing: Preprocessing, source: str) -> None:
    """Refuses VGG16 weights that losses make no sense with.

    Args:
        losses: the losses.
        preprocessing: what the weights expect.
        source: where they come from, for the message.

    Raises:
        InputError: their features have another scale.
    """
    wanted = losses.vgg_preprocessing
    if wanted not in (None, preprocessing):
        raise InputError(
            f"the VGG16 weights from {source} expect {preprocessing} preprocessing, but the weights of losses "
            f"{losses.losses} belong to {wanted}'s features (Caffe's are 60 times as large as torchvision's and more, "
            f"their Gram matrices 2900 times): give a file of {wanted}'s VGG16"
        )
