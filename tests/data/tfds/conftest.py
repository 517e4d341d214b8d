"""TensorFlow and the user's cache are out of reach for all tests of this folder."""

import importlib.abc
import importlib.util
import sys

import pytest


class PretendedTensorFlow(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """A TensorFlow that looks installed, and remembers it if somebody imports it."""

    def __init__(self):
        self.installed, self.imported = True, False

    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_loader(name, self) if name == "tensorflow" and self.installed else None

    def exec_module(self, module):
        self.imported = True
        raise ImportError("TensorFlow must not be imported")


@pytest.fixture(autouse=True)
def tensorflow(monkeypatch, tmp_path_factory):
    """No test may import TensorFlow, or touch the user's cache."""
    pretended = PretendedTensorFlow()
    monkeypatch.setattr(sys, "meta_path", [pretended, *sys.meta_path])
    monkeypatch.setenv("PCONV_JAX_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield pretended
    assert not pretended.imported and "tensorflow" not in sys.modules
