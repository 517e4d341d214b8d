"""Benchmarks of every hot path: `python -m experiments.benchmark`. One file a suite; PERFORMANCE.md holds results."""
