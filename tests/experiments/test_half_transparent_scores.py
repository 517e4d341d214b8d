"""The command that scores keeping the detail under half-transparent damage."""

import numpy as np
import pytest
from skimage import data

from experiments import half_transparent
from experiments.half_transparent import _WIDTHS, OPACITIES, Scored, damage, has_jpeg, score, table


def inpainter(image, *, hole, keep_detail=False):
    """Grey, or half-way from there to the damaged image."""
    filled = (image.astype(int) + 128) // 2 if keep_detail else np.full_like(image, 128)
    return np.where(hole[..., None], filled, image).astype(np.uint8)


def test_known_damage_is_divided_out():
    truth = np.ascontiguousarray(data.astronaut()[100:228, 150:278])
    cases = dict(damage(truth, "scratch", (3, 5), jpeg=False, seed=(0,)))
    assert tuple(cases) == OPACITIES
    case = cases[0.3]
    assert case.hole.any() and np.array_equal(case.truth, truth)
    as_it_is, replaced, kept, known = score(case, case.hole, inpainter)
    assert known > 40 > max(as_it_is, replaced, kept)
    assert score(case, np.zeros_like(case.hole), inpainter) == (as_it_is,) * 4  # nothing marked, nothing done


def test_the_tables():
    found = [Scored("a", "dust", "3 to 5", 0.3, False, mask, 1.0, 20, 22, 25, 40) for mask in ("true", "painted")]
    found.append(Scored("a", "dust", "3 to 5", 0.3, False, "found", 0.0, 20, 20, 20, 20))  # missed: not counted
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table(found).splitlines()]
    chosen = [row for row in rows if row[0] in ("0.3", "dust, 3 to 5 px")]
    assert [row[1:5] for row in chosen] == [["1", "20.0", "22.0", "25.0"]] * 3
    assert all(row[5].startswith("3.00") and row[6] == "3.0" for row in chosen)


def test_cases_of_one_photograph_are_one_for_the_interval():
    gains = {"a": (1, 5), "b": (3, 3), "c": (4, 4), "d": (3, 3), "e": (2, 4)}
    found = [
        Scored(name, kind, "3 to 5", 0.3, False, "true", 1.0, 20, 22, 22 + gain, 40)
        for name, both in gains.items()
        for kind, gain in zip(("dust", "hair"), both, strict=True)
    ]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table(found).splitlines()]
    heading, row = (next(row for row in rows if row[0] == first) for first in ("opacity", "0.3"))
    assert (heading[1], row[1]) == ("cases", "10")
    assert row[5:7] == ["3.20 [3.00, 3.80]", "1.0"]  # of the means 3, 3, 4, 3 and 3


@pytest.mark.parametrize(
    ("flag", "value", "complaint"),
    [
        ("limit", 0, "--limit is 0, but it must be"),
        ("image-size", -1, "--image-size is -1, but it must be at least 16"),
        ("seed", -1, "--seed is -1, but it must be at least 0"),
        ("sensitivity", 1, "--sensitivity is 1.0, but it must be above"),
    ],
)
def test_mistakes(tmp_path, capsys, flag, value, complaint):
    assert half_transparent.main(["--data-dir", str(tmp_path), f"--{flag}", str(value)]) == 2
    assert complaint in capsys.readouterr().err


def test_the_weights_of_a_run_are_taken(tmp_path, capsys, finished):
    assert half_transparent.main(["--data-dir", str(tmp_path), "--weights", str(finished)]) == 2
    assert f"{tmp_path} holds no images" in capsys.readouterr().err  # the weights were loaded


def test_a_place_for_the_scores_that_cannot_be_is_refused_before_anything_is_scored(tmp_path, capsys):
    (tmp_path / "file").touch()
    for place, complaint in (
        ("file/scores.json", "scores.json cannot be used ("),
        ("", "is a folder: give the name of a file"),
    ):
        assert half_transparent.main(["--data-dir", str(tmp_path), "--json", str(tmp_path / place)]) == 2
        assert complaint in capsys.readouterr().err


def test_half_of_every_width_of_each_kind_has_jpeg():
    for number, widths in enumerate(_WIDTHS.values()):
        found = {}
        for place in range(2 * len(widths)):
            found.setdefault(place % len(widths), []).append(has_jpeg(place, number, len(widths)))
        assert all(sorted(each) == [False, True] for each in found.values()) and len(found) == len(widths)
