"""The paper's figures: folders, files and flags that make no sense."""

import shutil

import pytest

from experiments.paper_figures.__main__ import main


@pytest.fixture
def copied(finished, tmp_path):
    """A run that may be spoiled."""
    return shutil.copytree(finished, tmp_path / "run")


def refused(capsys, *flags):
    assert main([str(flag) for flag in flags]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    return line


def test_folders_that_hold_no_finished_run_are_told(copied, tmp_path, capsys):
    out = tmp_path / "figures"
    assert "nowhere holds no config.json" in refused(capsys, tmp_path / "nowhere", "--out", out)
    whole = (copied / "config.json").read_text()
    for content, message in [
        ("{", "config.json cannot be read (Expecting"),
        ("[]", "config.json cannot be read ("),
        ('{"heads": 8}', "heads is not a setting of this version"),
        ('{"image_size": "wide"}', "the settings of the run are damaged"),
        ('{"image_size": 0}', "--image-size is 0"),
    ]:
        (copied / "config.json").write_text(content)
        assert message in refused(capsys, copied, "--out", out)
    (copied / "config.json").write_text(whole)

    metrics = (copied / "metrics.jsonl").read_text()
    (copied / "metrics.jsonl").write_text(metrics.replace("{", "[", 1))
    assert "metrics.jsonl is damaged (" in refused(capsys, copied, "--out", out)
    (copied / "metrics.jsonl").unlink()
    assert "metrics.jsonl holds no training losses" in refused(capsys, copied, "--out", out)
    (copied / "metrics.jsonl").write_text(metrics)

    shutil.rmtree(copied / "checkpoints")
    assert "holds no checkpoint" in refused(capsys, copied, "--out", out)
    assert not out.exists()


def test_flags_that_make_no_sense_are_told(finished, tmp_path, capsys):
    assert "--rows is 0, but it must be at least 1" in refused(capsys, finished, "--rows", 0)
    assert "--image-size is 0, but it must be at least 1" in refused(capsys, finished, "--image-size", 0)
    assert "--figures has 8, but the figures are 1 to 7" in refused(capsys, finished, "--figures", 1, 8)
    assert "--figures has 4, which needs a run: " in refused(capsys, "--weights", "paper-dtd", "--figures", 4)
    assert "--figures has 7, which needs a run or --weights: " in refused(
        capsys, "--generator", "liu", "--figures", 3, 7
    )
    assert "--images none is not a folder" in refused(capsys, "--weights", "paper-dtd", "--images", "none")
    other = ("--figures", 2, "--liu-weights", "paper-dtd", "--out", tmp_path / "new")
    assert "--liu-weights paper-dtd is not the network of Liu et al. but paper" in refused(capsys, finished, *other)
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").write_text("mine")
    assert "file is not a folder" in refused(capsys, finished, "--out", tmp_path / "file")
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "RUN/paper_figures if not given" in text
    assert "nothing to draw: give the folder of a run, --weights, or --generator" in refused(capsys)


def test_the_run_of_a_detector_is_refused(tmp_path, capsys):
    (tmp_path / "det").mkdir()
    (tmp_path / "det" / "config.json").write_text('{"task": "detect"}')
    said = refused(capsys, tmp_path / "det", "--out", tmp_path / "out")
    assert "det is the run of a detector: give that of a generator" in said
