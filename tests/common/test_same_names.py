"""Names that are one file in folders that ignore case or Unicode form; which those are is asked once, if need be."""

import os
import sys
from pathlib import Path

import pytest

from pconv_jax.common import same_names
from pconv_jax.common.same_names import ignored, one_for_each_file

NAMES = ["out/a.png", "out/A.PNG", "out/é.png", "out/e\u0301.png", "out/E\u0301.png", "out/b.png", "Out/c.png"]


@pytest.mark.parametrize(
    ("case", "form", "one_file"),
    [
        (False, False, []),
        (True, False, [{0, 1}, {3, 4}]),
        (False, True, [{2, 3}]),
        (True, True, [{0, 1}, {2, 3, 4}]),
    ],
)
def test_names_are_one_by_what_their_folder_ignores(tmp_path, monkeypatch, case, form, one_file):
    asked = []
    monkeypatch.setattr(same_names, "ignored", lambda folder: asked.append(folder) or (case, form))
    paths = [tmp_path / name for name in NAMES]
    one = one_for_each_file(paths)
    keys = [one(path) for path in paths]
    together = [{other for other, key in enumerate(keys) if key == keys[first]} for first in range(len(paths))]
    assert [each for each in together if len(each) > 1] == [each for each in one_file for _ in each]
    assert asked == [tmp_path]  # which is there


def test_where_no_names_are_alike_no_folder_is_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(same_names, "ignored", None)
    paths = [tmp_path / "a.png", tmp_path / "b.png", tmp_path / "a.png"]
    assert [one_for_each_file(paths)(path) for path in paths] == paths


def test_a_folder_is_asked_by_a_file_that_is_gone_afterwards(tmp_path, monkeypatch):
    if sys.platform == "linux":
        assert ignored(tmp_path) == (False, False)
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path: exists(path.with_name(path.name.lower())))
    assert ignored(tmp_path) == (True, sys.platform == "darwin")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="all folders can be written to")
def test_a_folder_that_cannot_be_written_to_is_taken_as_exact(tmp_path):
    tmp_path.chmod(0o500)
    assert ignored(tmp_path) == (False, False)
