"""Runs a study: `python -m experiments.studies losses`. Flags only; the work is in `runner`."""

import sys
from collections.abc import Sequence

import tyro

from experiments.studies.options import Options
from pconv_jax.common.commands import command


@command(interrupted="interrupted; the same command resumes where it stopped")
def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns its exit code, or 128 + signal."""
    options = tyro.cli(
        Options,
        args=arguments,
        prog="python -m experiments.studies",
        description="Train the variants that a claim of the paper is about with equal budgets, and compare them.",
    )
    from experiments.studies.runner import run  # after the flags: `--help` need not wait for all of it

    return run(options)


if __name__ == "__main__":
    sys.exit(main())
