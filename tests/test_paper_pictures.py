"""The pictures of docs/paper.md: its script makes them all, they are small, and the page shows them."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import tyro
from PIL import Image

from experiments.paper_figures import Flags

ROOT = Path(__file__).resolve().parent.parent


def test_the_papers_figures_are_made_by_their_script(tmp_path, monkeypatch):
    drawn = []
    names = runpy.run_path(str(ROOT / "docs" / "make_paper_figures.py"))
    monkeypatch.setitem(names["main"].__globals__, "FOLDER", tmp_path)
    monkeypatch.setattr(subprocess, "run", lambda command, **_: drawn.append(pretend_to_draw(command)))
    monkeypatch.setattr(sys, "argv", ["make_paper_figures.py", "runs/dtd"])
    names["main"]()
    assert sorted(number for numbers in drawn for number in numbers) == [1, 2, 3, 4, 5, 6, 7, 7]
    there = sorted(path.name for path in (ROOT / "docs" / "paper").iterdir())
    assert there == sorted(path.name for path in tmp_path.iterdir())
    assert there == sorted(re.findall(r"\]\(paper/(.*?)\)", (ROOT / "docs" / "paper.md").read_text()))
    assert all((ROOT / "docs" / "paper" / name).stat().st_size < 150_000 for name in there)


def pretend_to_draw(command: list[str]) -> tuple[int, ...]:
    """Checks the flags of `experiments.paper_figures`, and writes an empty picture for each figure of theirs."""
    given = tyro.cli(Flags, args=command[3:])
    files = ["teaser", "irregular_holes", "architecture", "loss_curve", "masks", "masked_images", "results_folder"]
    for number in given.figures:
        Image.new("RGB", (8, 8)).save(given.folder / f"figure_{number}_{files[number - 1]}.png")
    if given.images is not None:
        given.check()  # the folder of images is there
        assert len(list(given.images.iterdir())) in (6, 9)
    return given.figures
