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


@pytest.fixture(scope="session")
def chromium():
    """One browser for all tests of a process."""
    from browser import open_chromium

    with open_chromium() as browser:
        yield browser


@pytest.fixture
def person(tmp_path, weights, chromium):
    from person import Person
    from served import served

    with served(tmp_path / "page", weights) as page:
        yield Person(chromium, page)
        chromium.get("about:blank")  # or it would ask on


@pytest.fixture
def scan(tmp_path):
    """A photograph in a size that a person can point into."""
    from person import DAMAGED
    from restoring import save

    return save(tmp_path / "a scan.png", DAMAGED)
