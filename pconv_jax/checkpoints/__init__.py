"""Checkpoints and weights: Orbax, safetensors, the bundled weights, and loading a trained generator."""
