"""The performance benchmark: runs the chosen suites, prints their tables and writes them to a file."""

import importlib
import importlib.util
import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
import tyro

from experiments.performance.options import Options
from experiments.performance.table import Table
from experiments.performance.timing import available_cores
from pconv_jax.common.atomic_write import write_json
from pconv_jax.common.commands import command
from pconv_jax.common.jax_start import prepare_jax
from pconv_jax.common.output_folder import check_output_file
from pconv_jax.common.versions import package_versions

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy", "opencv-contrib-python-headless")


def environment(program: str = "python -m experiments.performance") -> dict[str, str]:
    """What the timings of a program depend on: machine, versions and command."""
    versions = package_versions(*_PACKAGES, *(("torch",) if importlib.util.find_spec("torch") else ()))
    return {
        "command": " ".join([program, *map(shlex.quote, sys.argv[1:])]),
        "devices": ", ".join(sorted({device.device_kind for device in jax.devices()})),
        "processor": f"{_processor()}, {available_cores()} cores",
        "python": platform.python_version(),
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", ""),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _write(path: Path, about: Mapping[str, str], results: Mapping[str, list[Table]]) -> None:
    write_json(
        path, {**about, "suites": {suite: [each.to_json() for each in tables] for suite, tables in results.items()}}
    )


@command()
def main(arguments: Sequence[str]) -> None:
    """Runs the suites; returns the exit code."""
    options = tyro.cli(
        Options,
        args=arguments,
        prog="python -m experiments.performance",
        description="Measure time and memory of the chosen suites.",
    )
    options.check()
    if options.json:
        check_output_file(options.json, flag="--json")
    prepare_jax(keep_programs=False)  # or it would depend on earlier runs what is measured
    about = environment()
    print("\n".join(f"{name}: {value}" for name, value in about.items() if value))
    results: dict[str, list[Table]] = {}
    for suite in options.suites:
        print(f"\n## {suite}\n", flush=True)
        results[suite] = importlib.import_module(f"experiments.performance.{suite}").run(options)
        for table in results[suite]:
            print(table, flush=True)
        if options.json:
            _write(options.json, about, results)  # after each suite, so that an interrupted run keeps its results


if __name__ == "__main__":
    sys.exit(main())
