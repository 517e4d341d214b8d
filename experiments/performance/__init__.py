"""Benchmarks of every hot path: `python -m experiments.performance`. One file a suite; PERFORMANCE.md holds results."""
