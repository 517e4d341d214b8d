"""The networks, one file each: the paper's generator, that for photographs, and the discriminator."""

from pconv_jax.models.discriminator import Discriminator, DiscriminatorConfig
from pconv_jax.models.fill_correcting import PyramidConfig, PyramidGenerator
from pconv_jax.models.paper import GENERATORS, Generator, GeneratorConfig
from pconv_jax.models.reach import widest_closed_line
from pconv_jax.models.registry import (
    AnyGenerator,
    AnyGeneratorConfig,
    build_generator,
    config_from_notes,
    generator_notes,
)

__all__ = [
    "GENERATORS",
    "AnyGenerator",
    "AnyGeneratorConfig",
    "Discriminator",
    "DiscriminatorConfig",
    "Generator",
    "GeneratorConfig",
    "PyramidConfig",
    "PyramidGenerator",
    "build_generator",
    "config_from_notes",
    "generator_notes",
    "widest_closed_line",
]
