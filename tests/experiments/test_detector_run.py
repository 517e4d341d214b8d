"""Training of the damage detector: whole runs, interrupted ones, settings, and the file that is exported."""

import dataclasses
import itertools
import json
import signal

import jax
import numpy as np
import pytest
from detectors import pale_detector
from flax import nnx
from restoring import save
from safetensors.numpy import load_file

from experiments.detector.__main__ import main
from experiments.detector.config import Config, DetectorData, DetectorRun
from experiments.detector.validation import DetectorValidation
from experiments.export.__main__ import main as export
from experiments.train.logs import MetricsLog, read_metrics
from pconv_jax.checkpoints.detector_file import load_detector, load_detector_run, save_detector
from pconv_jax.checkpoints.trained import load_run
from pconv_jax.common.errors import InputError
from pconv_jax.data import open_source
from pconv_jax.data.damaged_photographs import DamagedPhotographs, damaged_batches
from pconv_jax.data.source import split_by_hash

STEPS = 30
TINY = (
    f"--dataset samples --image-size 16 --batch-size 4 --widths 4 6 --blocks 0 1 --steps {STEPS} --checkpoint-every 12 "
    "--sample-every 15 --validation-images 8 --warmup 5 --thickness 1 3 --pieces 1 2"
).split()


def tiny(folder, *more):
    return [*TINY, "--out", str(folder), *more]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a run that reached its end, and was best before; not to be changed."""
    folder = tmp_path_factory.mktemp("detectors") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        worsening(patch)
        assert main(tiny(folder)) == 0
    return folder


def worsening(patch):
    """Validation scores that fall from checkpoint to checkpoint."""
    count = itertools.count(1)

    def scores(self, outputs):
        jaccard = 1 - next(count) / 10
        return {"validation_error": 1 - jaccard, "validation_jaccard": jaccard, "validation_false_alarms": 0.5}

    patch.setattr(DetectorValidation, "scores", scores)


def test_what_a_run_leaves(trained):
    rows = read_metrics(trained / "metrics.jsonl")
    losses = [row["detector_loss"] for row in rows if "detector_loss" in row]
    assert len(losses) == STEPS and np.isfinite(losses).all() and losses[-1] < losses[0]
    scores = {row["step"]: row for row in rows if "validation_error" in row}
    assert set(scores) == {12, 24, 30}
    for row in scores.values():
        assert row["validation_error"] == pytest.approx(1 - row["validation_jaccard"])
        assert 0 <= row["validation_false_alarms"] <= 1
    assert {path.name for path in (trained / "samples").iterdir()} == {"step_0000015.png", "step_0000030.png"}
    settings = json.loads((trained / "config.json").read_text())
    assert settings["task"] == "detect" and settings["widths"] == [4, 6] and settings["pieces"] == [1, 2]


def test_interrupted_and_resumed_equals_the_whole_run(trained, tmp_path, monkeypatch, capsys):
    write = MetricsLog.write

    def interrupting(self, step, metrics):
        write(self, step, metrics)
        if step == 7:
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(MetricsLog, "write", interrupting)
        assert main(tiny(tmp_path / "run")) == 128 + signal.SIGTERM
    assert "stopped by SIGTERM and saved at step" in capsys.readouterr().err
    assert main(tiny(tmp_path / "run")) == 2
    assert "holds a run already: add --resume" in capsys.readouterr().err
    worsening(monkeypatch)
    assert main(tiny(tmp_path / "run", "--resume")) == 0
    assert read_metrics(tmp_path / "run" / "metrics.jsonl") == read_metrics(trained / "metrics.jsonl")
    one, two = (load_detector_run(folder, step=STEPS)[0].params for folder in (trained, tmp_path / "run"))
    for a, b in zip(*map(jax.tree.leaves, (one, two)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_run_starts_from_the_weights_of_another(trained, tmp_path, capsys):
    """In a step of a learning rate of almost 0 they stay what they were."""
    save_detector(tmp_path / "best.safetensors", load_detector_run(trained)[0])
    for index, start in enumerate((trained, tmp_path / "best.safetensors")):
        flags = ["--steps", "1", "--learning-rate", "1e-12", "--warmup", "0", "--initial-weights"]
        run = tmp_path / f"run {index}"
        assert main(tiny(run, *flags, str(start))) == 0
        one, two = (load_detector_run(folder)[0].params for folder in (trained, run))
        for a, b in zip(*map(jax.tree.leaves, (one, two)), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-7)
    assert export([str(run), str(tmp_path / "after.safetensors")]) == 0
    assert load_detector(tmp_path / "after.safetensors").about["settings"]["initial_weights"] == "best.safetensors"
    # Further blocks begin by adding nothing: the second convolution of each is 0, and stays so in such a step.
    assert main(tiny(tmp_path / "deeper", *flags, str(start), "--blocks", "0", "3")) == 0
    one, two = (dict(nnx.to_flat_state(load_detector_run(run)[0].params)) for run in (trained, tmp_path / "deeper"))
    for path in two:
        if path in one:
            np.testing.assert_allclose(one[path][...], two[path][...], atol=1e-7)
        elif "second" in path:
            np.testing.assert_allclose(two[path][...], 0, atol=1e-7)
    assert len(two) == len(one) + 2 * 4
    capsys.readouterr()
    assert main(tiny(tmp_path / "other", "--initial-weights", "film")) == 2
    assert "--initial-weights film are of DetectorConfig(widths=(16," in capsys.readouterr().err
    (tmp_path / "best.safetensors").unlink()  # a run that is resumed does not need them
    assert main(tiny(run, *flags, str(start), "--resume")) == 0


def test_validation_is_of_so_many_crops_whatever_the_size_of_batches():
    source = open_source("samples", "validation")
    scored = []
    for size in (4, 6):
        config = Config(data=DetectorData(image_size=16, batch_size=size), run=DetectorRun(validation_images=6))
        scored.append(np.concatenate([batch["image"] for batch in DetectorValidation(config, source)._batches]))
    assert len(scored[0]) == 6
    np.testing.assert_array_equal(*scored)


def test_validation_is_not_damaged_as_training_with_its_seed_is():
    source, photographs = open_source("samples", "validation"), DamagedPhotographs(undamaged=0.0)
    data = DetectorData(image_size=16, batch_size=8)
    config = Config(data=data, photographs=photographs, run=DetectorRun(validation_images=8))
    (scored,) = DetectorValidation(config, source)._batches
    trained = next(iter(damaged_batches(source, image_size=16, batch_size=8, seed=0, photographs=photographs)))
    assert not any((opacity == other).all() for opacity in scored["opacity"] for other in trained["opacity"])


def test_a_detector_that_finds_nothing_where_nothing_is_damaged_has_no_error():
    config = Config(
        data=DetectorData(image_size=16, batch_size=2),
        photographs=DamagedPhotographs(undamaged=1.0),
        run=DetectorRun(validation_images=2),
    )
    validation = DetectorValidation(config, open_source("samples", "validation"))
    for found, error in ((0.0, 0.0), (1.0, 1.0)):
        assert validation.scores([np.full((2, 16, 16, 1), found, np.float32)])["validation_error"] == error


def test_a_setting_that_a_run_did_not_have_yet_counts_as_the_default_when_it_is_resumed():
    config = Config()
    before = {name: value for name, value in config.to_json().items() if name != "grain"}
    config.check_same_run(before)
    other = dataclasses.replace(config, photographs=DamagedPhotographs(grain=99.0))
    with pytest.raises(InputError, match=r"--grain was 14\.0 and is now 99\.0: use the settings of that run"):
        other.check_same_run(before)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--image-size", "1000000"), "--image-size is 1000000, but it must be at most 16384"),
        (
            ("--image-size", "16384", "--batch-size", "99999"),
            "a batch of 99999 images of 16384x16384 px with its first",
        ),
        (("--pieces", "1", "99999999999999999999"), "99999999999999999999) must be two whole numbers (low, high) with"),
    ],
)
def test_values_beyond_all_limits_are_one_sentence(flags, said, tmp_path, capsys):
    assert main(tiny(tmp_path / "run", *flags)) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not (tmp_path / "run" / "config.json").exists()


def test_a_finished_run_resumes_to_its_end_at_once(trained, capsys):
    before = (trained / "metrics.jsonl").read_bytes()
    assert main(tiny(trained, "--resume")) == 0
    assert (trained / "metrics.jsonl").read_bytes() == before
    assert f"trained {STEPS} steps" in capsys.readouterr().out


def test_a_run_is_not_resumed_as_another_one(trained, tmp_path, capsys):
    assert main(tiny(trained, "--resume", "--opacity-weight", "0.5", "--undamaged", "0")) == 2
    error = capsys.readouterr().err
    assert "--opacity-weight was 0.25 and is now 0.5" in error and "--undamaged was 0.3 and is now 0.0" in error
    (tmp_path / "config.json").write_text('{"steps": 7}')
    assert main(tiny(tmp_path, "--resume")) == 2
    assert "holds another kind of run: choose another --out" in capsys.readouterr().err


@pytest.fixture
def maps(tmp_path):
    """A folder of opacity maps."""
    for number in range(9):
        save(tmp_path / "maps" / f"{number}.png", np.full((30, 30), 100 + 5 * number, np.uint8))
    return tmp_path / "maps"


def test_a_run_is_not_resumed_with_other_damage(tmp_path, maps, capsys):
    flags = ("--steps", "1", "--warmup", "0")
    assert main(tiny(tmp_path / "run", *flags, "--damage-dir", str(maps))) == 0
    assert main(tiny(tmp_path / "run", *flags, "--resume")) == 2
    assert f"--damage-dir was {maps} and is now None: use the settings of that run" in capsys.readouterr().err
    moved = maps.rename(tmp_path / "moved")
    assert main(tiny(tmp_path / "run", *flags, "--resume", "--damage-dir", str(moved))) == 0
    save(moved / "more.png", np.full((30, 30), 9, np.uint8))
    capsys.readouterr()
    assert main(tiny(tmp_path / "run", *flags, "--resume", "--damage-dir", str(moved))) == 2
    assert "the folder of damage had 9 files and has 10" in capsys.readouterr().err


def test_opacity_maps_below_the_data_folder_are_no_photographs(tmp_path, maps, capsys):
    flags = [*TINY[2:], "--dataset", "folder", "--data-dir", str(tmp_path), "--out", str(tmp_path / "run")]
    assert main([*flags, "--damage-dir", str(maps)]) == 2
    assert f"{tmp_path} holds no images" in capsys.readouterr().err


def test_damage_that_cannot_be_read_is_told_before_anything_is_written(tmp_path, maps, capsys):
    splits = split_by_hash([f"{number}.png" for number in range(9)])
    for split in ("train", "validation"):
        name = splits[split][0]
        (maps / name).write_bytes(b"no image")
        assert main(tiny(tmp_path / split, "--damage-dir", str(maps))) == 2
        assert name in capsys.readouterr().err
        assert not (tmp_path / split / "config.json").exists()
        save(maps / name, np.full((30, 30), 100, np.uint8))


def test_a_folder_named_like_a_bundled_detector_does_not_hide_it(tmp_path, capsys, monkeypatch):
    (tmp_path / "film").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(tiny(tmp_path / "run", "--initial-weights", "film")) == 2
    assert "--initial-weights film are of DetectorConfig(widths=(16," in capsys.readouterr().err
    assert export(["film", str(tmp_path / "film.safetensors")]) == 0


def test_the_exported_file_is_the_best_checkpoint(trained, tmp_path, capsys):
    assert load_detector_run(trained)[1] == 12
    for flags, step in (((), 12), (("--latest",), STEPS)):
        assert export([str(trained), str(tmp_path / "d.safetensors"), *flags]) == 0
        found = load_detector(tmp_path / "d.safetensors")
        for a, b in zip(
            *map(jax.tree.leaves, (found.params, load_detector_run(trained, step=step)[0].params)), strict=True
        ):
            np.testing.assert_array_equal(a, b)
        assert found.about["step"] == step and 0 <= found.about["validation_error"] <= 1
        assert found.about["settings"]["image_size"] == 16
        assert not {"out", "data_dir", "damage_dir"} & found.about["settings"].keys()
    assert export([str(trained), str(tmp_path / "e.safetensors"), "--precision", "int8"]) == 0
    assert load_detector(tmp_path / "e.safetensors").config == found.config
    assert "saved step" in capsys.readouterr().out


def test_a_file_is_saved_at_another_precision(tmp_path, capsys):
    before, after = tmp_path / "before.safetensors", tmp_path / "after.safetensors"
    save_detector(before, pale_detector())
    assert export([str(before), str(after), "--precision", "int8"]) == 0
    assert f"saved step 7 as {after}" in capsys.readouterr().out
    kernels = {
        tensor.dtype for name, tensor in load_file(after).items() if name.startswith("params/") and tensor.ndim > 1
    }
    assert kernels == {np.dtype(np.int8)}
    found = load_detector(after)
    assert found.about == {"step": 7}
    for a, b in zip(*map(jax.tree.leaves, (found.params, load_detector(before).params)), strict=True):
        np.testing.assert_allclose(a, b, atol=0.005 * np.abs(b).max())


def test_a_run_of_a_detector_is_none_of_a_generator(trained):
    with pytest.raises(InputError):
        load_run(trained)


def test_help_names_every_flag(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for name in Config().to_json().keys() - {"task"}:
        assert f"--{name.replace('_', '-')}" in text


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ("--steps 0", "--steps is 0, but it must be at least 1"),
        ("--image-size 0", "--image-size is 0"),
        ("--batch-size 0", "--batch-size is 0"),
        ("--limit 0", "--limit is 0"),
        ("--validation-images 0", "--validation-images is 0"),
        ("--workers -1", "--workers is -1, but it must lie between 0 and 1024"),
        ("--workers 1025", "--workers is 1025, but it must lie between 0 and 1024"),
        (f"--keep {2**31}", f"--keep is {2**31}, but it must be at most {2**31 - 1}"),
        ("--seed -1", "--seed is -1"),
        ("--dataset folder", "--dataset folder needs --data-dir"),
        ("--undamaged 2", "undamaged=2.0 must be a share"),
        ("--thickness 3 1", "thickness=(3.0, 1.0)"),
        ("--thickness 3 30", "thickness=(3.0, 30.0) must be (low, high) px with 0.5 <= low <= high <= 24"),
        ("--kinds coffee", "--kinds is 'coffee'"),
        ("--jaccard-weight nan", "jaccard_weight=nan"),
        ("--widths 4 6 8", "blocks=(0, 1) must be as many as widths=(4, 6, 8)"),
        ("--hosts 2 --host 2 --coordinator a:1", "--host is 2, but it must lie between 0 and 1"),
        ("--damage-dir nowhere", "--damage-dir nowhere is not a folder"),
        ("--learning-rate -1", "learning"),
    ],
)
def test_settings_that_make_no_sense(tmp_path, capsys, flags, complaint):
    try:
        code = main(tiny(tmp_path / "run", *flags.split()))
    except SystemExit as stop:
        code = stop.code
    error = capsys.readouterr().err
    assert code == 2 and complaint in error and "Traceback" not in error
    assert not (tmp_path / "run" / "config.json").exists()
