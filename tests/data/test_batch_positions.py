"""Batches from any position, made by threads or processes, and programs that end."""

import itertools
import json
import subprocess
import sys
import textwrap

import grain
import pytest
from batches import Shades, equal, evaluation, first, training

from pconv_jax import data


class TestPosition:
    def test_a_state_resumes_exactly_forwards_and_backwards(self):
        iterator = iter(training(Shades(10)))
        taken = list(itertools.islice(iterator, 3))
        state = json.loads(json.dumps(iterator.get_state()))  # as a checkpoint keeps it
        taken += itertools.islice(iterator, 5)
        assert state == {"next_index": 3}
        other = iter(training(Shades(10)))
        other.set_state(state)
        assert equal(list(itertools.islice(other, 5)), taken[3:])
        iterator.set_state(state)
        assert equal(list(itertools.islice(iterator, 5)), taken[3:])
        iterator.close()
        other.close()

    def test_processes_make_the_same_batches_and_take_over_at_any_position(self):
        source, settings = data.open_source("samples", "train"), {"crop_scale": (0.2, 0.5)}
        expected = first(training(source, **settings), 9)
        iterator = iter(training(source, workers=2, **settings))
        assert equal(list(itertools.islice(iterator, 3)), expected[:3])
        assert iterator.get_state() == {"next_index": 3}
        iterator.set_state({"next_index": 6})
        assert equal(list(itertools.islice(iterator, 3)), expected[6:])
        iterator.close()
        with pytest.raises(ValueError, match="closed"):
            next(iterator)
        threads = iter(training(source, **settings))
        threads.set_state({"next_index": 8})
        assert equal([next(threads)], expected[8:])
        threads.close()

    def test_batches_are_ready_before_they_are_asked_for(self):
        import threading

        made, ready = [], threading.Event()

        class Counted(Shades):
            def __getitem__(self, index):
                made.append(index)
                if len(made) >= 8:
                    ready.set()
                return super().__getitem__(index)

        iterator = iter(training(Counted(5)))
        next(iterator)
        assert ready.wait(20)
        iterator.close()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_program_ends_though_nobody_closed_the_iterator(workers):
    program = textwrap.dedent(f"""
        import jax  # whose profiler hooks make Grain look at flags
        from pconv_jax import data

        if __name__ == "__main__":
            kept = iter(data.train_batches(data.open_source("samples", "train"), image_size=16, batch_size=4, seed=0,
                                           damage=data.Damage(), workers={workers}))
            print(next(kept)["image"].shape)
    """)
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "(4, 16, 16, 3)\n", "")


def test_the_data_sets_are_grains_own_kind():
    assert isinstance(training(Shades(3)), grain.IterDataset)
    assert isinstance(training(Shades(3), workers=1), grain.IterDataset)
    assert isinstance(evaluation(Shades(3)), grain.IterDataset)
