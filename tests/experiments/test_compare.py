"""Evaluations beside each other: paired differences, and what cannot be compared."""

import math
import subprocess
import sys

import pytest
from evaluations import evaluate, generator

from experiments import compare
from pconv_jax.evaluation.scoring import Cost


def test_compare(tmp_path, here, capsys):
    scored = tmp_path / "scored"
    assert evaluate(scored, "--methods", "ns", generator(tmp_path / "mine")) == 0
    other, seed = tmp_path / "other", tmp_path / "seed"
    assert evaluate(other, "--methods", "ns,mean") == 0
    assert evaluate(seed, "--methods", "mean", "--seed", 7) == 0
    capsys.readouterr()
    assert compare.main([str(scored), str(other), "--baseline", "mean"]) == 0
    table = capsys.readouterr().out
    lines = {tuple(cell.strip() for cell in line.split("|")[1:3]): line for line in table.splitlines()}
    assert ("all", "other/ns") in lines
    assert [cell.strip() for cell in lines["all", "mean"].split("|")[3:]].count("0.000") == 1  # less itself
    same = [lines["thin", name].split("|")[3:] for name in ("ns", "other/ns")]
    assert same[0] == same[1]
    for flags, message in (
        ([scored, seed], "masks seed 0 and 7"),
        ([scored, "--baseline", "nobody"], "no scores of method 'nobody'"),
        ([scored, "--figure", "beauty"], "--metric beauty is not scored"),
        ([tmp_path], "holds no evaluation"),
    ):
        assert compare.main([*map(str, flags)]) == 2
        assert message in capsys.readouterr().err


def cells_of(line):
    return [cell.strip() for cell in line.split("|")[1:-1]]


def test_wide_tables_have_the_numbers_of_the_long_one(tmp_path, here, capsys):
    out = tmp_path / "out"
    assert evaluate(out, "--methods", "mean,ns,unrepaired") == 0
    capsys.readouterr()
    assert compare.main([str(out), "--baseline", "ns"]) == 0
    long = {tuple(cells[:2]): cells[2:] for line in capsys.readouterr().out.splitlines() if (cells := cells_of(line))}
    assert compare.main([str(out), "--baseline", "ns", "--wide"]) == 0
    means, gains, _, _, costs = (
        {cells[0]: cells[1:] for line in part.splitlines()[4:] if (cells := cells_of(line))}
        for part in capsys.readouterr().out.split("**")[2::2]
    )
    assert list(means) == ["mean", "ns", "unrepaired"]
    assert list(gains) == ["mean", "unrepaired"]
    for place, bucket in enumerate(("all", "thin", "medium", "thick")):
        for method in means:
            mean, gain = (float(cell.split()[0]) for cell in long[bucket, method])
            assert float(means[method][place]) == pytest.approx(mean, abs=0.006)
            if method in gains:
                assert float(gains[method][place].split()[0]) == pytest.approx(gain, abs=0.006)
    assert all(float(cells[0]) >= 0 for cells in costs.values())


@pytest.fixture
def two_weights(tmp_path, monkeypatch):
    """Two evaluations of one method, which is perfect in one bucket, by distances of one name from other weights."""
    both = {"image": 0, "name": "n", "method": "m", "hole_fraction": 0.1, "hole_ssim": 0.9, "net": 0.2}
    rows = [{**both, "bucket": "x", "hole_psnr": math.inf}, {**both, "bucket": "y", "hole_psnr": 20.0}]
    facts = {"sha256": "1", "pairs": 2}
    distances = {tmp_path / "a": {"net": {"weights_sha256": "1"}}, tmp_path / "b": {"net": {"weights_sha256": "2"}}}
    monkeypatch.setattr(compare, "read_facts", lambda folder: {**facts, "distances": distances[folder]})
    monkeypatch.setattr(compare, "read_rows", lambda _: rows)
    monkeypatch.setattr(compare, "median_costs", lambda folder: {"m": Cost(2 if folder.name == "a" else 4, None, None)})
    return [str(folder) for folder in distances]


def test_distances_from_other_weights_are_not_compared(two_weights, capsys):
    assert compare.main([*two_weights, "--wide"]) == 0
    assert "net" not in capsys.readouterr().out
    assert compare.main([*two_weights, "--metric", "net"]) == 2
    assert "--metric net is from other weights in " in capsys.readouterr().err
    assert compare.main([two_weights[0], "--metric", "net"]) == 0


def test_a_method_that_is_renamed_keeps_its_costs(two_weights, capsys):
    assert compare.main([*two_weights, "--wide"]) == 0
    costs = capsys.readouterr().out.split("**an image, median**")[1]
    assert [(cells[0], cells[2]) for line in costs.splitlines()[4:] if (cells := cells_of(line))] == [
        ("m", "2"),
        ("b/m", "4"),
    ]


@pytest.mark.parametrize("flags", [(), ("--wide",)])
def test_perfect_pairs_are_counted_below_the_table(two_weights, capsys, flags):
    assert compare.main([two_weights[0], *flags]) == 0
    notes = capsys.readouterr().out.split("\n\n")[-1]
    assert notes == "all: 1 perfect, left out of hole_psnr (m)\nx: 1 perfect, left out of hole_psnr (m)\n"


def test_compare_as_a_command_refuses_other_pairs_in_one_line(tmp_path, here, capsys):
    for name, noise in (("a", 0), ("b", 0.1)):
        assert evaluate(tmp_path / name, "--methods", "mean,unrepaired", "--noise", noise) == 0
    command = [sys.executable, "-m", "experiments.compare", str(tmp_path / "a"), str(tmp_path / "b")]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("error: scores of different pairs cannot be compared: ")
    assert "noise sigma 0.0 and 0.1" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_compare_tells_apart_folders_of_one_name(tmp_path, here, capsys):
    for name in ("x", "y", "z"):
        assert evaluate(tmp_path / name / "evaluation", "--methods", "mean") == 0
    capsys.readouterr()
    assert compare.main([str(tmp_path / name / "evaluation") for name in ("x", "y", "z")]) == 0
    names = [line.split("|")[2].strip() for line in capsys.readouterr().out.splitlines()[2:5]]
    assert names == ["mean", *(f"{tmp_path / name / 'evaluation'}/mean" for name in ("y", "z"))]


def test_compare_leaves_out_what_is_unfinished(tmp_path, here, capsys):
    out = tmp_path / "out"
    assert evaluate(out, "--methods", "mean,unrepaired") == 0
    path = out / "scores.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))  # the last of unrepaired
    capsys.readouterr()
    assert compare.main([str(out)]) == 0
    table, _, note = capsys.readouterr().out.partition("\n\n")
    assert "unrepaired" not in table
    assert note == "left out, not scored on all pairs: unrepaired\n"
    assert compare.main([str(out), "--baseline", "unrepaired"]) == 2
    assert "--baseline unrepaired is not scored on all pairs yet" in capsys.readouterr().err


def test_mistakes_in_comparing(tmp_path, here, capsys):
    scored, begun, seen = tmp_path / "scored", tmp_path / "begun", tmp_path / "seen"
    assert evaluate(scored, "--methods", "mean", "--limit", 1) == 0
    assert evaluate(begun, "--methods", "mean", "--limit", 1) == 0
    (begun / "scores.csv").unlink()
    flags = ("--vgg-weights", "random", "--vgg-layers", "block1_conv1")
    assert evaluate(seen, "--methods", "mean", "--limit", 1, *flags) == 0
    for arguments, message in (
        ([], "give at least one folder"),
        ([scored, begun], f"{begun} holds no scores yet"),
        ([begun], f"{begun} holds no scores yet"),
        ([scored, scored / ".." / "scored"], "is named twice"),
        ([seen, scored, "--figure", "vgg16_random block1_conv1"], f"is not scored in {scored}"),
        ([tmp_path / "nowhere"], "holds no evaluation"),
    ):
        capsys.readouterr()
        assert compare.main([*map(str, arguments)]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert message in error
