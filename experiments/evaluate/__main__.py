"""Scores methods side by side: `python -m experiments.evaluate --dataset ... --masks ... --methods ...`. Flags only."""

import sys
from collections.abc import Sequence

import tyro

from experiments.evaluate.options import Options
from pconv_jax.common.commands import command


@command(interrupted="interrupted; the same command resumes where it stopped")
def main(arguments: Sequence[str]) -> None:
    """Runs the command; returns its exit code."""
    options = tyro.cli(
        Options,
        args=arguments,
        prog="python -m experiments.evaluate",
        description="Score models and classical methods on the same pairs of image and mask.",
    )
    from experiments.evaluate.command import evaluate  # after the flags: `--help` need not wait for all of it

    evaluate(options)


if __name__ == "__main__":
    sys.exit(main())
