"""Scores methods side by side: `python -m experiments.evaluate --data ... --masks ... --methods ...`. Flags only."""

import sys
from collections.abc import Sequence

import tyro

from experiments.evaluate.options import Options
from pconv_jax.common.commands import run_command


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code, as `run_command` has them."""

    def work() -> None:
        options = tyro.cli(
            Options,
            args=sys.argv[1:] if arguments is None else list(arguments),
            prog="python -m experiments.evaluate",
            description="Score models and classical methods on the same pairs of image and mask.",
        )
        from experiments.evaluate.command import evaluate  # after the flags: `--help` need not wait for all of it

        evaluate(options)

    return run_command(work, interrupted="interrupted; run the same command again to resume")


if __name__ == "__main__":
    sys.exit(main())
