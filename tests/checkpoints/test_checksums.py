"""Bits that flip in a checkpoint: what is loaded is what was saved, or is refused with the way out."""

import gc
import json
import os
import shutil

import grain
import jax
import numpy as np
import pytest

from pconv_jax.checkpoints import orbax
from pconv_jax.checkpoints.checksums import checksums, compare_checksums, sealed, unsealed
from pconv_jax.checkpoints.orbax import Checkpoints
from pconv_jax.common.errors import InputError


def positions():
    return iter(grain.MapDataset.range(100).to_iter_dataset())


def state(seed):
    rng = np.random.default_rng(seed)
    return {"params": {name: rng.normal(size=(33, 40)).astype(np.float32) for name in "ab"}, "step": np.int32(seed)}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Two checkpoints, the second of which is the best; not to be changed."""
    folder, data = tmp_path_factory.mktemp("saved") / "checkpoints", positions()
    with Checkpoints(folder, minimise="error", metadata={"widths": [4, 8]}) as checkpoints:
        for step in (1, 2):
            next(data)
            checkpoints.save(step, {"state": state(step), "data": data}, metrics={"error": 0.5 / step})
    return folder


def read(folder):
    """All that a user gets of the latest checkpoint, as text."""
    data = positions()
    with Checkpoints(folder, minimise="error") as checkpoints:
        facts = checkpoints.best, checkpoints.latest, checkpoints.metadata.get("widths")
        arrays = jax.tree.leaves(checkpoints.load({"state": state(0), "data": data})["state"])
    return repr((facts, [array.tobytes() for array in arrays], data.get_state()))


# Coroutines of Orbax that it had prepared for a load which failed at its beginning; commands hide them too.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_flipped_bit_loads_other_numbers(saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "checkpoints")
    good, rng, refused = read(folder), np.random.default_rng(0), 0
    files = sorted(file for place in ("2", "metadata") for file in (folder / place).rglob("*") if file.is_file())
    for file in [*files, *files]:
        content = file.read_bytes()
        flipped = bytearray(content)
        flipped[rng.integers(len(content))] ^= 1 << rng.integers(8).item()
        file.write_bytes(flipped)
        try:
            found = read(folder)
        except InputError:
            refused += 1
        else:
            assert found == good, file
        file.write_bytes(content)
    assert refused > len(files) // 2
    assert read(folder) == good
    gc.collect()


def test_a_damaged_array_is_named_with_the_checkpoint_that_is_whole(saved, tmp_path, monkeypatch):
    folder = shutil.copytree(saved, tmp_path / "checkpoints")
    notes = folder / "2" / "_CHECKPOINT_METADATA"
    content = json.loads(notes.read_text())
    content["custom_metadata"]["checksums"]["state"]["params/b"] ^= 1
    notes.write_text(json.dumps(content))
    told = (
        rf"^the checkpoint of step 2 in {folder} is damaged or belongs to another configuration \(state/params/b is "
        rf"not what was saved\): delete {folder / '2'}, and that of step 1, which is intact, takes its place$"
    )
    with pytest.raises(InputError, match=told):
        read(folder)
    shutil.rmtree(folder / "2")
    assert read(folder).startswith("((1, 1, ")


def test_a_damaged_score_does_not_decide_which_is_the_best(saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "checkpoints")
    (folder / "2" / "metrics" / "metrics").write_text('{"error": 0.75}')
    told = rf"^the metrics of the checkpoint of step 2 in {folder} are damaged .*: delete {folder / '2'} to do without"
    with Checkpoints(folder, minimise="error") as checkpoints, pytest.raises(InputError, match=told):
        _ = checkpoints.best


def test_a_folder_in_place_of_the_notes_is_a_damaged_checkpoint(saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "checkpoints")
    (folder / "1" / "_CHECKPOINT_METADATA").unlink()
    (folder / "1" / "_CHECKPOINT_METADATA").mkdir()
    told = rf"the metrics of the checkpoint of step 1 in {folder} are damaged .*: delete {folder / '1'} to do without"
    with Checkpoints(folder, minimise="error") as checkpoints, pytest.raises(InputError, match=told):
        _ = checkpoints.best


@pytest.mark.parametrize(
    ("file", "way"),
    [
        ("2/state/_METADATA", "delete {}/2, which is damaged"),
        ("1/_CHECKPOINT_METADATA", "delete {}/1, which is damaged"),
        ("metadata/_ROOT_METADATA", "repair them or choose another run"),
    ],
)
def test_devices_and_pipes_are_refused_instead_of_read_without_end(saved, tmp_path, file, way):
    folder = shutil.copytree(saved, tmp_path / "checkpoints")
    place = folder / file
    for special in (lambda: place.symlink_to("/dev/zero"), lambda: place.symlink_to(place), lambda: os.mkfifo(place)):
        place.unlink()
        special()
        told = (
            f"^the checkpoints in {folder} cannot be opened \\({file} is not a regular file\\): {way.format(folder)}$"
        )
        with pytest.raises(InputError, match=told):
            Checkpoints(folder)


def test_checkpoints_of_earlier_versions_have_no_checksums_and_load(tmp_path, monkeypatch):
    monkeypatch.setattr(orbax, "checksums", lambda _: {})
    monkeypatch.setattr(orbax, "sealed", dict)
    with Checkpoints(tmp_path, minimise="error", metadata={"widths": [4, 8]}) as checkpoints:
        checkpoints.save(1, {"state": state(1), "data": positions()}, metrics={"error": 1.0})
    assert read(tmp_path).startswith("((1, 1, [4, 8])")


def test_checksums_by_hand():
    array = np.arange(3, dtype=np.uint8)
    assert checksums({"a": {"x": np.frombuffer(b"123456789", np.uint8)}}) == {"a": {"x": 0xCBF43926}}  # the known one
    saved = checksums({"a": {"x": array, "y": np.float32(2)}})
    compare_checksums(saved, {"a": {"x": array, "z": array}, "b": {"x": array}})  # what is not known is not compared
    with pytest.raises(ValueError, match=r"^a/x and 1 more are not what was saved"):
        compare_checksums(saved, {"a": {"x": array + 1, "y": np.float32(3)}})
    assert unsealed(sealed({"a": (1, 2)})) == {"a": (1, 2)} and unsealed({"a": 1}) == {"a": 1}
    with pytest.raises(ValueError, match="not what was written"):
        unsealed({**sealed({"a": 1}), "a": 2})
