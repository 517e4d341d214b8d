"""Scores of models and classical methods on damage that anyone can repeat: `python -m experiments.evaluate`."""
