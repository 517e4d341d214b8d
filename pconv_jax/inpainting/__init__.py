"""Inpainting of arrays of any size; only what is near the damage is computed."""
