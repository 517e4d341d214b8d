"""The networks, one file each: the generators, the discriminators, and VGG16."""

from pconv_jax.models.context_encoder import ContextEncoder, ContextEncoderConfig
from pconv_jax.models.discriminator import Discriminator, DiscriminatorConfig
from pconv_jax.models.fill_correcting import FillCorrectingConfig, FillCorrectingGenerator
from pconv_jax.models.interface import AnyDiscriminatorConfig, AnyGenerator, AnyGeneratorConfig
from pconv_jax.models.liu import LiuConfig, LiuGenerator
from pconv_jax.models.paper import PAPER_PRESETS, PaperConfig, PaperGenerator
from pconv_jax.models.pathak_features import PathakFeatures, PathakFeaturesConfig
from pconv_jax.models.registry import NETWORKS, config_from_json, config_to_json

__all__ = [
    "NETWORKS",
    "PAPER_PRESETS",
    "AnyDiscriminatorConfig",
    "AnyGenerator",
    "AnyGeneratorConfig",
    "ContextEncoder",
    "ContextEncoderConfig",
    "Discriminator",
    "DiscriminatorConfig",
    "FillCorrectingConfig",
    "FillCorrectingGenerator",
    "LiuConfig",
    "LiuGenerator",
    "PaperConfig",
    "PaperGenerator",
    "PathakFeatures",
    "PathakFeaturesConfig",
    "config_from_json",
    "config_to_json",
]
