"""Inpainting of images damaged by irregular lines, with partial convolutions in JAX.

Images are float32 `[N, H, W, 3]` in [0, 1]; masks `[N, H, W, 1]`, 1 = valid, 0 = hole.
"""

import importlib
from typing import Any

# Looked up on first use: `import pconv_jax` alone costs nothing.
_HOME = {
    "Discriminator": "models",
    "DiscriminatorConfig": "models",
    "PAPER_PRESETS": "models",
    "PaperGenerator": "models",
    "PaperConfig": "models",
    "InputError": "common.errors",
    "Inpainter": "inpainting.inpainter",
    "PartialConv": "layers",
    "FillCorrectingConfig": "models",
    "FillCorrectingGenerator": "models",
    "TrainedGenerator": "checkpoints.trained",
    "inpaint": "inpainting.inpainter",
    "load_run": "checkpoints.trained",
    "partial_conv": "ops",
    "random_lines": "masks",
    "random_strokes": "masks",
    "widest_closed_line": "models",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *_HOME]
