"""Suite `hosts`: a training step split between processes that train together, as several hosts do, on this machine."""

import contextlib

from experiments.performance.options import Options
from experiments.performance.places import hosts
from experiments.performance.scaling import measure, step_config
from experiments.performance.table import Table
from experiments.performance.timing import available_cores


def run(options: Options) -> list[Table]:
    """Measures as many processes as `replicas` says, with one CPU device each."""
    with contextlib.ExitStack() as stack:
        runners = {count: stack.enter_context(hosts(count)) for count in sorted(set(options.replicas))}
        title = f"processes over gloo on {available_cores()} CPU cores"
        return measure(title, step_config(options), runners, repeats=options.repeats, mappings=["shard_map"])
