"""The suite `scaling` splits the same step as it says, and counts what replicas exchange. Timings are no tests."""

import contextlib

import jax
import numpy as np
import pytest

from experiments.performance import hosts, places, scaling
from experiments.performance.options import Options
from experiments.performance.timing import Timing
from experiments.train.config import Config

# The generator alone, and a batch that two replicas cannot share: quick to compile.
TINY = Config().replace(widths=(4,), image_size=16, batch_size=1, adversarial_weight=0, perceptual_weight=0)
HLO = """
  %all-reduce.3 = f32[3,3,4]{2,1,0} all-reduce(%fusion.1), channel_id=1, to_apply=%add
  %all-reduce.4 = (f32[4]{0}, bf16[2,4]{1,0}, pred[8]{0}) all-reduce(%a, %b, %c), channel_id=2, to_apply=%add
  %ar = f32[]{:T(128)} all-reduce-start(%d), channel_id=3, to_apply=%add
  %done = f32[] all-reduce-done(%ar)
  %get = f32[4]{0} get-tuple-element(%all-reduce.4), index=0
  ROOT %x = f32[100]{0} fusion(%all-reduce.3), kind=kLoop, calls=%all-reduce-fusion
"""


def device_count():
    return len(jax.local_devices())


def fail():
    raise ValueError("in the worker")


def test_collectives_are_counted_with_their_bytes():
    number, mib = scaling.collectives(HLO)
    assert number == 3
    assert mib * 2**20 == 36 * 4 + (4 * 4 + 8 * 2 + 8) + 4
    assert scaling.collectives("  %x = f32[4] add(%a, %b)") == (0, 0)


def test_batches_are_the_same_in_all_or_each():
    cases = scaling.cases_of(Config().replace(batch_size=4), [1, 2, 4])
    assert len(cases) == 2 * 3 * 3
    for mapping in ("shard_map", "pmap"):
        of = {kind: [] for kind in ("same in all", "same each", "averages alone")}
        for case in cases:
            if case.config.run.mapping == mapping:
                of[case.kind].append((case.replicas, case.config.data.batch_size))
        assert of["same in all"] == [(1, 4), (2, 4), (4, 4)]
        assert of["same each"] == of["averages alone"] == [(1, 4), (2, 8), (4, 16)]
    odd = [case for case in scaling.cases_of(Config().replace(batch_size=4), [1, 3]) if case.kind == "same in all"]
    assert [case.replicas for case in odd] == [1, 1]


def test_rows_of_a_real_step():
    training, exchange = scaling.measure("devices", TINY, {1: places.here, 2: places.here}, repeats=1)
    for mapping, rows in (("shard_map", training.rows[::2]), ("pmap", training.rows[1::2])):
        assert {row["mapping"] for row in rows} == {mapping}
        batches = [(row["batch"], row["replicas"], row["images"]) for row in rows]
        assert batches == [("same in all", 1, 1), ("same each", 1, 1), ("same each", 2, 2)]
    assert training.notes == ("A batch of 1 cannot be split between 2 replicas: not measured.",)
    generator = scaling.program(False, TINY, 1)._state.generator
    # Gradients; statistics on the way forward and their gradients on the way back; and a few metrics.
    parts = (generator.params, generator.stats)
    gradients, statistics = (sum(leaf.nbytes for leaf in jax.tree.leaves(part)) for part in parts)
    assert [row["replicas"] for row in exchange.rows] == [1, 1, 2, 2]
    for row in exchange.rows:
        assert 0 <= row["MiB"] * 2**20 - gradients - 2 * statistics <= 8 * 4


def test_averages_alone_leave_replicas_that_agree_as_they_are():
    program = scaling.program(True, TINY.replace(batch_size=2), 2)
    before = jax.tree.map(np.array, program._state)
    program()
    jax.tree.map(np.testing.assert_array_equal, program._state, before)


def test_ratios_are_images_a_second_over_the_fewest_replicas():
    cases = [case for case in scaling.cases_of(Config().replace(batch_size=4), [1, 2]) if case.kind != "averages alone"]
    seconds = {("same in all", 1): 8.0, ("same in all", 2): 5.0, ("same each", 1): 8.0, ("same each", 2): 10.0}
    slower = {"shard_map": 1.0, "pmap": 1.25}
    rows = scaling._scaling(
        {case: Timing((seconds[case[:2]] * slower[case.config.run.mapping],) * 2) for case in cases},
    )
    assert [row["over fewest replicas"] for row in rows] == pytest.approx([1, 1, 1.6, 1.6] * 2)
    assert [row["time over shard_map"] for row in rows] == pytest.approx([1, 1.25] * 4)
    assert [row["images/s"] for row in rows[::2]] == pytest.approx([0.5, 0.8, 0.5, 0.8])


def test_a_worker_has_so_many_devices_and_passes_errors_on():
    with places.simulated(3) as place:
        assert place(device_count) == 3
        with pytest.raises(ValueError, match="in the worker"):
            place(fail)
        assert place(device_count) == 3  # the same process, still alive


def test_sizes_come_from_the_options_and_missing_devices_are_told(monkeypatch):
    asked = []
    monkeypatch.setattr(scaling, "simulated", lambda count: contextlib.nullcontext(count))
    monkeypatch.setattr(scaling, "measure", lambda *args, **kwargs: asked.append((*args, kwargs)) or [])
    tables = scaling.run(
        Options(generator="tiny", image_sizes=(32, 64), batch_sizes=(2, 8), replicas=(2, 1), repeats=3)
    )
    ((_, config, replicas, repeats),) = asked
    assert (config.network.generator, config.data.image_size, config.data.batch_size) == ("tiny", 32, 8)
    assert all(config.losses.weights.values())
    assert (replicas, repeats) == ({1: 1, 2: 2}, {"repeats": 3})
    assert "need two or more accelerators" in tables[-1].notes[0]


def test_processes_that_train_together_take_the_same_step(monkeypatch):
    asked = []
    monkeypatch.setattr(hosts, "hosts", lambda count: contextlib.nullcontext(-count))
    monkeypatch.setattr(hosts, "measure", lambda *args, **kwargs: asked.append((*args, kwargs)) or [])
    options = Options(generator="tiny", batch_sizes=(8,), replicas=(4, 1), repeats=3)
    assert hosts.run(options) == []
    ((_, config, processes, how),) = asked
    assert (config, processes) == (scaling.step_config(options), {1: -1, 4: -4})
    assert how == {"repeats": 3, "mappings": ["shard_map"]}
    cases = scaling.cases_of(config, [1, 4], how["mappings"])
    assert {case.config.run.mapping for case in cases} == {"shard_map"} and len(cases) == 6
