"""One untrained network, and what inpaints with it, for all tests of this folder."""

import pytest
from inpainter_examples import SMALL, untrained

from pconv_jax.inpainting.inpainter import Inpainter


@pytest.fixture(scope="session")
def model():
    return untrained()


@pytest.fixture(scope="session")
def inpainter(model):
    return Inpainter(model, windows=SMALL)
