"""Which job of the page comes next: what somebody waits for, then the photograph that is looked at, then the rest."""

import threading

import pytest

from pconv_jax.page.jobs import Jobs


@pytest.fixture
def held():
    """Jobs that wait for one that runs until `release` is set; `began` lists those that were begun."""
    jobs = Jobs()
    jobs.release, jobs.began = threading.Event(), []
    jobs.submit("wait", "0", lambda job: jobs.release.wait(30))
    while jobs.to_json()[0]["state"] == "waiting":
        pass
    yield jobs
    jobs.release.set()
    jobs.close()


def begin(jobs, *named):
    """Queues jobs "KIND PHOTOGRAPH"."""
    for name in named:
        jobs.submit(*name.split(), lambda job, name=name: jobs.began.append(name))
    return jobs.listed()[-len(named) :]


@pytest.mark.parametrize(
    ("chosen", "queued", "done"),
    [
        ("", ["find a", "find b", "open c", "find c"], ["open c", "find a", "find b", "find c"]),
        ("c", ["find a", "find b", "find c"], ["find c", "find a", "find b"]),
        ("c", ["find a", "find c", "open d", "save a"], ["find a", "save a", "open d", "find c"]),  # in its order
        ("", ["open a", "find a", "restore b", "download c"], ["restore b", "download c", "open a", "find a"]),
        ("", ["find a", "close b"], ["close b", "find a"]),
    ],
)
def test_what_somebody_waits_for_comes_first(held, chosen, queued, done):
    held.chosen = chosen
    waiting = begin(held, *queued)
    before = {f"{each['kind']} {each['photograph']}": each["before"] for each in held.to_json()[1:]}
    assert before == {name: place for place, name in enumerate(done, 1)}
    held.release.set()
    assert all(job.finished.wait(10) for job in waiting)
    assert held.began == done


def test_a_search_lets_what_is_asked_for_pass():
    jobs, order, seen = Jobs(), [], []

    def other(job):
        order.append(f"{job.kind} {job.photograph}")
        seen.append([(each["kind"], each["state"], each["before"]) for each in jobs.to_json()[:2]])

    def look(job):
        job.progress(1, 3)
        waiting = [jobs.submit(kind, name, other) for kind, name in (("find", "c"), ("restore", "a"), ("restore", "b"))]
        job.progress(2, 3)
        order.append("found a")
        assert [each.state for each in waiting] == ["waiting", "waiting", "done"]

    search = jobs.submit("find", "a", look)
    assert search.finished.wait(10)
    while not all(job.finished.wait(10) for job in jobs.listed()):
        pass
    jobs.close()
    assert search.state == "done", search.message
    # What is done with the photograph that is searched waits for its search, and searches wait for each other.
    assert order == ["restore b", "found a", "restore a", "find c"]
    assert seen[0] == [("find", "waiting", 1), ("find", "waiting", 3)]  # the second after "restore a", too


def test_what_waits_is_cancelled_at_once(held):
    first, second = begin(held, "restore a", "restore b")
    held.cancel(number=first.number)
    assert (first.state, first.finished.is_set(), second.state) == ("cancelled", True, "waiting")
    held.release.set()
    assert second.finished.wait(10)
    assert held.began == ["restore b"]


def test_a_search_that_waits_is_cancelled_too():
    jobs = Jobs()

    def look(job):
        jobs.submit("save", "b", lambda _: jobs.cancel(photograph="a"))
        job.progress(1, 3)
        raise AssertionError("it was cancelled")

    search = jobs.submit("find", "a", look)
    assert search.finished.wait(10)
    jobs.close()
    assert search.state == "cancelled"
