"""The page, served to the tests, and a photograph with a scratch."""

import pytest


@pytest.fixture(scope="module")
def page(tmp_path_factory, weights):
    """One page for all tests of a file."""
    from served import served

    with served(tmp_path_factory.mktemp("page"), weights) as client:
        yield client


@pytest.fixture
def fresh(tmp_path, weights):
    """A page without photographs, whose results go to `page/out`."""
    from served import served

    with served(tmp_path / "page", weights) as client:
        yield client


@pytest.fixture
def photo(tmp_path):
    from restoring import save
    from served import DAMAGED

    return save(tmp_path / "a.png", DAMAGED)
