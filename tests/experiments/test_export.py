"""Weights that are saved from runs, at any precision, and trained on."""

import json
import os
import shutil

import jax
import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import load_file
from saved_runs import variables
from tiny_run import ALONE, tiny

from experiments.export.__main__ import main as export_main
from experiments.run import main
from experiments.train.logs import read_metrics
from pconv_jax.checkpoints.detector_file import TrainedDetector, load_detector, save_detector
from pconv_jax.checkpoints.orbax import open_checkpoints
from pconv_jax.checkpoints.trained import load_run
from pconv_jax.checkpoints.weights_file import load_generator_weights
from pconv_jax.models.detector import DetectorConfig

pytestmark = pytest.mark.usefixtures("without_curves")

PYRAMID = ("--generator", "pyramid", "--blocks", "1", "1", "--pixel-loss", "psnr", "--line-shape", "strokes")


OPTIONS = ("--monochrome", "0.5", "--warmup", "2", "--clip", "1")


def test_the_generator_for_photographs_trains_is_saved_as_weights_and_trained_on(tmp_path, capsys):
    first, file, second = tmp_path / "first", tmp_path / "w.safetensors", tmp_path / "second"
    # A learning rate next to nothing, so that the runs compile one program and the second shows where it started.
    slow = (*PYRAMID, *OPTIONS, *ALONE, "--learning-rate", "1e-9")
    assert main(tiny(first, *slow)) == 0
    assert export_main([str(first), str(file), "--latest"]) == 0  # hardly changed, any of its steps may be the best
    assert f"as {file} (0.0 MB)" in capsys.readouterr().out
    weights = load_generator_weights(file)
    assert weights.about["thickest_line"] == 4
    assert weights.about["settings"]["pixel_loss"] == "psnr"
    assert weights.about["validation_l1"] > 0
    for before, after in zip(variables(first), jax.tree.leaves((weights.params, weights.stats)), strict=True):
        np.testing.assert_array_equal(before, after)
    assert export_main([str(first), "/dev/null/w.safetensors"]) == 2
    assert "/dev/null/w.safetensors cannot be written (File exists): choose another" in capsys.readouterr().err
    # Another seed draws other weights; what is trained on starts from the file's, to the bit nearly, and a further
    # block by adding nothing.
    again = (*slow, "--seed", "1", "--blocks", "1", "2")
    assert main(tiny(second, *again, "--initial-weights", str(file))) == 0
    before, after = (dict(nnx.to_flat_state(load_run(run).params)) for run in (first, second))
    for path, value in after.items():
        expected = before[path][...] if path in before else 0
        if path in before or "second" in path:
            np.testing.assert_allclose(value[...], expected, atol=1e-6)
    assert after.keys() > before.keys()
    moved = file.rename(tmp_path / "moved.safetensors")
    assert main(tiny(second, *again, "--initial-weights", str(file), "--resume")) == 0  # from its checkpoint
    capsys.readouterr()
    assert main(tiny(second, *again, "--initial-weights", str(moved), "--resume")) == 2
    assert f"--initial-weights was {file} and is now {moved}" in capsys.readouterr().err
    assert main(tiny(tmp_path / "third", *again, "--initial-weights", str(file))) == 2
    assert (
        f"unknown weights '{file}', and no file or folder of that name exists: choose from faithful"
        in capsys.readouterr().err
    )
    file = moved
    assert main(tiny(tmp_path / "third", *ALONE, "--initial-weights", str(file))) == 2
    assert "--initial-weights" in capsys.readouterr().err


def test_weights_do_not_tell_where_on_a_disk_they_were_trained(finished, tmp_path):
    run = shutil.copytree(finished, tmp_path / "run")
    settings = json.loads((run / "config.json").read_text())
    masks = {"masks": "folder", "mask_dir": "/secret/masks", "data_dir": "/secret/photos", "out": "/secret/runs/first"}
    weights = {"vgg_weights": "/secret/vgg16.npz", "initial_weights": "/secret/before.safetensors"}
    (run / "config.json").write_text(json.dumps({**settings, **masks, **weights}))
    assert export_main([str(run), str(tmp_path / "w.safetensors")]) == 0
    content = (tmp_path / "w.safetensors").read_bytes()
    assert b"secret" not in content and str(tmp_path).encode() not in content
    about = load_generator_weights(tmp_path / "w.safetensors").about
    assert about["settings"]["vgg_weights"] == "vgg16.npz"
    assert about["settings"]["initial_weights"] == "before.safetensors"
    assert about["thickest_line"] is None  # its masks were no lines


def test_the_best_checkpoint_is_exported_and_not_the_latest(finished, tmp_path):
    run = shutil.copytree(finished, tmp_path / "run")
    with open_checkpoints(run) as checkpoints:
        best = checkpoints.best
        assert best is not None
    rows = {row["step"]: row["validation_l1"] for row in read_metrics(run / "metrics.jsonl") if "validation_l1" in row}
    assert best == min(rows, key=rows.__getitem__)
    assert export_main([str(run), str(tmp_path / "w.safetensors")]) == 0
    about = load_generator_weights(tmp_path / "w.safetensors").about
    assert (about["step"], about["validation_l1"]) == (best, rows[best])


def test_the_latest_checkpoint_is_exported_if_asked_for(finished, tmp_path, monkeypatch):
    run = shutil.copytree(finished, tmp_path / "run")
    with open_checkpoints(run) as checkpoints:
        latest = checkpoints.latest
        assert latest is not None
        earlier = max(int(name) for name in os.listdir(run / "checkpoints") if name.isdigit() and int(name) != latest)
        monkeypatch.setattr(type(checkpoints), "best_or_latest", earlier)
    for flags, step in (([], earlier), (["--latest"], latest)):
        assert export_main([str(run), str(tmp_path / "w.safetensors"), *flags]) == 0
        assert load_generator_weights(tmp_path / "w.safetensors").about["step"] == step


@pytest.mark.parametrize(("precision", "dtype"), [("float16", np.float16), ("int8", np.int8)])
def test_a_weights_file_is_saved_again_at_another_precision(weights, tmp_path, precision, dtype):
    out = tmp_path / "small.safetensors"
    assert export_main([str(weights), str(out), "--precision", precision]) == 0
    assert load_file(out)["params/stem/conv/kernel"].dtype == dtype
    assert load_generator_weights(out).about == load_generator_weights(weights).about == {"thickest_line": 24}


def test_a_run_or_file_of_ones_own_comes_before_bundled_weights_of_its_name(weights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(weights, "film")
    assert export_main(["film", "w.safetensors"]) == 0
    assert load_generator_weights("w.safetensors").about == {"thickest_line": 24}


def test_only_a_run_has_a_latest_checkpoint(weights, tmp_path, capsys):
    assert export_main([str(weights), str(tmp_path / "w.safetensors"), "--latest"]) == 2
    assert f"--latest goes with the folder of a run, but {weights} holds one network" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["nowhere", "w.safetensors"], "unknown weights 'nowhere': give the folder of a run, a file, or one of"),
        (["nowhere", "w"], "w must end in .safetensors"),
    ],
)
def test_weights_that_cannot_be_saved(tmp_path, capsys, monkeypatch, arguments, named):
    monkeypatch.chdir(tmp_path)
    assert export_main(arguments) == 2
    assert capsys.readouterr().err.startswith(f"error: {named}")
    assert list(tmp_path.iterdir()) == []


def test_the_mean_of_several_networks_is_saved(tmp_path, capsys):
    """Of detectors and of generators without batch norm; others are refused."""
    config, files = DetectorConfig(widths=(4, 6), blocks=(0, 1)), []

    def about(seed):
        return {"step": seed, "validation_jaccard": 0.5, **({"settings": {"seed": seed}} if seed else {})}

    for seed, name in enumerate(("one", "two", "three")):
        params = nnx.state(config.build(rngs=nnx.Rngs(seed)), nnx.Param)
        files.append(tmp_path / f"{name}.safetensors")
        save_detector(files[-1], TrainedDetector(config, params, about(seed)))
    out = tmp_path / "mean.safetensors"
    assert export_main([str(files[0]), str(out), "--average", *map(str, files[1:])]) == 0
    mean, *each = (load_detector(file) for file in (out, *files))
    for found, *leaves in zip(mean.leaves, *(one.leaves for one in each), strict=True):
        np.testing.assert_allclose(found, sum(map(np.asarray, leaves)) / 3, atol=1e-6)
    # No score of another network; the settings of all trainings.
    names = ["two.safetensors", "three.safetensors"]
    assert mean.about == {"step": 0, "averaged_with": names, "averaged_settings": [{"seed": 1}, {"seed": 2}]}
    # The mean of that mean and twice the first network.
    assert export_main([str(out), str(tmp_path / "m.safetensors"), "--average", *[str(files[0])] * 2]) == 0
    weighted = load_detector(tmp_path / "m.safetensors")
    for found, *leaves in zip(weighted.leaves, *(one.leaves for one in each), strict=True):
        np.testing.assert_allclose(found, np.tensordot([7 / 9, 1 / 9, 1 / 9], leaves, 1), atol=1e-6)
    assert weighted.about["averaged_with"] == [*names, "one.safetensors", "one.safetensors"]
    assert weighted.about["averaged_settings"] == [{"seed": 1}, {"seed": 2}]  # of the first there are none
    # One with fewer blocks is seen as one whose further blocks add nothing, and here has no block at all: of each
    # block the first convolution stays, and the second is halved.
    shallow, params = DetectorConfig(widths=(4, 6), blocks=(0, 0)), dict(nnx.to_flat_state(each[1].params))
    save_detector(
        tmp_path / "shallow.safetensors",
        TrainedDetector(shallow, nnx.state(shallow.build(rngs=nnx.Rngs(9)), nnx.Param)),
    )
    assert export_main([str(files[1]), str(out), "--average", str(tmp_path / "shallow.safetensors")]) == 0
    for path, value in nnx.to_flat_state(load_detector(out).params):
        if "first" in path or "second" in path:
            np.testing.assert_allclose(value[...], params[path][...] / (2 if "second" in path else 1), atol=1e-6)
    # The mean of a network and itself is that network; the facts about a generator are kept.
    assert export_main(["faithful", str(out), "--average", "faithful"]) == 0
    before, after = load_generator_weights("faithful"), load_generator_weights(out)
    for one, two in zip(before.leaves, after.leaves, strict=True):
        np.testing.assert_array_equal(one, two)
    assert after.about["thickest_line"] == before.about["thickest_line"]
    out.unlink()
    for flags, words in (
        (
            ("faithful", "--average", "faithful-large"),
            "--average faithful-large holds FillCorrectingConfig(widths=(32,",
        ),
        (("faithful", "--average", str(files[0])), "holds DetectorConfig(widths=(4, 6)"),
        ((str(tmp_path / "shallow.safetensors"), "--average", str(files[0])), "holds DetectorConfig(widths=(4, 6)"),
        (("paper-dtd", "--average", "paper-dtd"), "--average is for networks without batch norm"),
        (("faithful", "--average", "nowhere"), "unknown weights 'nowhere'"),
    ):
        capsys.readouterr()
        assert export_main([flags[0], str(out), *flags[1:]]) == 2
        assert words in capsys.readouterr().err and not out.exists()
