"""Trains, checkpoints and scores: `python -m experiments.run --dataset NAME`. Flags only; the work is in `train`."""

import argparse
import sys
from collections.abc import Sequence

import tyro

from experiments.train.config import Config
from experiments.train.presets import PRESETS
from pconv_jax.common.commands import command

_PROGRAM = "python -m experiments.run"


def parse(arguments: Sequence[str]) -> Config:
    """Settings from command line flags; `--preset`, or else the data set, chooses what gives the defaults.

    Args:
        arguments: flags, without the name of the program.

    Returns:
        The settings.

    Raises:
        InputError: a value that makes no sense.
        SystemExit: `--help` (code 0), or flags that cannot be read (code 2).
    """
    first = argparse.ArgumentParser(prog=_PROGRAM, add_help=False, allow_abbrev=False)
    first.add_argument("--dataset")
    first.add_argument("--preset", choices=PRESETS)
    found, rest = first.parse_known_args(arguments)
    name = found.preset or (found.dataset if found.dataset in PRESETS else "samples")  # the full parser reports others
    if found.dataset is not None:
        rest = [*rest, "--dataset", found.dataset]
    return tyro.cli(
        tyro.conf.OmitArgPrefixes[Config],  # a flag has the name of its setting, whatever section it is in
        args=rest,
        default=PRESETS[name],
        prog=_PROGRAM,
        description=(
            "Train line inpainting, and score it. "
            f"--preset NAME gives the defaults ({', '.join(PRESETS)}; by default that of --dataset); here, of {name}."
        ),
    )


@command(interrupted="interrupted; --resume continues from the last checkpoint")
def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns its exit code, or 128 + signal."""
    config = parse(arguments)
    from experiments.train import experiment  # after the flags: `--help` need not wait for all of it

    return experiment.run(config)


if __name__ == "__main__":
    sys.exit(main())
