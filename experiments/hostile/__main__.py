"""Tries hostile input at every door; exit code 1 if something came of it that should not have."""

import sys
from collections.abc import Sequence

import tyro

from experiments.hostile.all_doors import DOORS
from experiments.hostile.campaign import Campaign, Limits
from experiments.hostile.options import Options
from pconv_jax.common.commands import command
from pconv_jax.common.errors import InputError
from pconv_jax.common.progress import progress_options


@command()
def main(arguments: Sequence[str]) -> int:
    """Runs the campaign; returns the exit code."""
    from tqdm import tqdm

    options = tyro.cli(
        Options,
        args=arguments,
        prog="python -m experiments.hostile",
        description="Damage files, requests and flags, and look at what the project makes of them.",
    )
    if unknown := [name for name in options.doors if name not in DOORS]:
        raise InputError(f"unknown doors {', '.join(unknown)}; choose from {', '.join(DOORS)}")
    if options.cases < 1 or options.first < 0 or options.seed < 0:
        raise InputError("--cases must be at least 1, --first and --seed at least 0")
    chosen = [DOORS[name] for name in options.doors or DOORS]
    limits = Limits(options.seconds, options.memory_mib)
    numbers = range(options.first, options.first + options.cases)
    with tqdm(total=len(chosen) * options.cases, unit=" cases", **progress_options()) as bar:
        campaign = Campaign(options.out, limits=limits, say=bar.write)
        counts = campaign.run(chosen, seed=options.seed, numbers=numbers, progress=bar.update)
    for door, outcomes in counts.items():
        print(f"{door}: " + ", ".join(f"{outcomes[kind]} {kind}" for kind in ("used", "refused", "finding")))
    findings = sum(outcomes["finding"] for outcomes in counts.values())
    print(f"{findings} findings in {len(chosen) * options.cases} cases" + (f", kept in {options.out}" * bool(findings)))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
