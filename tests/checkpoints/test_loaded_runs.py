"""Generators of runs: loaded as they were saved, or refused with what cannot be built."""

import numpy as np
import pytest
from flax import nnx

from pconv_jax.checkpoints.orbax import Checkpoints
from pconv_jax.checkpoints.trained import TrainedGenerator, load_run
from pconv_jax.common.errors import InputError
from pconv_jax.models import PaperConfig
from pconv_jax.models.initialize import initialize


def saved_generator(folder, config=PaperConfig(widths=(4, 8)), **noted) -> TrainedGenerator:  # noqa: B008
    params, stats = nnx.split(initialize(lambda: config.build(rngs=nnx.Rngs(5))), nnx.Param, nnx.BatchStat)[1:]
    notes = {"generator": {**vars(config)}} | noted
    with Checkpoints(folder / "checkpoints", metadata=notes) as checkpoints:
        checkpoints.save(10, {"generator": {"params": params, "stats": stats}})
    return TrainedGenerator(config, params, stats)


def test_restore_gives_back_the_same_model(tmp_path):
    model = saved_generator(tmp_path)
    image = np.random.default_rng(0).random((20, 24, 3), np.float32)
    mask = np.ones((20, 24, 1), np.float32)
    mask[5:8] = 0
    for place in (tmp_path, tmp_path / "checkpoints"):
        again = load_run(place)
        assert again.config == model.config
        np.testing.assert_array_equal(again(image, mask), model(image, mask))


@pytest.mark.parametrize("removed", [True, False])
def test_a_run_that_is_being_trained_may_remove_what_is_read(tmp_path, monkeypatch, removed):
    """As a later checkpoint takes the place of the one that was chosen."""
    model = saved_generator(tmp_path)
    load, tries = Checkpoints.load, []

    def meanwhile(self, parts, *, step):
        tries.append(step)
        if len(tries) == 1:
            if removed:
                (tmp_path / "checkpoints" / "10").rename(tmp_path / "checkpoints" / "12")
            raise InputError("the checkpoint of step 10 is damaged")
        return load(self, parts, step=step)

    monkeypatch.setattr(Checkpoints, "load", meanwhile)
    if removed:
        assert load_run(tmp_path).config == model.config and tries == [10, 12]
    else:
        with pytest.raises(InputError, match="is damaged"):
            load_run(tmp_path)
        assert tries == [10]


def test_a_plain_generator_is_restored_as_one(tmp_path):
    config = PaperConfig(widths=(4,), convolution="plain")
    saved_generator(tmp_path, config)
    assert load_run(tmp_path).config == config


def test_notes_older_than_a_setting_mean_its_default(tmp_path):
    saved_generator(tmp_path, generator={"widths": [4, 8]})
    assert load_run(tmp_path).config == PaperConfig(widths=(4, 8))


def test_a_setting_that_was_removed_may_have_been_off(tmp_path):
    saved_generator(tmp_path, generator={"network": "paper", **vars(PaperConfig(widths=(4, 8))), "image_skip": False})
    assert load_run(tmp_path).config == PaperConfig(widths=(4, 8))


@pytest.mark.parametrize(
    ("noted", "message"),
    [
        (None, r"does not say how its generator is built \(None\)"),
        ([4, 8], r"does not say how its generator is built \(\[4, 8\]\)"),
        ({"kernel_size": 3}, "does not say how its generator is built"),
        ({"widths": 4}, "does not say how its generator is built"),
        ({"widths": [4, 8], "heads": 2}, r"this version cannot build \(heads=2\)"),
        ({"widths": [4, 8], "image_skip": True}, r"this version cannot build \(image_skip=True\): use the version"),
        ({"widths": [4, "8"]}, r"this version cannot build \(widths=\(4, '8'\)\)"),
        ({"widths": [4, 8], "kernel_size": 3.5}, r"this version cannot build \(kernel_size=3.5\)"),
        ({"widths": [4, 8], "convolution": "gated"}, r"this version cannot build \(convolution='gated' must be"),
        ({"widths": []}, r"this version cannot build \(widths=\(\) must hold"),
    ],
)
def test_a_generator_of_another_kind_is_refused(tmp_path, noted, message):
    with Checkpoints(tmp_path, metadata={"generator": noted}) as checkpoints:
        checkpoints.save(1, {"state": {"step": np.int32(1)}})
    with pytest.raises(InputError, match=message):
        load_run(tmp_path)


def test_a_checkpoint_without_its_files_is_refused(tmp_path):
    saved_generator(tmp_path)
    for file in (tmp_path / "checkpoints" / "10" / "generator").rglob("*"):
        if file.is_file():
            file.write_bytes(b"")
    with pytest.raises(InputError, match="damaged"):
        load_run(tmp_path)
    with pytest.raises(InputError, match="no checkpoint of step 11"):
        load_run(tmp_path, step=11)
