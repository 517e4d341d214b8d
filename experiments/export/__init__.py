"""Saves trained networks: as weights of this project, or as programs that run without it."""
