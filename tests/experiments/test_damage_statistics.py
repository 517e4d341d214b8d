"""Sizes of damage: two polygons made by hand, masks measured the same way, the command's tables and mistakes."""

import gzip
import json

import numpy as np
import pytest

from experiments import damage_statistics

HAIR = [[100, 50], [140, 50], [140, 53], [100, 53]]
"""40 px long, 3 px wide: 120 px, and its perimeter is 86 px."""
SPECK = [[1000, 500], [1004, 496], [1000, 492], [996, 496]]
"""A square on its corner with diagonals of 8 px: 32 px, and sides of 4 times the root of 2."""


def test_polygons():
    assert damage_statistics.polygon_size(np.array(HAIR, float)) == pytest.approx((120, 40, 3))
    # A square is where rounding decides whether there is a rectangle, and the root doubles its digits.
    assert damage_statistics.polygon_size(np.array(SPECK, float)) == pytest.approx((32, 32**0.5, 32**0.5), rel=1e-6)
    backwards = np.array(HAIR[::-1], float)
    assert damage_statistics.polygon_size(backwards) == pytest.approx((120, 40, 3))


def test_an_outline_rounder_than_a_square_counts_as_one():
    """A disc of 10 px."""
    area = np.pi * 25
    assert damage_statistics.size_of(area, np.pi * 10) == pytest.approx((area, area**0.5, area**0.5))


def test_masks_are_measured_as_polygons_are():
    mask = np.zeros((300, 120), bool)
    mask[20:260, 30:36] = True  # 240 px long, 6 px wide
    mask[0:8, 100:108] = True  # at the border
    line, speck = sorted(damage_statistics.mask_sizes(mask), reverse=True)
    assert line.area == 1440
    assert (line.length, line.width) == pytest.approx((240, 6), rel=0.07)
    assert speck == pytest.approx((64, 8, 8))
    assert max(damage_statistics.mask_sizes(mask[:, 30:])) == line  # at the border it has all its sides, too
    assert damage_statistics.mask_sizes(np.zeros((9, 9), bool)) == []


def test_parts_that_touch_at_a_corner_are_one():
    mask = np.eye(30, dtype=bool)
    (line,) = damage_statistics.mask_sizes(mask)
    assert line.area == 30


@pytest.fixture
def scans(tmp_path):
    """Two scans of 1000 x 500 px."""
    hair, speck = {"label": "Hair", "polygon": HAIR}, {"label": "Dust", "polygon": SPECK}
    slip = {"label": "Dust", "polygon": [[1, 2], [3, 4]]}
    corner = {"label": "Dust", "polygon": [[1000, 500], [992, 500], [992, 492], [1000, 492]]}
    speck["polygon"] = [[x - 10, y - 10] for x, y in SPECK]
    with gzip.open(tmp_path / "a.json.gz", "wt", encoding="utf-8") as file:
        json.dump([hair, corner], file)
    (tmp_path / "b.json").write_text(json.dumps([hair, speck, slip, corner]), encoding="utf-8")
    return tmp_path


def test_command(scans, capsys):
    assert damage_statistics.main([str(scans), "--images", "2", "--image-size", "64"]) == 0
    printed = capsys.readouterr().out
    lines = {
        cells[0]: cells[1:]
        for cells in ([c.strip() for c in x.split("|")[1:-1]] for x in printed.splitlines())
        if cells
    }
    # Of 3 specks, 64, 64 and 32 px on 2 scans of half a megapixel.
    assert lines["Dust"][:5] == ["3", "1.5", "3", "0.016", "8 / 8"]
    assert lines["Hair"] == ["2", "1", "2", "0.024", "40 / 40", "3 / 3", "4 / 4", "0.3 / 0.3"]
    assert lines["all labels"][:3] == ["5", "2.5", "5"]
    assert {"scratch", "tear", "all kinds"} <= set(lines)
    assert printed.endswith("three corners, left out: 1\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "holds no .json or .json.gz files"),
        ("[]", "a.json holds no polygons"),
        ("[", "a.json cannot be read as annotations"),
        ('[{"label": "Dust"}]', "a.json cannot be read as annotations"),
        ('[{"label": "Dust", "polygon": [1, 2, 3]}]', "a.json cannot be read as annotations"),
        ('[{"label": "Dust", "polygon": [[1, NaN], [2, 3], [4, 4]]}]', "a.json cannot be read as annotations"),
        ('[{"label": "Dust", "polygon": [[1, 2, 3], [4, 5, 6]]}]', "a.json cannot be read as annotations"),
        ('[{"label": "Dust", "polygon": []}]', "a.json holds no polygons"),
        ('[{"label": "Dust", "polygon": [[0, 0], [0, 5], [0, 9]]}]', "a.json has no corner right of and below [0, 0]"),
    ],
)
def test_no_annotations(tmp_path, capsys, content, message):
    if content is not None:
        (tmp_path / "a.json").write_text(content, encoding="utf-8")
    assert damage_statistics.main([str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


def test_a_folder_that_is_not_there(tmp_path, capsys):
    assert damage_statistics.main([str(tmp_path / "none")]) == 2
    assert "none is not a folder: give one of annotations" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [("--images", "0"), ("--image-size", "31"), ("--seed", "-1")])
def test_values_out_of_range(tmp_path, capsys, flags):
    assert damage_statistics.main([str(tmp_path), *flags]) == 2
    assert f"{flags[0]} is {flags[1]}, but it must be at least" in capsys.readouterr().err
