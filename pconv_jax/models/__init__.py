"""The networks, one file each: the paper's generator, the fill-correcting one, the discriminator; and VGG16."""

from pconv_jax.models.discriminator import Discriminator, DiscriminatorConfig
from pconv_jax.models.fill_correcting import FillCorrectingConfig, FillCorrectingGenerator
from pconv_jax.models.interface import AnyGenerator, AnyGeneratorConfig
from pconv_jax.models.paper import PAPER_PRESETS, PaperConfig, PaperGenerator
from pconv_jax.models.registry import NETWORKS, config_from_json, config_to_json

__all__ = [
    "NETWORKS",
    "PAPER_PRESETS",
    "AnyGenerator",
    "AnyGeneratorConfig",
    "Discriminator",
    "DiscriminatorConfig",
    "FillCorrectingConfig",
    "FillCorrectingGenerator",
    "PaperConfig",
    "PaperGenerator",
    "config_from_json",
    "config_to_json",
]
