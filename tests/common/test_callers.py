"""Whose line a warning names."""

import os

from pconv_jax.common import callers


def level_in(file):
    """The level that code in another file gets when it is called from here."""
    names = {"callers_level": callers.callers_level}
    exec(compile("level = callers_level()", file, "exec"), names)
    return names["level"]


def test_the_package_ends_where_its_folder_does():
    folder = os.path.dirname(os.path.dirname(callers.__file__))
    assert level_in(os.path.join(folder, "some", "module.py")) == 2  # this file
    assert level_in(f"{folder}_tool.py") == 1
    assert level_in(os.path.join(os.path.dirname(folder), "tool.py")) == 1
