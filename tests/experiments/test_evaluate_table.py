"""The table of scores on disk: stopped, killed, damaged, and gone on with."""

import concurrent.futures
import contextlib
import csv
import json
import math
import multiprocessing
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from evaluations import SMALL, InThisProcess, evaluate, generator

from experiments import compare
from experiments.evaluate.opening import open_pairs
from experiments.evaluate.options import Options
from pconv_jax.common.errors import InputError
from pconv_jax.evaluation import worker_pool
from pconv_jax.evaluation.score_table import ScoreTable, read_rows
from pconv_jax.evaluation.scoring import NamedMethod
from pconv_jax.evaluation.times import median_costs, remove_times


def test_killed_and_run_again_equals_the_whole(tmp_path, monkeypatch):
    flags = ["--methods", "unrepaired", "mean", "ns", "telea", "biharmonic", "--noise", "0.05"]
    with monkeypatch.context() as patch:
        patch.setattr(concurrent.futures, "ProcessPoolExecutor", InThisProcess)
        patch.setattr(worker_pool, "_pairs", None, raising=False)
        assert evaluate(tmp_path / "whole", *flags) == 0
    out = tmp_path / "killed"
    command = [sys.executable, "-c", _SLOW, *SMALL, *flags, "--out", str(out), "--batch-size", "1", "--workers", "2"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    for line in process.stdout:
        if line == "row 4\n":
            break
    process.kill()
    try:
        # The pipe ends once all that hold it have ended: workers that outlive the command keep it open.
        _, error = process.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert "Traceback" not in error
    found = (out / "scores.csv").read_bytes()
    assert 4 <= len(read_rows(out)) < 30
    (out / "scores.csv").write_bytes(found[:-20])
    assert evaluate(out, *flags, "--batch-size", 3, "--workers", 2) == 0
    for name in ("scores.csv", "benchmark.json", "summary.json", "summary.md"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


# A row every half second: time to be killed in.
_SLOW = """
import sys, time
from pconv_jax.evaluation.score_table import ScoreTable
append, count = ScoreTable.append, 0
def slow(table, rows):
    global count
    append(table, rows)
    count += 1
    print("row", count, flush=True)
    time.sleep(0.5)
ScoreTable.append = slow
from experiments.evaluate.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_table_cut_anywhere_is_repaired(tmp_path, here):
    out = tmp_path / "out"
    assert evaluate(out, "--methods", "mean", "--limit", 1) == 0
    path = out / "scores.csv"
    whole = path.read_bytes()
    heading = whole.index(b"\n") + 1
    for cut in (0, 7, heading - 1, heading, heading + 1, heading + 30, len(whole) - 1):
        path.write_bytes(whole[:cut])
        table = _opened(out)
        table.start()  # and killed before the next row
        assert evaluate(out, "--methods", "mean", "--limit", 1) == 0
        assert path.read_bytes() == whole
    path.unlink()
    assert evaluate(out, "--methods", "mean", "--limit", 1) == 0
    assert path.read_bytes() == whole


def _opened(out):
    pairs = open_pairs(Options(image_size=32, limit=1))
    return ScoreTable(out, pairs, {})


def test_a_row_is_on_disk_once_it_is_scored_even_after_a_piece_of_a_heading(tmp_path):
    table = _opened(tmp_path / "out")
    table.start()
    (tmp_path / "out" / "scores.csv").write_text("image,na")
    table = _opened(tmp_path / "out")
    table.start()
    row = {"image": 0, "name": 'a\u00e9\udcff, "b".png', "bucket": "thin", "method": "m", "hole_fraction": 0.1}
    row |= {"hole_l1": 1 / 3, "hole_psnr": math.inf}
    table.append([row])
    assert read_rows(tmp_path / "out") == [row]
    table.append([{**row, "hole_psnr": math.nan}])
    assert math.isnan(read_rows(tmp_path / "out")[1]["hole_psnr"])
    assert _opened(tmp_path / "out").rows[0] == row


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not allow such names")
def test_names_that_are_no_text(own, here):
    for old, new in (("a.png", b"\xe9.png"), ("b.png", "日.png".encode())):
        os.rename(own / "images" / old, os.fsencode(own / "images") + b"/" + new)
    flags = ("--dataset", "folder", "--data-dir", own / "images", "--split", "all", "--methods", "mean", "--limit", 3)
    assert evaluate(own / "out", *flags) == 0
    path = own / "out" / "scores.csv"
    whole = path.read_bytes()
    assert {row["name"] for row in read_rows(own / "out")} == {"\udce9.png", "日.png", "deep/c.png"}
    path.write_bytes(whole[: whole.rindex("日".encode()) + 1])  # within a character
    assert evaluate(own / "out", *flags) == 0
    assert path.read_bytes() == whole


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not allow such names")
def test_a_method_whose_name_is_no_text(tmp_path, here, monkeypatch):
    name, out = os.fsdecode(b"h\xe9"), tmp_path / "out"  # of a run's folder in Latin-1
    methods = [NamedMethod(name, lambda images, _: np.full_like(images, 0.5), {"version": "1"})]
    monkeypatch.setattr("experiments.evaluate.command.open_all_methods", lambda options: methods)
    assert evaluate(out, "--limit", 1, "--save-composites") == 0
    assert b"| h\xe9 " in (out / "summary.md").read_bytes()
    assert list(median_costs(out)) == [name]
    before = (out / "times.csv").read_bytes()
    remove_times(out, ["other"])
    assert (out / "times.csv").read_bytes() == before
    remove_times(out, [name])
    assert (out / "times.csv").read_bytes().count(b"\n") == 1


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text.replace("hole_fraction", "fraction", 1), "columns image, name"),
        (lambda text: "\n".join(text.splitlines()[:2])[:-30] + "\n" + text.splitlines()[2] + "\n", "fewer cells"),
        (lambda text: text.replace("0.", "zero.", 1), "could not convert"),
        (lambda text: text.replace(",mean,", ",mean,5,", 1), "damaged"),
    ],
)
def test_a_damaged_table_is_told_and_kept(tmp_path, here, capsys, damage, message):
    assert evaluate(tmp_path / "out", "--methods", "mean", "--limit", 1) == 0
    path = tmp_path / "out" / "scores.csv"
    path.write_text(damage(path.read_text()))
    before = path.read_bytes()
    capsys.readouterr()
    assert evaluate(tmp_path / "out", "--methods", "mean", "--limit", 1) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {path} is damaged (")
    assert message in error
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", ["", "{", "5", "[]", "{}", '{"sha256": "0"}'])
def test_a_damaged_benchmark_is_told(tmp_path, here, capsys, content):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "benchmark.json").write_text(content)
    for command in (
        lambda: evaluate(tmp_path / "out", "--methods", "mean"),
        lambda: compare.main([str(tmp_path / "out")]),
    ):
        assert command() == 2
        assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'out' / 'benchmark.json'} is damaged (")


def test_another_checkpoint_under_the_same_name_is_refused(tmp_path, here, capsys):
    one, other = generator(tmp_path / "one"), generator(tmp_path / "other", seed=1)
    out = tmp_path / "out"
    assert evaluate(out, "--methods", f"mine={one}") == 0
    rows = read_rows(out)
    capsys.readouterr()
    assert evaluate(out, "--methods", f"mine={other}") == 2
    assert "holds scores of another mine (parameters_sha256 differs)" in capsys.readouterr().err
    assert read_rows(out) == rows
    assert evaluate(out, "--methods", other, "mean") == 0  # under its own name
    assert [row for row in read_rows(out) if row["method"] == "mine"] == rows
    assert list(json.loads((out / "benchmark.json").read_text())["methods"]) == ["mine", "other", "mean"]


def test_a_name_without_scores_is_free(tmp_path):
    pairs = open_pairs(Options(image_size=32, limit=1))
    for identity in ({"version": "1"}, {"version": "2"}):
        table = ScoreTable(tmp_path / "out", pairs, {})
        for name in ("first", "second"):
            table.add_method(name, identity)
        table.start()  # and stopped before the first row
    known = json.loads((tmp_path / "out" / "benchmark.json").read_text())["methods"]
    assert known == {"first": {"version": "2"}, "second": {"version": "2"}}


def test_distances_may_change_while_nothing_is_scored(tmp_path):
    pairs = open_pairs(Options(image_size=32, limit=1))
    ScoreTable(tmp_path / "out", pairs, {"vgg": {}}).start()  # and stopped before the first row
    table = ScoreTable(tmp_path / "out", pairs, {})
    table.start()
    assert json.loads((tmp_path / "out" / "benchmark.json").read_text())["distances"] == {}


def test_a_field_that_an_older_version_had_or_lacked_is_no_difference(tmp_path):
    pairs = open_pairs(Options(image_size=32, limit=1))
    old = {"parameters_sha256": "ab", "generator": {"widths": [4, 8], "image_skip": False}}
    table = ScoreTable(tmp_path / "out", pairs, {})
    table.rows = [{"method": "mine"}]
    table.add_method("mine", old)
    table.add_method("mine", {"parameters_sha256": "ab", "generator": {"widths": (4, 8), "head": "partial"}})
    with pytest.raises(InputError, match="another mine \\(generator differs\\)"):
        table.add_method("mine", {"parameters_sha256": "ab", "generator": {"widths": (4, 9)}})
    with pytest.raises(InputError, match="another mine \\(parameters_sha256 differs\\)"):
        table.add_method("mine", {"parameters_sha256": "cd", "generator": {"widths": (4, 8)}})


def test_weights_are_scored_again_by_another_version_of_the_package(tmp_path):
    table = ScoreTable(tmp_path / "out", open_pairs(Options(image_size=32, limit=1)), {})
    table.rows = [{"method": "mine"}]
    table.add_method("mine", {"parameters_sha256": "ab"})  # as it was recorded first
    table.add_method("mine", {"parameters_sha256": "ab", "pconv_jax": "0.2.0"})
    with pytest.raises(InputError, match=r"holds scores of another mine \(pconv_jax differs\)"):
        table.add_method("mine", {"parameters_sha256": "ab", "pconv_jax": "0.3.0"})


def test_a_table_that_was_scored_by_opencv_without_its_extra_modules_goes_on(tmp_path):
    table = _opened(tmp_path / "out")
    table.add_method("ns", {"opencv-python-headless": "5.0.0.93"})  # as 0.1.0 wrote it
    table.start()
    table = _opened(tmp_path / "out")
    table.rows = [{"method": "ns"}]
    table.add_method("ns", {"opencv-contrib-python-headless": "5.0.0.93"})
    with pytest.raises(InputError, match="another ns \\(opencv-contrib-python-headless differs\\)"):
        table.add_method("ns", {"opencv-contrib-python-headless": "4.12.0.88"})


def test_a_killed_worker_gets_one_line_and_what_it_scored_is_kept(tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    flags = ("--methods", "mean", "--batch-size", 1, "--workers", 1)
    append, calls = ScoreTable.append, []

    def kill_after_two(table, rows):
        append(table, rows)
        calls.append(rows)
        if len(calls) == 2:
            (worker,) = multiprocessing.active_children()
            worker.kill()

    with monkeypatch.context() as patch:
        patch.setattr(ScoreTable, "append", kill_after_two)
        # All parts may be done before the signal arrives: many of them, so that they are not.
        assert evaluate(out, *flags, "--limit", 40) == 2
    error = capsys.readouterr().err
    assert "error: one of 1 worker processes was killed" in error
    assert "Traceback" not in error
    assert 2 <= len(read_rows(out)) < 120


def without_raw_columns(path):
    """Rewrites a table as versions before raw output was scored wrote it."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if not name.startswith("raw_")]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


OLD_HEADING = (
    b"image,name,bucket,method,hole_fraction,"
    b"hole_l1,hole_psnr,hole_ssim,hole_jaccard,hole_jaccard_product,hole_sharpness,"
    b"whole_l1,whole_psnr,whole_ssim,whole_jaccard,whole_jaccard_product,whole_sharpness\n"
)


def test_a_table_of_an_older_version_is_read_and_gone_on_with_in_its_own_columns(tmp_path, here, capsys):
    old, new = tmp_path / "old", tmp_path / "new"
    for out in (old, new):
        assert evaluate(out, "--methods", "mean") == 0
    without_raw_columns(old / "scores.csv")
    assert (old / "scores.csv").read_bytes().startswith(OLD_HEADING)
    capsys.readouterr()
    for out in (old, new):
        assert evaluate(out, "--methods", "mean,ns") == 0
    assert capsys.readouterr().out.count(f"note: {old} was started by an older version") == 1
    assert (old / "scores.csv").read_bytes().startswith(OLD_HEADING)
    names = OLD_HEADING.decode().strip().split(",")
    assert read_rows(old) == [{name: row[name] for name in names} for row in read_rows(new)]
    assert "Raw output over the whole image" in (new / "summary.md").read_text()
    assert "Raw output over the whole image" not in (old / "summary.md").read_text()
    assert compare.main([str(old), str(new)]) == 0
    assert compare.main([str(new), "--figure", "raw_whole_jaccard_product"]) == 0
    capsys.readouterr()
    assert compare.main([str(new), str(old), "--metric", "raw_whole_jaccard_product"]) == 2
    assert f"--metric raw_whole_jaccard_product is not scored in {old}" in capsys.readouterr().err
