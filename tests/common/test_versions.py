"""Versions of packages, for reports."""

import importlib.metadata

from pconv_jax.common.versions import package_versions


def test_versions_are_in_the_given_order_without_packages_that_are_not_installed():
    assert package_versions(("numpy", "no-such-package", "jax")) == {
        "numpy": importlib.metadata.version("numpy"),
        "jax": importlib.metadata.version("jax"),
    }
    assert list(package_versions(("pillow", "jax"))) == ["pillow", "jax"]
