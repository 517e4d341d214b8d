"""Saves the generator or the detector of a run, or of a file: `python -m experiments.export RUN OUT`."""

import sys
from collections.abc import Sequence

import tyro

from experiments.export.options import Options
from pconv_jax.common.commands import command


@command()
def main(arguments: Sequence[str]) -> None:
    """Runs the command; returns its exit code."""
    options = tyro.cli(
        Options,
        args=arguments,
        prog="python -m experiments.export",
        description="Save the generator or the damage detector of a run as one file: weights, StableHLO or ONNX.",
    )
    from experiments.export.command import export  # after the flags: `--help` need not wait for all of it

    export(options)


if __name__ == "__main__":
    sys.exit(main())
