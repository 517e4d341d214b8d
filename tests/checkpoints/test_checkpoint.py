"""Checkpoints: what is saved comes back to the bit, with the place in the data; the best and the latest stay."""

import errno
import os
import resource
import shutil
import subprocess
import sys
import threading

import grain
import jax
import numpy as np
import optax
import psutil
import pytest

from pconv_jax.checkpoints.orbax import Checkpoints, open_checkpoints
from pconv_jax.checkpoints.saved_steps import saved_steps
from pconv_jax.checkpoints.trained import load_run
from pconv_jax.common.errors import InputError, TrainingError


def numbers():
    return iter(grain.MapDataset.range(100).seed(1).shuffle().repeat().batch(2).to_iter_dataset())


def state(value: float):
    params = {"kernel": np.full((3, 2), value, np.float32), "none": None}
    return {"params": params, "optimizer": optax.adam(1e-3).init(params), "step": np.int32(value)}


def test_state_and_position_in_the_data_come_back(tmp_path):
    data = numbers()
    seen = [next(data) for _ in range(3)]
    with Checkpoints(tmp_path, metadata={"a": [1, "b"]}) as checkpoints:
        checkpoints.save(3, {"state": state(1.5), "data": data})
        coming = [next(data) for _ in range(3)]  # while the save goes on in the background
    again = numbers()
    with Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.metadata == {"a": [1, "b"]}
        assert checkpoints.latest == 3
        loaded = checkpoints.load({"state": state(0), "data": again})["state"]
    assert jax.tree.structure(loaded) == jax.tree.structure(state(0))
    for a, b in zip(jax.tree.leaves(loaded), jax.tree.leaves(state(1.5)), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal([next(again) for _ in range(3)], coming)
    assert not np.array_equal(seen, coming)


def test_what_changes_after_save_returns_is_not_saved(tmp_path):
    array = np.zeros(1000, np.float32)
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, {"state": {"a": array}})
        array[:] = 7
    with Checkpoints(tmp_path) as checkpoints:
        assert not checkpoints.load({"state": {"a": array}})["state"]["a"].any()


def test_the_latest_and_the_best_are_kept(tmp_path):
    scores = {1: 0.5, 2: 0.1, 3: 0.4, 4: 0.3, 5: None, 6: 0.2}
    with Checkpoints(tmp_path, keep=2, minimise="error") as checkpoints:
        for step, score in scores.items():
            checkpoints.save(step, {"state": state(step)}, metrics=None if score is None else {"error": score})
            checkpoints.wait()
        assert (checkpoints.best, checkpoints.latest) == (2, 6)
    assert sorted(int(entry.name) for entry in tmp_path.iterdir() if entry.name.isdigit()) == [2, 5, 6]
    with Checkpoints(tmp_path, minimise="error") as checkpoints:
        assert (checkpoints.best, checkpoints.latest) == (2, 6)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf")])
def test_a_score_that_is_no_number_costs_no_checkpoint(tmp_path, wrong):
    with Checkpoints(tmp_path, keep=2, metadata={}) as checkpoints:
        for step, score in enumerate([0.5, wrong, 0.7, 0.8, 0.9, 0.95], 1):
            checkpoints.save(step, {"generator": {"params": state(step)}}, metrics={"validation_l1": score})
        checkpoints.wait()
        assert checkpoints.best == 1 and sorted(saved_steps(tmp_path)) == [1, 5, 6]


def test_scores_may_be_numbers_of_numpy(tmp_path):
    with Checkpoints(tmp_path, metadata={}) as checkpoints:
        checkpoints.save(1, {"state": state(1)}, metrics={"validation_l1": np.float32(0.5)})
        checkpoints.wait()
        assert checkpoints.best == 1


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"g": {"w": 3}}, "it has g/b, which is not wanted"),
        ({"g": {"w": 3, "b": 2, "x": 1}}, "it has no g/x"),
        ({"g": {"w": 3, "c": 2}}, "it has no g/c"),
        ({"h": {"w": 3}}, "it has no h"),
    ],
)
def test_what_makes_a_structure_another_one_is_named(tmp_path, wanted, told):
    with Checkpoints(tmp_path, metadata={}) as checkpoints:
        checkpoints.save(1, {"g": {"w": np.ones(3), "b": np.zeros(2)}})
        with pytest.raises(InputError, match=rf"belongs to another configuration \({told}\): restore it, or start"):
            checkpoints.load(jax.tree.map(np.zeros, wanted))


def test_saving_a_step_again_is_harmless(tmp_path):
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, {"state": state(1)})
        checkpoints.save(1, {"state": state(2)})
        np.testing.assert_array_equal(checkpoints.load({"state": state(0)})["state"]["params"]["kernel"], 1)


def test_saving_leaves_no_file_open_and_no_thread_behind(tmp_path):
    def held():
        return psutil.Process().num_fds(), threading.active_count()

    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(0, {"state": state(0)})
        checkpoints.wait()
        files, threads = held()
        for step in range(1, 11):
            checkpoints.save(step, {"state": state(step)})
        checkpoints.wait()
        files_now, threads_now = held()  # those of earlier tests may end meanwhile
        assert files_now <= files and threads_now <= threads


@pytest.mark.parametrize("waits", [True, False])
def test_a_checkpoint_that_cannot_be_written_is_one_sentence_and_the_one_before_is_whole(tmp_path, waits, capfd):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    large = {"noise": np.random.default_rng(0).normal(size=20_000)}  # does not compress
    told = rf"^the checkpoint of step 2 cannot be written to {tmp_path} \(File too large\), and .* step 1 is intact"

    def train():
        with Checkpoints(tmp_path, metadata={}) as checkpoints:
            checkpoints.save(1, {"state": state(1)})
            checkpoints.wait()
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
            checkpoints.save(2, {"state": large})
            if not waits:
                checkpoints.save(3, {"state": state(3)})

    try:
        with pytest.raises(TrainingError, match=told):
            train()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert capfd.readouterr().err == ""
    with Checkpoints(tmp_path, metadata={}) as checkpoints:
        assert checkpoints.latest == 1
        np.testing.assert_array_equal(checkpoints.load({"state": state(0)})["state"]["params"]["kernel"], 1)


def test_a_checkpoint_whose_folder_cannot_be_made_leaves_no_thread_waiting_for_it(tmp_path, monkeypatch):
    mkdir = os.mkdir

    def refusing(path, *args, **kwargs):
        if "2.orbax-checkpoint-tmp" in str(path):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        mkdir(path, *args, **kwargs)

    told = rf"cannot be written to {tmp_path} \(Permission denied\), and that of step 1 is intact"
    with Checkpoints(tmp_path, metadata={}) as checkpoints:
        checkpoints.save(1, {"state": state(1)})
        checkpoints.wait()
        before = threading.enumerate()
        monkeypatch.setattr(os, "mkdir", refusing)
        with pytest.raises(TrainingError, match=told):
            checkpoints.save(2, {"state": state(2)})
    for thread in set(threading.enumerate()) - set(before):
        thread.join(20)
        assert not thread.is_alive()


def test_a_folder_that_was_removed_is_not_made_again_without_the_config(tmp_path):
    folder = tmp_path / "run" / "checkpoints"
    told = rf"^the checkpoint of step 2 cannot be written to {folder} \(the folder was removed\), and there is no other"
    with Checkpoints(folder, metadata={}) as checkpoints:
        checkpoints.save(1, {"state": state(1)})
        checkpoints.wait()
        shutil.rmtree(folder.parent)
        with pytest.raises(TrainingError, match=told):
            checkpoints.save(2, {"state": state(2)})
    assert not folder.exists()


def test_only_plain_numbers_are_steps(tmp_path):
    for name in ("4", "10", "²", "٣", "lost+found", "7.orbax-checkpoint-tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / "5").touch()
    assert sorted(saved_steps(tmp_path)) == [4, 10]


def test_errors_name_the_place_and_the_way_out(tmp_path):
    with pytest.raises(InputError, match="keep=0"):
        Checkpoints(tmp_path / "a", keep=0)
    with pytest.raises(InputError, match="is not a directory"), open_checkpoints(tmp_path / "nowhere"):
        pass
    with pytest.raises(InputError, match="holds no checkpoint"), open_checkpoints(tmp_path):
        pass
    with Checkpoints(tmp_path / "b") as checkpoints:
        with pytest.raises(InputError, match="holds no checkpoint"):
            checkpoints.load({"state": state(0)})
        checkpoints.save(4, {"state": state(1)})
        with pytest.raises(InputError, match="no checkpoint of step 3: it has 4"):
            checkpoints.load({"state": state(0)}, step=3)
        with pytest.raises(InputError, match="step='4' must be a whole number: one of 4"):
            checkpoints.load({"state": state(0)}, step="4")
        other = {**state(0), "params": {"kernel": np.zeros((5, 5), np.float32), "none": None}}
        with pytest.raises(InputError, match=r"step 4 .* is damaged or belongs to another configuration"):
            checkpoints.load({"state": other})


@pytest.mark.parametrize("content", [b"", b"[]", None])
def test_damaged_notes_are_told(tmp_path, content):
    with Checkpoints(tmp_path, metadata={"a": 1}) as checkpoints:
        checkpoints.save(1, {"state": state(1)})
    notes = tmp_path / "metadata" / "_ROOT_METADATA"
    notes.unlink() if content is None else notes.write_bytes(content)
    told = r"^the config of these networks, .*metadata, is missing or damaged"
    with Checkpoints(tmp_path) as checkpoints, pytest.raises(InputError, match=told):
        _ = checkpoints.metadata
    with pytest.raises(InputError, match=told):
        load_run(tmp_path)


def test_nothing_is_printed_beside_what_is_raised(tmp_path, capfd):
    with Checkpoints(tmp_path, metadata={"a": 1}) as checkpoints:
        checkpoints.save(1, {"state": state(1)})
    for file in (path for path in (tmp_path / "1" / "state").rglob("*") if path.is_file()):
        file.write_bytes(file.read_bytes()[:-3])
    with Checkpoints(tmp_path) as checkpoints, pytest.raises(InputError, match=r"step 1 in .* is damaged"):
        checkpoints.load({"state": state(0)})
    assert capfd.readouterr().err == ""


def test_a_directory_that_cannot_be_opened_is_told(tmp_path):
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, {"state": state(1)}, metrics={"error": 1.0})
    (tmp_path / "1" / "metrics" / "metrics").write_bytes(b"")
    told = rf"the checkpoints in .* cannot be opened \(Expecting value.*\): delete {tmp_path / '1'}, which is damaged"
    with pytest.raises(InputError, match=told):
        Checkpoints(tmp_path)


def test_a_reader_leaves_the_save_of_a_running_training_alone(tmp_path):
    state = {"a": {"x": np.arange(3.0)}}
    with Checkpoints(tmp_path, metadata={}) as running:
        running.save(1, state)
        running.wait()
        unfinished = tmp_path / "2.orbax-checkpoint-tmp"  # as Orbax names a save in progress
        unfinished.mkdir()
        with open_checkpoints(tmp_path) as reader:
            reader.load({"a": {"x": np.zeros(3)}})
        assert unfinished.is_dir()
    with Checkpoints(tmp_path, metadata={}) as following:  # the next training clears up after one that was killed
        following.save(2, state)
    assert not unfinished.exists()
    assert following.latest == 2


def test_a_step_may_be_an_integer_of_numpy_and_is_no_fraction(tmp_path):
    with Checkpoints(tmp_path, metadata={}) as checkpoints:
        checkpoints.save(3, {"state": state(1.5)})
        assert checkpoints.load({"state": state(0)}, step=np.int64(3))["state"]["step"] == 1
        for wrong in (3.0, "3"):
            with pytest.raises(InputError, match=f"step={wrong!r} must be a whole number: one of 3"):
                checkpoints.load({"state": state(0)}, step=wrong)


def test_what_others_do_with_asyncio_is_not_hidden_from_them(tmp_path):
    script = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from pconv_jax.checkpoints.orbax import Checkpoints\n"
        "with Checkpoints(Path(sys.argv[1])) as checkpoints: print(checkpoints.latest)\n"
        "async def mine(): raise ValueError('of mine')\n"
        "mine()\n"
        "async def main(): asyncio.create_task(mine()); await asyncio.sleep(0)\n"
        "asyncio.run(main())\n"
    )
    with Checkpoints(tmp_path, metadata={}) as checkpoints:
        checkpoints.save(3, {"state": state(1.5)})
    told = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True)
    assert told.stdout == "3\n"
    assert "coroutine 'mine' was never awaited" in told.stderr
    assert "Task exception was never retrieved" in told.stderr and "of mine" in told.stderr
