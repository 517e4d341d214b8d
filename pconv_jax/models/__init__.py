"""The networks, one file each: the generators, the discriminators, the damage detector, and VGG16."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

# Imported on first use: Flax, which all of them need, takes half as long as JAX.
_MODULES = {
    "AnyDiscriminatorConfig": "interface",
    "AnyGenerator": "interface",
    "AnyGeneratorConfig": "interface",
    "ContextEncoder": "context_encoder",
    "ContextEncoderConfig": "context_encoder",
    "Discriminator": "discriminator",
    "DiscriminatorConfig": "discriminator",
    "FillCorrectingConfig": "fill_correcting",
    "FillCorrectingGenerator": "fill_correcting",
    "LiuConfig": "liu",
    "LiuGenerator": "liu",
    "NETWORKS": "registry",
    "PAPER_PRESETS": "paper",
    "PaperConfig": "paper",
    "PaperGenerator": "paper",
    "PathakFeatures": "pathak_features",
    "PathakFeaturesConfig": "pathak_features",
    "config_from_json": "registry",
    "config_to_json": "registry",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
