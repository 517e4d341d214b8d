"""Random keys of seeds of any size."""

import jax

_LARGEST = 2**32  # larger seeds JAX cuts to their last 32 bits, so that they repeat smaller ones


def key_of(seed: int) -> jax.Array:
    """The random key of a seed.

    Args:
        seed: any integer from 0 to 2^63 - 1; below 2^32 the key is that of `jax.random.key`.

    Returns:
        A key, another one for each seed.
    """
    key = jax.random.key(seed % _LARGEST)
    return jax.random.fold_in(key, seed // _LARGEST) if seed >= _LARGEST else key
