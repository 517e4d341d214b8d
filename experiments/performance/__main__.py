"""Flags to suites, and the figures to a file: `python -m experiments.performance`."""

import importlib
import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

import jax
import tyro

from experiments.performance.options import Options
from experiments.performance.table import Table
from pconv_jax.common.atomic_write import write_json
from pconv_jax.common.commands import command


def facts() -> dict[str, str]:
    """What the figures depend on: machine, versions and command."""
    packages = (
        "jax",
        "jaxlib",
        "flax",
        "optax",
        "orbax-checkpoint",
        "grain",
        "numpy",
        "opencv-python-headless",
        "torch",
    )
    installed = {entry.metadata["Name"]: entry.version for entry in metadata.distributions()}
    return {
        "command": shlex.join(["python", "-m", "experiments.performance", *sys.argv[1:]]),
        "devices": ", ".join(sorted({device.device_kind for device in jax.devices()})),
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores",
        "python": platform.python_version(),
        "versions": ", ".join(f"{name} {installed[name]}" for name in packages if name in installed),
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", ""),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _write(path: Path, about: Mapping[str, str], tables: Mapping[str, list[Table]]) -> None:
    figures = {suite: [table.to_json() for table in of_suite] for suite, of_suite in tables.items()}
    write_json(path, {**about, "suites": figures})


@command()
def main(arguments: Sequence[str]) -> None:
    """Runs the suites; returns the exit code."""
    options = tyro.cli(
        Options, args=arguments, prog="python -m experiments.performance", description="Measures every hot path."
    )
    about = facts()
    print("\n".join(f"{name}: {value}" for name, value in about.items() if value))
    tables: dict[str, list[Table]] = {}
    for suite in options.suites:
        print(f"\n## {suite}\n", flush=True)
        tables[suite] = importlib.import_module(f"experiments.performance.{suite}").run(options)
        for table in tables[suite]:
            print(table, flush=True)
        if options.json:
            _write(options.json, about, tables)  # after each suite: a long run that is cut short keeps what it has


if __name__ == "__main__":
    sys.exit(main())
