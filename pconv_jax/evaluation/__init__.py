"""Scoring: metrics, classical baselines, perceptual distances, mask sets, statistics."""
