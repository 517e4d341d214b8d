"""The losses of Pathak et al. for the context encoder: squared error with a weight for the known rim, and adversarial.

Images `[N, P, P, 3]` in [0, 1] are the predicted region (`ContextEncoderConfig.predicted`); every loss is a float32
scalar, the mean over the batch.
"""

import jax
import jax.numpy as jnp
import optax

L2_WEIGHT, ADVERSARIAL_WEIGHT = 0.999, 0.001
RIM_WEIGHT = 10.0  # the prediction has to agree with what is known next to the hole


def region_l2(output: jax.Array, target: jax.Array, mask: jax.Array, *, rim_weight: float = RIM_WEIGHT) -> jax.Array:
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


def generator_loss(l2: jax.Array, fake_logits: jax.Array) -> jax.Array:
    """0.999 times the squared error plus 0.001 times the cross-entropy of generated regions against "real".

    Args:
        l2: `region_l2`.
        fake_logits: discriminator's logits `[N]` of the predicted region.

    Returns:
        Scalar.

    References:
        Pathak et al., CVPR 2016, equation 3.
    """
    return L2_WEIGHT * l2 + ADVERSARIAL_WEIGHT * _cross_entropy(fake_logits, 1.0)


def discriminator_loss(real_logits: jax.Array, fake_logits: jax.Array, *, halved: bool) -> jax.Array:
    """Cross-entropy of real regions against "real" plus that of generated ones against "fake".

    Args:
        real_logits: logits `[N]` of the ground truth.
        fake_logits: logits `[N]` of the prediction.
        halved: False is the sum, as in the authors' release; True half of it, as `losses.discrimination` is. Adam's
            steps are the same for both, but for its epsilon.

    Returns:
        Scalar; 2 log 2, or log 2, for a discriminator that cannot tell them apart.
    """
    total = _cross_entropy(real_logits, 1.0) + _cross_entropy(fake_logits, 0.0)
    return 0.5 * total if halved else total


def _cross_entropy(logits: jax.Array, label: float) -> jax.Array:
    return jnp.mean(optax.sigmoid_binary_cross_entropy(logits, jnp.full_like(logits, label)))
