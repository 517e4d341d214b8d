"""Classical methods by name: what each is, and the package that it comes from."""

from collections.abc import Mapping

from pconv_jax.evaluation.baselines import Method, biharmonic, fill, mean_fill, navier_stokes, telea
from pconv_jax.evaluation.composites import blacken_holes
from pconv_jax.evaluation.extra_baselines import (
    fsr_best,
    fsr_fast,
    patchmatch,
    shift_map,
)

CLASSICAL_METHODS: Mapping[str, Method] = {
    "unrepaired": blacken_holes,
    "mean": mean_fill,
    "ns": navier_stokes,
    "telea": telea,
    "biharmonic": biharmonic,
    "fill": fill,
    "fsr_fast": fsr_fast,
    "fsr_best": fsr_best,
    "shift_map": shift_map,
    "patchmatch": patchmatch,
}
"""By their names in commands and tables; "unrepaired" leaves the holes black, the score that any method has to beat."""

CLASSICAL_PACKAGES = {
    "ns": "opencv-contrib-python-headless",
    "telea": "opencv-contrib-python-headless",
    "biharmonic": "scikit-image",
    "fill": "pconv_jax",
    "fsr_fast": "opencv-contrib-python-headless",
    "fsr_best": "opencv-contrib-python-headless",
    "shift_map": "opencv-contrib-python-headless",
    "patchmatch": "PyPatchMatch",
}
"""The package of each classical method: results depend on its version, OpenCV's for example."""
