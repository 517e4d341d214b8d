"""Versions of installed packages, for reports and error descriptions."""

import importlib.metadata
from collections.abc import Iterable


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """Versions of installed packages.

    Args:
        names: names of distributions, such as `opencv-python-headless`.

    Returns:
        The version of each by its name, in the same order; packages that are not installed are left out.
    """
    versions = {}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
