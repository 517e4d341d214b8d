"""Scores damage detectors: `python -m experiments.detection_scores`. Flags only."""

import sys
from collections.abc import Sequence

import tyro

from experiments.detection_scores.options import Options
from pconv_jax.common.commands import command


@command()
def main(arguments: Sequence[str]) -> None:
    """Runs the command."""
    options = tyro.cli(
        Options,
        args=arguments,
        prog="python -m experiments.detection_scores",
        description="Score the damage detector and classical ones on photographs with damage laid over them.",
    )
    options.check()
    from experiments.detection_scores.command import evaluate  # after the flags: `--help` need not wait for all of it

    evaluate(options)


if __name__ == "__main__":
    sys.exit(main())
