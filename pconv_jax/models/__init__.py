"""The networks, one file each: the paper's generator, that for photographs, and the discriminator."""

from pconv_jax.models.discriminator import Discriminator, DiscriminatorConfig
from pconv_jax.models.fill_correcting import FillCorrectingConfig, FillCorrectingGenerator
from pconv_jax.models.paper import PAPER_PRESETS, PaperConfig, PaperGenerator
from pconv_jax.models.reach import widest_closed_line
from pconv_jax.models.registry import (
    AnyGenerator,
    AnyGeneratorConfig,
    build_generator,
    config_from_json,
    config_to_json,
)

__all__ = [
    "PAPER_PRESETS",
    "AnyGenerator",
    "AnyGeneratorConfig",
    "Discriminator",
    "DiscriminatorConfig",
    "FillCorrectingConfig",
    "FillCorrectingGenerator",
    "PaperConfig",
    "PaperGenerator",
    "build_generator",
    "config_from_json",
    "config_to_json",
    "widest_closed_line",
]
