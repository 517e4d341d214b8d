"""Computing parts in threads: their order, errors, what is cancelled, and threads that stay."""

import os
import subprocess
import sys
import threading
import time

import pytest

from pconv_jax.common.threads import in_threads


def test_results_come_in_the_order_of_the_parts():
    def slow_at_first(part):
        time.sleep(0.05 / (1 + part))
        return 10 * part

    with in_threads(slow_at_first, range(6), at_once=3) as results:
        assert list(results) == [0, 10, 20, 30, 40, 50]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_had_begun_has_ended_and_the_rest_never_begins(error):
    begun, ended, going = [], [], threading.Event()

    def part(number):
        begun.append(number)
        if number == 1:
            going.set()
            time.sleep(0.2)
        ended.append(number)

    def leave():
        with in_threads(part, range(50), at_once=1) as results:
            next(results)
            going.wait()
            raise error

    with pytest.raises(error):
        leave()
    assert ended == begun == [0, 1]


def test_an_error_of_a_part_is_raised_in_its_place():
    with in_threads(lambda part: 1 / part, [1, 2, 0, 4], at_once=2) as results:
        assert [next(results), next(results)] == [1, 0.5]
        with pytest.raises(ZeroDivisionError):
            next(results)


def test_threads_stay():
    def thread(_):
        return threading.get_ident()

    used = []
    for _ in range(3):
        with in_threads(thread, [0], at_once=1) as results:
            used.append(next(results))
    assert len(set(used)) == 1


def test_memory_of_a_result_is_free_once_the_next_is_asked_for():
    class Large:
        alive = 0

        def __init__(self, _):
            Large.alive += 1

        def __del__(self):
            Large.alive -= 1

    with in_threads(Large, range(20), at_once=1) as results:
        for _ in results:
            pass
        del _
        assert Large.alive == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*")
def test_a_forked_process_makes_its_own():
    with in_threads(abs, [-1], at_once=1) as results:
        assert list(results) == [1]
    process = os.fork()
    if not process:  # the child, which must not go on with the tests
        with in_threads(abs, [-2], at_once=1) as results:
            os._exit(next(results))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            break
        time.sleep(0.01)
    else:
        os.kill(process, 9)
        os.waitpid(process, 0)
        raise AssertionError("the forked process hangs")
    assert os.waitstatus_to_exitcode(status) == 2


def test_threads_that_outlive_the_main_one_compute_for_themselves():
    """As Python starts none any more once its main thread has ended."""
    script = (
        "import threading, time\n"
        "from pconv_jax.common.threads import in_threads\n"
        "def work():\n"
        "    threading.main_thread().join()\n"
        "    time.sleep(0.2)\n"
        "    with in_threads(lambda part: 10 * part, range(4), at_once=2) as results: print(list(results))\n"
        "threading.Thread(target=work).start()\n"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout == "[0, 10, 20, 30]\n" and told.stderr == ""
