"""Restoring photographs in files: where their holes are, what is to be done, and doing it."""
