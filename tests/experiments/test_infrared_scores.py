"""The command that scores infrared channels: its table, and mistakes."""

import types

import numpy as np
import pytest
from PIL import Image
from skimage import data

from experiments import infrared_scores


def scores(capsys, *arguments):
    """The exit code, the lines of the table and of the errors."""
    code = infrared_scores.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out.splitlines(), err.strip()


def test_the_table(tmp_path, capsys):
    Image.fromarray(data.astronaut()).save(tmp_path / "a.png")
    Image.fromarray(data.coffee()).save(tmp_path / "b.png")
    code, lines, err = scores(capsys, tmp_path, "--limit", 1)
    assert (code, err) == (0, "")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert [row[:3] for row in rows[:2]] == [["colour film", "yes", "yes"], ["colour film", "no", "yes"]]
    whole, *without = (float(row[3]) for row in rows[:4])
    assert whole > 0.9 and max(without) < whole - 0.2  # each step matters
    assert [row[-1] for row in rows] == [*["0 of 1"] * 5, "1 of 1"]  # the last is silver-based film
    assert rows[4][3:5] == ["", ""] and float(rows[4][5].rstrip("%")) < 0.02  # undamaged


def test_damage_of_which_nothing_is_found_scores_0_and_no_damage_has_no_score(monkeypatch):
    class Nothing:
        def hole(self, _):
            return np.zeros((8, 8), bool)

    monkeypatch.setattr(infrared_scores, "infrared_damage", lambda *_, **__: Nothing())
    damaged = np.zeros((8, 8), bool)
    damaged[2:6, 2:6] = True
    for truth, expected in ((damaged, ["0.000", "0.000"]), (np.zeros_like(damaged), ["", ""])):
        scan = types.SimpleNamespace(image=None, infrared=None, damaged=truth)
        cells = [cell.strip() for cell in infrared_scores._scores([scan], align=True, remove_crosstalk=True).split("|")]
        assert cells == [*expected, "0.0000%", "0 of 1"]


def test_mistakes(tmp_path, capsys):
    folder = tmp_path / "photographs"
    folder.mkdir()
    assert scores(capsys, folder)[::2] == (2, f"error: {folder} holds no photographs: give another folder")
    for flag, value, least in (("limit", 0, 1), ("seed", -1, 0)):
        assert scores(capsys, folder, f"--{flag}", value)[::2] == (
            2,
            f"error: --{flag} is {value}, but it must be at least {least}",
        )


@pytest.mark.parametrize("pixels", [np.zeros((40, 40), np.uint8), np.zeros((40, 40), np.uint16)])
def test_photographs_that_no_scan_is_made_of(tmp_path, capsys, pixels):
    Image.fromarray(pixels).save(tmp_path / "a.png")
    code, lines, err = scores(capsys, tmp_path)
    assert (code, lines) == (2, []) and f"{tmp_path / 'a.png'} is grey or of 16 bits" in err
