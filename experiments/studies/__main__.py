"""Runs a study: `python -m experiments.studies losses`. Flags only; the work is in `runner`."""

import sys
from collections.abc import Sequence

import tyro

from experiments.studies.options import Options
from pconv_jax.common.commands import run_command


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code, as `run_command` has them, or 128 + signal."""

    def work() -> int:
        options = tyro.cli(
            Options,
            args=sys.argv[1:] if arguments is None else list(arguments),
            prog="python -m experiments.studies",
            description="Train the variants that a claim of the paper is about with equal budgets, and compare them.",
        )
        from experiments.studies.runner import run  # after the flags: `--help` need not wait for all of it

        return run(options)

    return run_command(work, interrupted="interrupted; run the same command again to resume")


if __name__ == "__main__":
    sys.exit(main())
