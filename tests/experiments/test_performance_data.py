"""The data suite measures the stages of the real pipeline, and says how they add up. Timings are no tests."""

import itertools
import time

import numpy as np
import pytest

from experiments.performance import data, device_examples
from experiments.performance.device_examples import device_row
from experiments.performance.options import Options
from experiments.train.batches import training_batches
from experiments.train.presets import PRESETS
from pconv_jax import masks
from pconv_jax.data import FolderSource, open_source, pipeline
from pconv_jax.data.samples import PHOTOGRAPHS, photograph


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Settings of a run on the photographs as files."""
    root = tmp_path_factory.mktemp("photographs")
    data.write_photographs(root)
    return PRESETS["samples"].replace(dataset="folder", data_dir=root, image_size=16, batch_size=2)


def test_files_are_the_photographs_of_each_split(files):
    for split, names in PHOTOGRAPHS.items():
        source = open_source("folder", split, data_dir=files.data.data_dir)
        assert len(source) == len(names)
        shapes = sorted(source[index].shape for index in range(len(source)))
        assert shapes == sorted(photograph(name).shape for name in names)


def test_stages_add_up_to_the_whole(files):
    timings = data.by_stage(files, repeats=3)
    assert list(timings) == [*data.STAGES, data.REST, data.WHOLE]
    parts = np.array([timings[stage].seconds for stage in (*data.STAGES, data.REST)])
    assert parts.shape == (6, 3)
    assert (parts > 0).all()
    np.testing.assert_allclose(parts.sum(axis=0), timings[data.WHOLE].seconds)


def test_a_pipeline_without_noise_has_no_such_stage(files):
    assert "noise" not in data.by_stage(files.replace(noise=0.0), repeats=1)


@pytest.mark.parametrize(
    ("stage", "owner", "name"),
    [
        ("decode", FolderSource, "__getitem__"),
        ("crop", pipeline._Example, "_crop"),
        ("noise", pipeline._Example, "_draw_noise"),
        ("noise", pipeline._Batch, "_add_noise"),
        ("mask", masks, "random_lines"),
        ("batch", pipeline._Batch, "__call__"),
    ],
)
def test_time_is_charged_to_the_stage_that_spends_it(files, monkeypatch, stage, owner, name):
    usual = getattr(owner, name)

    def slow(*args, **kwargs):
        time.sleep(0.05)
        return usual(*args, **kwargs)

    monkeypatch.setattr(owner, name, slow)
    timings = data.by_stage(files, repeats=1)
    calls = 0.5 if owner is pipeline._Batch else 1  # an image: one batch is two of them
    assert timings[stage].median >= 0.05 * calls
    assert timings[stage].median == max(timings[each].median for each in (*data.STAGES, data.REST))


def test_measuring_leaves_the_library_as_it_was(files):
    def batches():
        iterator = iter(training_batches(files, open_source("folder", "train", data_dir=files.data.data_dir)))
        taken = list(itertools.islice(iterator, 3))
        iterator.close()
        return taken

    before, settings = batches(), (pipeline._THREADS, pipeline._AHEAD, pipeline._Example._crop)
    data.by_stage(files, repeats=1)
    assert (pipeline._THREADS, pipeline._AHEAD, pipeline._Example._crop) == settings
    for a, b in zip(before, batches(), strict=True):
        for key in a:
            np.testing.assert_array_equal(a[key], b[key])


def test_workers_are_timed_in_turn_each_with_its_own_number(files, monkeypatch):
    asked = []

    class Endless:
        def __init__(self, config):
            self.workers = config.data.workers

        def __iter__(self):
            return self

        def __next__(self):
            asked.append(self.workers)

        def close(self):
            asked.append(f"{self.workers} closed")

    monkeypatch.setattr(data, "training_batches", lambda config, source: Endless(config))
    timings = data.by_workers(files, (0, 3), repeats=2)
    assert {number: len(timing.seconds) for number, timing in timings.items()} == {0: 2, 3: 2}
    images = len(PHOTOGRAPHS["train"])
    in_turn = [(number, len(list(run))) for number, run in itertools.groupby(asked[:-2])]
    assert (
        in_turn == [(0, data._max_prefetched(0) + images), (3, data._max_prefetched(3) + images)] * 3
    )  # one to warm up
    assert sorted(asked[-2:]) == ["0 closed", "3 closed"]


def test_tables(files, monkeypatch):
    options = Options(image_sizes=(16, 24), batch_sizes=(1, 2), workers=(0,), repeats=1, steps=2)
    monkeypatch.setattr(data, "_training_table", lambda configs, out, repeats: (list(configs), repeats))
    monkeypatch.setattr(data, "device_row", lambda name, config, source, repeats: {"size": config.data.image_size})
    stages, workers, device, training = data.run(options)
    assert [row["size"] for row in device.rows] == [PRESETS["samples"].data.image_size, 16, 24]
    assert training == (["in memory", "JPEG files"], 1)
    assert [row["size"] for row in stages.rows[::7]] == [PRESETS["samples"].data.image_size, 16, 24]
    assert [row["stage"] for row in stages.rows[:7]] == [*data.STAGES, data.REST, data.WHOLE]
    for start in range(0, 21, 7):
        *parts, whole = stages.rows[start : start + 7]
        assert sum(row["% of the time"] for row in parts) == pytest.approx(100)
        assert whole["% of the time"] == 100
        assert whole["images/s"] < min(row["images/s"] for row in parts)
    assert [row["workers"] for row in workers.rows] == ["threads"] * 3
    assert all(row["times the first"] == 1 for row in workers.rows)


def test_host_and_device_are_compared_round_by_round(files, monkeypatch):
    seconds = iter([9e-5, 9e-5, 1e-5, 1e-5, 2e-5, 2e-5, 4e-5, 1e-5])  # of a batch: host, device; the first are no round
    monkeypatch.setattr(device_examples, "_seconds", lambda make, first: (make(), next(seconds))[1])
    row = device_row("files", files.replace(crop_scale=(0.05, 0.06)), open_source("samples", "train"), 3)
    assert row["size"] == 16
    assert row["host, crops/s"] == pytest.approx(1e5)  # two crops in 2e-5 s
    assert row["device, crops/s"] == pytest.approx(2e5)
    assert row["host / device time"] == pytest.approx(1)  # the median of 1, 1 and 4


def test_training_row(tmp_path, files):
    config = PRESETS["samples"].replace(
        image_size=32, steps=3, checkpoint_every=3, validation_images=4, widths=(4,),
        adversarial_weight=0.0, perceptual_weight=0.0,
    )  # fmt: skip
    (row,) = data._training_table({"in memory": config}, tmp_path / "runs", 1).rows
    assert row["times training"] == pytest.approx(row["pipeline images/s"] / row["training images/s"])
    assert 0 < row["% of training waiting"] < 100
