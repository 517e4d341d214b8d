"""The networks, one file each: the paper's generator and the discriminator it is trained against."""

from pconv_jax.models.discriminator import Discriminator, DiscriminatorConfig
from pconv_jax.models.generator import GENERATORS, Generator, GeneratorConfig
from pconv_jax.models.reach import widest_closed_line

__all__ = [
    "GENERATORS",
    "Discriminator",
    "DiscriminatorConfig",
    "Generator",
    "GeneratorConfig",
    "widest_closed_line",
]
