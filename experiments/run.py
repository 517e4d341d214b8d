"""Trains, checkpoints and scores: `python -m experiments.run --dataset NAME`. Flags only; the work is in `train`."""

import argparse
import dataclasses
from collections.abc import Sequence

import tyro

from experiments.train.config import Config
from experiments.train.presets import PAPER_DATASETS, PRESETS
from experiments.train.sections import GeneratorOptions
from pconv_jax.common.commands import command, leave
from pconv_jax.data import MERGEABLE
from pconv_jax.losses import LOSSES

_PROGRAM = "python -m experiments.run"


def parse(arguments: Sequence[str]) -> Config:
    """Settings from command line flags; `--preset`, or else the data set, chooses what gives the defaults.

    Preset `paper` is that of the data set, where the paper has it. The options of a preset's generator (`--head`, ...)
    are not those of another one that is chosen, its splits are official in a data set that cannot merge them, and its
    number of steps gives way to --epochs.

    Args:
        arguments: flags, without the name of the program.

    Returns:
        The settings.

    Raises:
        InputError: a value that makes no sense.
        SystemExit: `--help` (code 0), or flags that cannot be read (code 2).
    """
    first = argparse.ArgumentParser(prog=_PROGRAM, usage=argparse.SUPPRESS, add_help=False, allow_abbrev=False)
    first.add_argument("--dataset")
    first.add_argument("--preset", choices=PRESETS)
    first.add_argument("--losses", choices=LOSSES)
    first.add_argument("--generator")
    first.add_argument("--epochs")
    first.add_argument("--steps")
    found, rest = first.parse_known_args(arguments)
    name = found.preset or (found.dataset if found.dataset in PRESETS else "samples")  # the full parser reports others
    if name == "paper" and found.dataset in PAPER_DATASETS:
        name = found.dataset
    for passed_on in ("dataset", "generator", "epochs", "steps"):
        if (value := getattr(found, passed_on)) is not None:
            rest = [*rest, f"--{passed_on}", value]
    preset = PRESETS[name]
    if found.dataset is not None and found.dataset not in MERGEABLE:
        preset = preset.replace(splits="official")
    if found.losses:
        preset = preset.replace(losses=found.losses)
    if found.epochs is not None and found.steps is None:
        preset = preset.replace(steps=None)
    if found.generator not in (None, preset.network.generator):
        network = dataclasses.replace(preset.network, options=GeneratorOptions())
        preset = dataclasses.replace(preset, network=network)
    return tyro.cli(
        # A flag has the name of its setting, whatever section it is in; the losses that are chosen give theirs.
        tyro.conf.OmitArgPrefixes[tyro.conf.AvoidSubcommands[Config]],
        args=rest,
        default=preset,
        prog=_PROGRAM,
        description=(
            f"Train line inpainting, and score it. The defaults shown here are those of preset {name}. --preset NAME "
            f"takes others: {', '.join(PRESETS)}; without it the preset is that of --dataset."
        ),
    )


@command(interrupted="interrupted; --resume continues from the last checkpoint")
def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns its exit code, or 128 + signal."""
    config = parse(arguments)
    from experiments.train import experiment  # after the flags: `--help` need not wait for all of it

    return experiment.run(config)


if __name__ == "__main__":
    leave(main())
