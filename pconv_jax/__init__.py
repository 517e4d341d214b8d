"""Inpainting of images damaged by irregular lines, with partial convolutions in JAX.

Images are float32 `[N, H, W, 3]` in [0, 1]; masks `[N, H, W, 1]`, 1 = valid, 0 = hole.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pconv_jax.checkpoints.trained import TrainedGenerator as TrainedGenerator
    from pconv_jax.common.errors import InputError as InputError
    from pconv_jax.common.errors import WideHolesWarning as WideHolesWarning
    from pconv_jax.detection.damage_map import Choice as Choice
    from pconv_jax.detection.damage_map import DamageMap as DamageMap
    from pconv_jax.detection.detector import Detector as Detector
    from pconv_jax.detection.detector import detect as detect
    from pconv_jax.evaluation.estimate import Estimate as Estimate
    from pconv_jax.evaluation.estimate import estimate as estimate
    from pconv_jax.inpainting.grain import add_grain as add_grain
    from pconv_jax.inpainting.inpainter import Inpainter as Inpainter
    from pconv_jax.inpainting.loaded import inpaint as inpaint
    from pconv_jax.layers import PartialConv as PartialConv
    from pconv_jax.masks import random_lines as random_lines
    from pconv_jax.masks import random_strokes as random_strokes
    from pconv_jax.models import PAPER_PRESETS as PAPER_PRESETS
    from pconv_jax.models import ContextEncoder as ContextEncoder
    from pconv_jax.models import ContextEncoderConfig as ContextEncoderConfig
    from pconv_jax.models import Discriminator as Discriminator
    from pconv_jax.models import DiscriminatorConfig as DiscriminatorConfig
    from pconv_jax.models import FillCorrectingConfig as FillCorrectingConfig
    from pconv_jax.models import FillCorrectingGenerator as FillCorrectingGenerator
    from pconv_jax.models import LiuConfig as LiuConfig
    from pconv_jax.models import LiuGenerator as LiuGenerator
    from pconv_jax.models import PaperConfig as PaperConfig
    from pconv_jax.models import PaperGenerator as PaperGenerator
    from pconv_jax.models import PathakFeatures as PathakFeatures
    from pconv_jax.models import PathakFeaturesConfig as PathakFeaturesConfig
    from pconv_jax.ops import partial_conv as partial_conv
    from pconv_jax.synthesis.refine import refine as refine
    from pconv_jax.synthesis.settings import SynthesisSettings as SynthesisSettings

__version__ = "0.2.0"
__all__ = [
    "PAPER_PRESETS",
    "Choice",
    "ContextEncoder",
    "ContextEncoderConfig",
    "DamageMap",
    "Detector",
    "Discriminator",
    "DiscriminatorConfig",
    "Estimate",
    "FillCorrectingConfig",
    "FillCorrectingGenerator",
    "Inpainter",
    "InputError",
    "LiuConfig",
    "LiuGenerator",
    "PaperConfig",
    "PaperGenerator",
    "PartialConv",
    "PathakFeatures",
    "PathakFeaturesConfig",
    "SynthesisSettings",
    "TrainedGenerator",
    "WideHolesWarning",
    "__version__",
    "add_grain",
    "detect",
    "estimate",
    "inpaint",
    "partial_conv",
    "random_lines",
    "random_strokes",
    "refine",
]

# Imported on first use, so that `import pconv_jax` alone is fast.
_MODULES = {
    "PAPER_PRESETS": "models",
    "Choice": "detection.damage_map",
    "ContextEncoder": "models",
    "ContextEncoderConfig": "models",
    "LiuConfig": "models",
    "LiuGenerator": "models",
    "DamageMap": "detection.damage_map",
    "Detector": "detection.detector",
    "Discriminator": "models",
    "DiscriminatorConfig": "models",
    "FillCorrectingConfig": "models",
    "FillCorrectingGenerator": "models",
    "Estimate": "evaluation.estimate",
    "InputError": "common.errors",
    "Inpainter": "inpainting.inpainter",
    "PaperConfig": "models",
    "PaperGenerator": "models",
    "PartialConv": "layers",
    "PathakFeatures": "models",
    "PathakFeaturesConfig": "models",
    "SynthesisSettings": "synthesis.settings",
    "TrainedGenerator": "checkpoints.trained",
    "WideHolesWarning": "common.errors",
    "add_grain": "inpainting.grain",
    "detect": "detection.detector",
    "estimate": "evaluation.estimate",
    "inpaint": "inpainting.loaded",
    "partial_conv": "ops",
    "random_lines": "masks",
    "random_strokes": "masks",
    "refine": "synthesis.refine",
}
# Names of earlier versions, and what to use now.
_RENAMED = {
    "GENERATORS": "PAPER_PRESETS",
    "Generator": "PaperGenerator",
    "GeneratorConfig": "PaperConfig",
    "PyramidConfig": "FillCorrectingConfig",
    "PyramidGenerator": "FillCorrectingGenerator",
    "Restorer": "Inpainter.from_pretrained",
    "restore": "Inpainter.from_run",
    "widest_closed_line": "PaperConfig.widest_line",
}


if not TYPE_CHECKING:  # otherwise type checkers would accept any name

    def __getattr__(name: str) -> Any:
        if name in _RENAMED:
            raise AttributeError(f"pconv_jax.{name} is gone: use pconv_jax.{_RENAMED[name]}")
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *_MODULES]
