"""Suite `start`, the command `pconv-jax`: times of whole processes, with nothing compiled and later."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from experiments.performance.restoring import photograph
from experiments.performance.saving import mib
from experiments.performance.table import Cell, Table
from experiments.performance.timing import Timing

_MEGAPIXELS = 0.25
_COMMAND = ("-m", "pconv_jax")
_FINDS = ("--mask", "auto")


def installed_command(*, repeats: int) -> Table:
    """Times the command for one photograph, and what it cannot be faster than.

    Args:
        repeats: number of rounds; each begins with nothing compiled.
    """
    wall: dict[str, list[float]] = {}
    processor: dict[str, list[float]] = {}
    size = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image, *mask = _pair(folder)
        inpaint = (*_COMMAND, "inpaint", image, "--overwrite", "--out", str(folder / "out.png"))
        for index in range(repeats):
            print(f"start: command, {index + 1} of {repeats}", file=sys.stderr)
            cache, another = folder / str(index), folder / f"{index} finds"
            for what, arguments, programs in (
                ("import jax", ("-c", "import jax"), cache),
                ("pconv-jax --help", (*_COMMAND, "--help"), cache),
                ("pconv-jax info", (*_COMMAND, "info"), cache),
                ("pconv-jax inpaint --mask MASK, nothing compiled", (*inpaint, *mask), cache),
                ("pconv-jax inpaint --mask MASK, later", (*inpaint, *mask), cache),
                ("pconv-jax inpaint --mask auto, nothing compiled", (*inpaint, *_FINDS), another),
                ("pconv-jax inpaint --mask auto, later", (*inpaint, *_FINDS), another),
            ):
                taken = _process(arguments, programs)
                for times, seconds in zip((wall, processor), taken, strict=True):
                    times.setdefault(what, []).append(seconds)
            size = mib(cache)
    timings = {what: Timing(tuple(seconds)) for what, seconds in wall.items()}
    rows: list[dict[str, Cell]] = [
        {
            "process": what,
            "s": timing.median,
            "± %": timing.spread * 100,
            "least, s": min(timing.seconds),
            "least processor time, s": min(processor[what]),
            "over import jax": timing.over(timings["import jax"]).median,
        }
        for what, timing in timings.items()
    ]
    note = (
        f"A photograph of {_MEGAPIXELS} megapixels with scratches over 2 % of it; the interpreter is included. "
        f"The programs for --mask MASK take {size:.1f} MiB."
    )
    return Table(f"the command in {repeats} fresh processes each", rows, (note,))


def _pair(folder: Path) -> tuple[str, ...]:
    """Arguments for a damaged photograph and its mask."""
    image, mask = photograph(_MEGAPIXELS)
    paths = folder / "photograph.png", folder / "damage.png"
    for path, pixels in zip(paths, (image, np.where(mask == 0, 255, 0).astype(np.uint8)), strict=True):
        Image.fromarray(pixels).save(path)
    return str(paths[0]), "--mask", str(paths[1])


def _process(arguments: tuple[str, ...], cache: Path) -> tuple[float, float]:
    """Wall and processor seconds of a Python process."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PCONV_JAX_CACHE": str(cache)}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, encoding="utf-8", check=False
    )
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed in a fresh process:\n{done.stderr}")
    return seconds, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
