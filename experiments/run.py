"""Trains, checkpoints and scores: `python -m experiments.run --dataset NAME`. Flags only; the work is in `loop`."""

import argparse
import sys
from collections.abc import Sequence

import tyro

from experiments.command import run_command
from experiments.config import PRESETS, Config


def parse(arguments: Sequence[str]) -> Config:
    """Settings from command line flags; the data set chooses the preset that gives the defaults.

    Args:
        arguments: flags, without the name of the program.

    Returns:
        The settings.

    Raises:
        InputError: a value that makes no sense.
        SystemExit: `--help` (code 0), or flags that cannot be read (code 2).
    """
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--dataset", default="samples")
    dataset = first.parse_known_args(arguments)[0].dataset
    preset = PRESETS.get(dataset, PRESETS["samples"])  # an unknown name is reported by the full parser
    return tyro.cli(
        Config,
        args=list(arguments),
        default=preset,
        prog="python -m experiments.run",
        description=f"Train line inpainting, and score it. Defaults shown are those of --dataset {preset.dataset}.",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code, as `run_command` has them, or 128 + signal."""

    def work() -> int:
        config = parse(sys.argv[1:] if arguments is None else arguments)
        from experiments import experiment  # after the flags: `--help` need not wait for all of it

        return experiment.run(config)

    return run_command(work, interrupted="interrupted; --resume goes on from the last checkpoint")


if __name__ == "__main__":
    sys.exit(main())
