"""Suite `finding`: time and memory to look for damage in whole photographs, by size, beside classical detectors."""

import functools
import sys

from experiments.performance.options import Options
from experiments.performance.restoring import MAX_REPEATED, WARM_UP, photograph
from experiments.performance.table import Cell, Table
from experiments.performance.timing import compared, in_fresh_process, interleave, peak_mib
from pconv_jax.detection.detector import Detector
from pconv_jax.evaluation.detection import Response, classical_detectors

OURS, BEST = "this package", "this package, --best"
METHODS = (OURS, BEST, *classical_detectors())
_LARGEST = {"frangi": 8.0, "meijering": 8.0, "sato": 8.0}
"""Megapixels above which a method is left out: the ridge filters of scikit-image hold dozens of copies of the image."""


def run(options: Options) -> list[Table]:
    """Measures each detector at each size."""
    rows: list[dict[str, Cell]] = []
    for megapixels in options.megapixels:
        print(f"finding: {megapixels:g} megapixels", file=sys.stderr, flush=True)
        names = [name for name in METHODS if megapixels <= _LARGEST.get(name, megapixels)]
        image = photograph(megapixels)[0]
        methods = {name: build_method(name) for name in names}
        for name in (OURS, BEST):
            methods[name](image)  # compiles what it needs
        timings = interleave(
            {name: functools.partial(find, image) for name, find in methods.items()},
            repeats=options.repeats if megapixels <= MAX_REPEATED else 1,
            warmup=1 if megapixels <= MAX_REPEATED else 0,
        )
        peak = functools.partial(_peak, megapixels)
        rows += compared(timings, OURS, "times this package", peak, megapixels=megapixels)
    return [
        Table(
            "Looking for damage in a photograph, 8 bits RGB",
            rows,
            (
                f"peak: growth of the peak memory of a fresh process after an image of {WARM_UP} px; it includes the "
                "maps and compilation for further window sizes.",
                f"Above {MAX_REPEATED} megapixel, each method was timed once; the ridge filters stop at "
                f"{max(_LARGEST.values()):g}.",
            ),
        )
    ]


def build_method(name: str) -> Response:
    """One of `METHODS`: from an image, uint8 `[H, W, 3]`, to its response `[H, W]`."""
    if name in (OURS, BEST):
        detector = Detector.from_pretrained(best=name == BEST)
        return lambda image: detector(image).probability
    return classical_detectors()[name]


def _peak(megapixels: float, name: str) -> float:
    growth: float = in_fresh_process(peak_growth, name, megapixels)
    return growth


def peak_growth(name: str, megapixels: float) -> float:
    """Growth of the peak memory of this process, which should be a fresh one, by one photograph, MiB."""
    find = build_method(name)
    find(photograph(WARM_UP**2 / 1e6)[0])
    image = photograph(megapixels)[0]
    before = peak_mib()
    find(image)
    return peak_mib() - before
