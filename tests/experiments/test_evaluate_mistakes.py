"""The evaluation command: one sentence for a mistake, and nothing written."""

import numpy as np
import pytest
from evaluations import SMALL, evaluate, generator

from experiments.detection_scores.__main__ import main as score_detectors
from experiments.evaluate.__main__ import main
from pconv_jax.checkpoints.orbax import Checkpoints
from pconv_jax.common.folder_lock import locked_folder


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--methods", "magic"], "--methods magic is neither a method"),
        (["--synthesis.scales", "2"], "the --synthesis flags go with --refine, which is not given"),
        (["--vgg-layers", "block3_pool"], "--vgg-layers goes with --vgg-weights, which is not given"),
        (["--whole-images", "--image-size", "32"], "--image-size goes with squares, but --whole-images takes"),
        (["--methods", "ns+best"], "--methods ns+best: +best goes with weights, not with ns, so leave it out"),
        (["--methods", "ns,ns"], "--methods has ns twice: name it once"),
        (["--methods", "mine=."], "holds no checkpoint"),
        (["--methods", ","], "--methods is empty"),
        (["--limit", "0"], "--limit is 0"),
        (["--noise", "2"], "--noise is 2.0"),
        (["--seed", "-1"], "--seed is -1"),
        (["--mask-threshold", "300"], "--mask-threshold is 300"),
        (["--mask-version", "9"], "version"),
        (["--masks", "nowhere"], "nowhere is not a folder of masks"),
        (["--dataset", "folder"], "needs --data-dir"),
        (["--data", "folder"], "needs --data-dir"),  # as the flag was named
        (["--split", "all"], "--split all goes with --dataset folder"),
        (["--pair-by-name"], "--pair-by-name needs the folder of the masks: give --masks DIR"),
        (["--pair-by-name", "--masks", "."], "--pair-by-name goes with --dataset folder"),
        (["--fid-weights", "nowhere"], "the weights file nowhere for FID does not exist"),
        (
            ["--image-size", "11", "--vgg-weights", "random", "--vgg-layers", "block4_pool"],
            "VGG16 layer block4_pool needs images of at least 16x16 pixels, not 11x11",
        ),
        (["--lpips-weights", "nowhere"], "the weights file nowhere for LPIPS does not exist"),
    ],
)
def test_mistakes_get_one_sentence_and_write_nothing(tmp_path, monkeypatch, capsys, flags, message):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert main([*SMALL, "--methods", "mean", "--out", str(tmp_path / "out"), *flags]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("error: ")
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("program", [main, score_detectors])
def test_a_folder_that_another_command_writes_to_is_refused(program, tmp_path, capsys):
    with locked_folder(tmp_path / "out"):
        assert program(["--out", str(tmp_path / "out")]) == 2
    assert f"--out {tmp_path / 'out'} is in use by process " in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_output_folder_with_something_else_is_refused(tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    assert evaluate(tmp_path / "file", "--methods", "mean") == 2
    assert "is not a folder" in capsys.readouterr().err
    assert evaluate(tmp_path, "--methods", "mean") == 2
    assert "is not empty and holds no evaluation" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_mistakes_get_one_line_and_write_nothing(own, here, monkeypatch, capsys):
    run = generator(own / "run")
    generator(own / "ns")
    (own / "empty").mkdir()
    (own / "file").write_text("mine")
    other = own / "other"
    with Checkpoints(other / "checkpoints", metadata={"generator": {"widths": [4], "heads": 2}}) as checkpoints:
        checkpoints.save(1, {"generator": {"params": {"a": np.zeros(1)}}})
    damaged = generator(own / "damaged")
    for path in (damaged / "checkpoints" / "1" / "generator").rglob("*"):
        if path.is_file():
            path.write_bytes(b"")
    for flags, message in (
        (["--methods", own / "file"], "cannot be read ("),
        (["--methods", own / "empty"], "holds no checkpoint"),
        (["--methods", own / "nowhere"], "is neither a method"),
        (["--methods", other], "this version cannot build (heads=2)"),
        (["--methods", damaged], "is damaged"),
        (["--methods", f"a/b={run}"], "will be in tables and names of files"),
        (["--methods", f"a\rb={run}"], "leave out '/', leading dots and line breaks"),
        (["--methods", f".a={run}"], "will be in tables and names of files"),
        (["--methods", f"ns={run}"], "has the name of another method"),
        (["--methods", own / "ns"], "has the name of another method"),
        (["--methods", run, f"run={other}"], "cannot build"),
        (["--methods", run, f"run={run}"], "--methods has run twice: give each its own name, as NAME=FOLDER"),
        (["--dataset", "folder", "--data-dir", own / "empty"], "holds no images"),
        (["--dataset", "folder", "--data-dir", own / "nowhere"], "is not a folder"),
        (["--masks", own / "empty"], "holds no mask files"),
        (["--masks", own / "file"], "is not a folder of masks"),
        (["--image-size", "10"], "--image-size is 10, but scores need at least 11"),
        (["--image-size", "12", "--masks", "ratios"], "16"),
        (["--workers", "0"], "--workers is 0"),
        (["--batch-size", "0"], "--batch-size is 0"),
        (["--noise", "nan"], "--noise is nan"),
        (["--invert-mask"], "leave out --mask-threshold and --invert-mask, "),
        (["--vgg-weights", own / "nowhere"], "nowhere"),
        (["--vgg-weights", "random", "--vgg-layers", "block9"], "block9"),
        (["--out", own / "file" / "out"], f"cannot be used ({own / 'file'} is not a folder): choose another"),
    ):
        capsys.readouterr()
        assert evaluate(own / "out", "--methods", "mean", *flags) == 2, flags
        error = capsys.readouterr().err
        assert error.startswith("error: "), flags
        assert message in error, flags
        assert error.count("\n") == 1, flags
        assert not (own / "out").exists(), flags
    assert (own / "file").read_text() == "mine"
