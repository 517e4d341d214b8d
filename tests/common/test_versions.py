"""Versions of packages, for reports."""

import importlib.metadata

import pytest

from pconv_jax.common.versions import package_versions


def test_versions_are_in_the_given_order():
    versions = package_versions("numpy", "jax")
    assert list(versions.items()) == [(name, importlib.metadata.version(name)) for name in ("numpy", "jax")]
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        package_versions("no-such-package")
