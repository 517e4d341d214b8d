"""Versions of installed packages, for reports and files that say how they were made."""

import importlib.metadata


def package_versions(*packages: str) -> dict[str, str]:
    """Name -> version of installed packages."""
    return {name: importlib.metadata.version(name) for name in packages}
