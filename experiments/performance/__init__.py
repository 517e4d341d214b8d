"""Performance benchmark: `python -m experiments.performance`. One file a suite; the results are in PERFORMANCE.md."""
