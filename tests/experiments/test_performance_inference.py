"""The inference suite shows every method the same image and takes memory in a fresh process. Timings are no tests."""

import numpy as np
import pytest

from experiments.performance import inference
from experiments.performance.options import Options
from experiments.performance.timing import in_fresh_process, peak_mib
from pconv_jax.models import PaperConfig


@pytest.fixture(autouse=True)
def quick_to_compile(monkeypatch):
    monkeypatch.setattr(inference, "PAPER_PRESETS", {"tiny": PaperConfig(widths=(4,))})


@pytest.mark.parametrize("size", [16, 21])
def test_the_example_is_a_photograph_with_lines(size):
    image, mask = inference.example(size)
    assert image.shape == (1, size, size, 3)
    assert mask.shape == (1, size, size, 1)
    assert 0 <= image.min() < image.max() <= 1
    assert set(np.unique(mask)) == {0, 1}
    for first, second in zip((image, mask), inference.example(size), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", inference.METHODS)
@pytest.mark.parametrize("size", [32, 37])
def test_methods_restore_sizes_that_are_no_multiple_of_16(name, size):
    image, mask = inference.example(size)
    output = inference.build_method(name, "tiny")(image, mask)
    assert output.shape == image.shape
    assert np.isfinite(output).all()


def test_rows_and_ratios(monkeypatch):
    shown = []
    monkeypatch.setattr(inference, "in_fresh_process", lambda function, *args: shown.append((function, args)) or 1.5)
    (table,) = inference.run(Options(generator="tiny", inference_sizes=(16, 21), repeats=2))
    assert [(row["size"], row["method"]) for row in table.rows] == [(s, m) for s in (16, 21) for m in inference.METHODS]
    assert [row["times the generator"] for row in table.rows[::4]] == [1, 1]
    assert shown == [(inference.peak_growth, (m, "tiny", s)) for s in (16, 21) for m in inference.METHODS]
    assert "at 16 px" in table.notes[0] and "at 21 px" in table.notes[0]


def test_a_ratio_above_one_is_slower_than_the_generator(monkeypatch):
    import time

    def waiting(name, generator):
        return lambda image, mask: time.sleep(0.002 if name == inference.GENERATOR else 0.02)

    monkeypatch.setattr(inference, "build_method", waiting)
    monkeypatch.setattr(inference, "in_fresh_process", lambda *args: 0.0)
    (table,) = inference.run(Options(inference_sizes=(16,), repeats=3))
    assert all(row["times the generator"] > 2 for row in table.rows[1:])


def _grow(mib: int) -> float:
    before = peak_mib()
    np.ones(mib * 2**17)
    return peak_mib() - before


def test_a_fresh_process_does_not_begin_with_the_peak_of_its_parent():
    held = np.ones(300 * 2**17)  # 300 MiB, more than the child will ever hold
    assert 55 < in_fresh_process(_grow, 60) < 70
    assert held.all()


def test_peak_grows_with_the_image():
    small, large = (in_fresh_process(inference.peak_growth, "OpenCV Telea", "tiny", size) for size in (16, 1024))
    assert small < 5
    assert large > 1024 * 1024 * 3 * 4 / 2**20  # at least the restored image, float32
