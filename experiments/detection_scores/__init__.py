"""Scores of damage detectors on held-out photographs: `python -m experiments.detection_scores`."""
