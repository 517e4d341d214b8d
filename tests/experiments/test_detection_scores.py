"""The evaluation of damage detectors: a whole run of it, its thresholds, and flags that make no sense."""

import csv
import os
import types

import numpy as np
import pytest
from detectors import pale_detector
from restoring import save

from experiments.detection_scores import command, scores
from experiments.detection_scores.__main__ import main
from experiments.detection_scores.options import Options
from experiments.detection_scores.scores import (
    DETECTIONS,
    OURS,
    Scored,
    _counts,
    best_threshold,
    few_false_alarms,
    thresholds,
)
from experiments.detection_scores.tables import _by_label, _recall, table_rows
from pconv_jax.checkpoints.detector_file import save_detector
from pconv_jax.detection.damage_map import Choice, DamageMap
from pconv_jax.evaluation.detection import Counts
from pconv_jax.evaluation.detection_cases import Row
from pconv_jax.masks.film_damage import Laid

EMPTY = types.SimpleNamespace(names=())


def counts(hit, false, *, pixels=10_000):
    return Counts(np.array(hit), 10 - np.array(hit), np.array(false), pixels)


def test_thresholds_by_hand():
    both = [counts([9, 8, 4], [30, 4, 0]), counts([10, 6, 0], [6, 6, 0])]
    # Means of the Jaccard coefficient: (9 / 40 + 10 / 16) / 2, (8 / 14 + 6 / 16) / 2, (4 / 10 + 0) / 2
    assert best_threshold(both) == 1
    assert few_false_alarms(both) == 1  # 10 of 20000 pixels are 0.05 %
    assert few_false_alarms([counts([9, 8], [30, 20])]) is None  # never few


def test_the_recall_of_a_method_whose_false_alarms_never_are_few_is_left_out():
    both = {OURS: [counts([9, 8], [30, 4])], "other": [counts([9, 8], [30, 20])]}
    scored = Scored(
        cases=[(Row(table="kind", label="hair"), 0)], counts=both, opacity=[], clean={}, mixed={},
        masks=np.zeros(1), names=["a"], undamaged=[], inpainted=[], thresholds=(0.5, 0.9), chosen={OURS: 0, "other": 0},
    )  # fmt: skip
    rows = table_rows(scored)
    assert rows[0]["recall_at_few_false_alarms"] == 0.8
    assert np.isnan(rows[1]["recall_at_few_false_alarms"])
    *_, line = _by_label(rows, "kind", "recall_at_few_false_alarms").splitlines()
    assert line.split() == ["|", "hair", "|", "0.80", "|", "-", "|"]


@pytest.mark.parametrize(("sensitivity", "own"), [(0.5, 0.953), (0.9, 0.646)])
def test_the_threshold_of_the_detector_is_among_those_that_are_tried(sensitivity, own):
    tried = thresholds(Choice(sensitivity=sensitivity))
    assert own in tried and list(tried) == sorted(set(tried))
    assert set(thresholds(Choice())) <= set(tried)  # classical ones do not depend on it


def test_detections_are_what_sure_pixels_grow_to_before_they_are_widened():
    probability = np.zeros((9, 24), np.float32)
    probability[4, 2:12] = 0.8  # of this only one pixel is sure
    probability[4, 6] = 0.96
    probability[4, 20] = 0.8  # touches none that is
    found = DamageMap(probability, np.ones_like(probability), np.zeros(probability.shape, np.uint8))
    each = _counts(Laid.undamaged(np.zeros((9, 24, 3), np.uint8)), found, Choice(dilate=3), {})[DETECTIONS]
    assert each.false.tolist() == [10]


def test_recall_by_what_is_found_without_damage():
    both = [
        counts([9, 8, 4], [0, 0, 0]),
        counts([10, 6, 0], [0, 0, 0]),
        Counts(np.zeros(3), np.zeros(3), np.ones(3), 9),
    ]
    # The third has no damage. At the second threshold (8 / 10 + 6 / 10) / 2.
    assert _recall(3 * both, np.array([False, True, True])).startswith("0.70 [")
    assert _recall(3 * both, np.array([True, True, True])).startswith("0.95 [")
    assert _recall(3 * both, np.array([False, False, False])) == "-"
    assert _recall(both, np.array([True, True, True])) == "0.95"  # two have no interval


def test_soft_rims_are_neither_hits_nor_false_alarms(tmp_path, monkeypatch):
    def damaged(image, *_, **__):
        core, rim = np.zeros((2, *image.shape[:2]), bool)
        core[4:6], rim[20:22] = True, True
        laid = np.minimum(image, 200)
        laid[core | rim] = 255
        return Laid(laid, (core | rim).astype(np.float32), core, core)

    monkeypatch.setattr(scores, "damaged", damaged)
    save_detector(tmp_path / "pale.safetensors", pale_detector())
    flags = f"--image-size 48 --limit 1 --weights {tmp_path}/pale.safetensors --out {tmp_path}/out"
    assert main(flags.split()) == 0
    with (tmp_path / "out" / "detection.csv").open() as file:
        ours = [row for row in csv.DictReader(file) if row["method"] in ("detector", "its detections")]
    assert ours and {float(row["jaccard"]) for row in ours} == {1.0}


@pytest.mark.parametrize("flags", [(), ("--best",)])
def test_the_detector_looks_three_times_if_told(tmp_path, monkeypatch, flags):
    used = []
    monkeypatch.setattr(command, "score", lambda options, source, detector: used.append(detector.best) or EMPTY)
    monkeypatch.setattr(command, "report", lambda scored, hard, *, about: about)
    monkeypatch.setattr(command, "table_rows", lambda scored: [{"image": "a.png"}])
    save_detector(tmp_path / "pale.safetensors", pale_detector())
    assert main(["--weights", f"{tmp_path}/pale.safetensors", "--out", f"{tmp_path}/out", *flags]) == 0
    assert used == [bool(flags)]
    assert ("looks three times (--best)" in (tmp_path / "out" / "detection.md").read_text()) == bool(flags)


def test_photographs_are_enlarged_if_told(tmp_path, monkeypatch):
    seen = []

    def undamaged(image, row, *, seed, maps=()):
        seen.append(image)
        return Laid.undamaged(image)

    monkeypatch.setattr(scores, "damaged", undamaged)
    save_detector(tmp_path / "pale.safetensors", pale_detector())
    for enlarge in ("1", "4"):
        flags = f"--image-size 48 --limit 1 --enlarge {enlarge} --weights {tmp_path}/pale.safetensors"
        assert main([*flags.split(), "--out", f"{tmp_path}/out{enlarge}"]) == 0
    plain, larger = seen[0], seen[-1]
    assert plain.shape == larger.shape
    # It is the middle of the plain one, 12 px of it.
    reduced = larger.reshape(12, 4, 12, 4, 3).mean((1, 3))
    assert np.abs(reduced - plain[18:30, 18:30]).mean() < 3
    assert "px, enlarged 4 times, with grain;" in (tmp_path / "out4" / "detection.md").read_text()
    assert "enlarged" not in (tmp_path / "out1" / "detection.md").read_text()


def test_a_whole_evaluation(tmp_path, capsys):
    save_detector(tmp_path / "pale.safetensors", pale_detector())
    (tmp_path / "hard.txt").write_text("# wires\nchelsea.png\n")
    flags = f"--image-size 48 --limit 1 --weights {tmp_path}/pale.safetensors --hard-list {tmp_path}/hard.txt"
    assert main([*flags.split(), "--out", str(tmp_path / "out")]) == 0
    tables = (tmp_path / "out" / "detection.md").read_text()
    assert tables in capsys.readouterr().out
    for part in (
        "By kind",
        "By width",
        "By contrast",
        "By opacity",
        "Opacity of the damage",
        "0.05 % of all pixels are false alarms",
        "true mask",
        "Recall on 1 photographs with mixed damage",
    ):
        assert part in tables
    assert "detector 0.953" in tables and "| its mask: detections, widened " in tables
    assert "(1 of 1 photographs are hard to tell)" in tables
    of_opacity = tables.split("**Opacity of the damage")[1].split("**Recall")[0].splitlines()
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in of_opacity if line.startswith("|")]
    faint = {name: tuple(map(float, cells)) for name, *cells in lines if name.startswith("opacity 0.1")}
    (true, estimate, error, opaque) = faint["opacity 0.10"]
    assert estimate == 0.75 and 0.04 < true <= 0.1  # soft edges are fainter
    assert (error, opaque) == pytest.approx((0.75 - true, 1 - true), abs=0.011)
    with (tmp_path / "out" / "detection.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["method"] for row in rows} == {
        "detector",
        "its detections",
        "top-hat",
        "median",
        "frangi",
        "meijering",
        "sato",
    }
    assert {row["image"] for row in rows} == {"chelsea.png 22,33"}
    for row in rows:
        assert 0 <= float(row["jaccard"]) <= float(row["f1"]) <= 1
        assert (row["recall_at_few_false_alarms"] == "") == (
            row["method"] == "its detections"
        )  # they have one threshold


def test_names_that_are_not_text_in_utf_8_are_written_as_they_are(tmp_path, monkeypatch):
    row = {"image": os.fsdecode(b"\xff.png"), "jaccard": 0.5}
    monkeypatch.setattr(command, "score", lambda *_: types.SimpleNamespace(names=["one"]))
    monkeypatch.setattr(command, "report", lambda *_, **__: "tables")
    monkeypatch.setattr(command, "table_rows", lambda _: [row])
    assert main(["--out", str(tmp_path / "out")]) == 0
    assert b"\n\xff.png,0.5" in (tmp_path / "out" / "detection.csv").read_bytes()


def test_names_on_the_hard_list_may_have_dots_and_no_suffix(tmp_path):
    (tmp_path / "hard.txt").write_text(
        "\ufeffscan.v1\n  # wires\nscan.v2 \n\n deep/scan.v3.PNG\t\nplain", encoding="utf-8"
    )
    assert Options(hard_list=tmp_path / "hard.txt").hard_names() == {"scan.v1", "scan.v2", "scan.v3", "plain"}


def test_a_hard_list_of_other_photographs_is_refused_before_anything_is_scored(tmp_path, capsys):
    (tmp_path / "hard.txt").write_text("nobody.png\n")
    save_detector(tmp_path / "pale.safetensors", pale_detector())
    flags = f"--hard-list {tmp_path}/hard.txt --weights {tmp_path}/pale.safetensors --out {tmp_path}/out"
    assert main(flags.split()) == 2
    assert "hard.txt names none of the photographs: give names such as " in capsys.readouterr().err


def test_a_hard_list_that_is_not_text_is_refused_before_anything_is_scored(tmp_path, capsys):
    (tmp_path / "hard.txt").write_bytes(b"\xff\xfe")
    assert main(["--hard-list", str(tmp_path / "hard.txt"), "--out", str(tmp_path / "out")]) == 2
    assert "hard.txt is not text in UTF-8: give names, one a line" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_photograph_too_small_for_ssim_is_refused_before_anything_is_scored(tmp_path, capsys):
    save(tmp_path / "photos" / "small.png", np.zeros((10, 40, 3), np.uint8))
    save_detector(tmp_path / "pale.safetensors", pale_detector())
    flags = f"--dataset folder --split all --data-dir {tmp_path}/photos --weights {tmp_path}/pale.safetensors"
    assert main([*flags.split(), "--out", str(tmp_path / "out")]) == 2
    assert "small.png has a side below 11 px, too small for SSIM: leave it out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ("--image-size 10", "--image-size is 10, but it must be at least 11"),
        ("--limit 0", "--limit is 0, but it must be at least 1"),
        ("--enlarge 0.5", "--enlarge is 0.5, but it must be from 1 to 32"),
        ("--enlarge nan", "--enlarge is nan, but"),
        ("--undamaged-limit 0", "--undamaged-limit is 0"),
        ("--sensitivity 1", "--sensitivity is 1.0, but it must be above 0 and below 1"),
        ("--dataset folder", "--dataset folder needs --data-dir"),
        ("--split all", "--split all goes with --dataset folder"),
        ("--hard-list nowhere", "--hard-list nowhere is not a file"),
        ("--damage-dir nowhere", "--damage-dir nowhere is not a folder"),
        ("--weights nothing", "unknown detector 'nothing'"),
    ],
)
def test_flags_that_make_no_sense(tmp_path, capsys, flags, complaint):
    assert main([*flags.split(), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert complaint in error and "Traceback" not in error
    assert not (tmp_path / "out").exists()
