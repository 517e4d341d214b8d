"""The two losses of adversarial training."""

import jax
import jax.numpy as jnp
import optax


def adversarial_loss(fake_logits: jax.Array) -> jax.Array:
    """Adversarial loss of the generator, in its non-saturating form.

    Args:
        fake_logits: discriminator's logits of the generator's output.

    Returns:
        Scalar: binary cross-entropy with logits against "real".

    References:
        Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014, section 3; Pathak et al., CVPR 2016, equation 2.
    """
    logits = fake_logits.astype(jnp.float32)
    return jnp.mean(optax.sigmoid_binary_cross_entropy(logits, jnp.ones_like(logits)))


def discriminator_loss(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
    """Loss of the discriminator: the mean of the binary cross-entropies of real and of generated images.

    Args:
        real_logits: logits of ground truth images.
        fake_logits: logits of the generator's output.

    Returns:
        Scalar; log 2 = 0.693 for a discriminator that cannot tell them apart.

    References:
        Pathak et al., Context Encoders, CVPR 2016, equation 2.
    """
    real_logits, fake_logits = (logits.astype(jnp.float32) for logits in (real_logits, fake_logits))
    real = optax.sigmoid_binary_cross_entropy(real_logits, jnp.ones_like(real_logits))
    fake = optax.sigmoid_binary_cross_entropy(fake_logits, jnp.zeros_like(fake_logits))
    return 0.5 * (jnp.mean(real) + jnp.mean(fake))
