"""Trains, checkpoints and scores: `python -m experiments.run --dataset NAME`. Flags only; the work is in `loop`."""

import argparse
import sys
from collections.abc import Sequence

import tyro

from experiments.config import PRESETS, Config
from pconv_jax.errors import InputError, TrainingError


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
    """Runs the command; returns its exit code: 0, 1 for a failed run, 2 for a user's mistake, 128 + signal."""
    try:
        config = parse(sys.argv[1:] if arguments is None else arguments)
        from experiments import experiment  # after the flags: `--help` need not wait for all of it

        return experiment.run(config)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except TrainingError as error:
        print(f"stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; --resume goes on from the last checkpoint", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
