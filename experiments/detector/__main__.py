"""Trains the damage detector: `python -m experiments.detector --dataset folder --data-dir PHOTOGRAPHS`."""

from collections.abc import Sequence

import tyro

from experiments.detector.config import Config
from pconv_jax.common.commands import command, leave


@command(interrupted="interrupted; --resume continues from the last checkpoint")
def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns its exit code, or 128 + signal."""
    config = tyro.cli(
        tyro.conf.OmitArgPrefixes[Config],
        args=arguments,
        prog="python -m experiments.detector",
        description="Train the detector of scratches, hairs and dust on photographs without damage.",
    )
    from experiments.detector import experiment  # after the flags: `--help` need not wait for all of it

    return experiment.run(config)


if __name__ == "__main__":
    leave(main())
