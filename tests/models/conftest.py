"""Small networks of the paper for all tests of this folder."""

import pytest
from networks import build
from paper_configs import PAPER, PLAIN, SMALL


@pytest.fixture(scope="session")
def small():
    return build(SMALL)


@pytest.fixture(scope="session")
def plain():
    return build(PLAIN)


@pytest.fixture(scope="session")
def paper():
    return build(PAPER)
