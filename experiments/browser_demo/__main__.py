"""Builds the page: `python -m experiments.browser_demo OUT --runtime onnxruntime-web-1.30.0.tgz`."""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import tyro

from pconv_jax.checkpoints.bundled import DEFAULT_WEIGHTS
from pconv_jax.common.commands import command


@dataclasses.dataclass(frozen=True)
class Options:
    """What the page is made of.

    Attributes:
        out: folder of the page; it is created, and files of an earlier page replaced.
        runtime: the package of ONNX Runtime for browsers, as `npm pack onnxruntime-web@1.30.0` saves it.
        weights: name of bundled weights, a .safetensors file, or the output folder of a training run.
    """

    out: tyro.conf.Positional[Path]
    runtime: Path
    weights: Path = Path(DEFAULT_WEIGHTS)


@command()
def main(arguments: Sequence[str]) -> None:
    """Runs the command; returns its exit code."""
    options = tyro.cli(
        Options,
        args=arguments,
        prog="python -m experiments.browser_demo",
        description="Make a folder of static files that restores photographs in the browser. Nothing is uploaded.",
    )
    from experiments.browser_demo.build import build  # after the flags: `--help` need not wait for all of it

    build(options.out, options.runtime, options.weights)


if __name__ == "__main__":
    sys.exit(main())
