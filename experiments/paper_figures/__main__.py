"""Draws the paper's figures: `python -m experiments.paper_figures RUN`, or `--weights NAME`. Flags only."""

import sys
from collections.abc import Sequence

import tyro

from experiments.paper_figures.command import draw
from experiments.paper_figures.options import Flags
from pconv_jax.common.commands import command


@command()
def main(arguments: Sequence[str]) -> None:
    """Runs the command; returns its exit code."""
    flags = tyro.cli(
        Flags,
        args=arguments,
        prog="python -m experiments.paper_figures",
        description="Draw the paper's figures from a finished run, or from weights.",
    )
    for path in draw(flags):
        print(path)


if __name__ == "__main__":
    sys.exit(main())
