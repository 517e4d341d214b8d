"""Training of the damage detector: `python -m experiments.detector`."""
