"""Saving on the page: under which name, and what is never replaced."""

import os
import sys

import pytest
from detectors import grown
from restoring import check, load, picture, save
from served import DAMAGED, LINE


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes there alone")
def test_a_name_that_is_no_text_is_shown_with_question_marks(fresh, photo):
    """As old archives have them; the page was closed to all photographs by one of them."""
    latin = photo.rename(photo.with_name(os.fsdecode(b"F\xe4hre.png")))
    name = fresh.desk.open(latin).name
    assert fresh.wait()["state"] == "done"
    assert fresh.photograph(name)["title"] == "F?hre.png"
    assert "F%3Fhre_mask.png" in fresh.get(f"/api/photographs/{name}/mask.png").headers["content-disposition"]
    for _ in range(2):
        answer = fresh.post(f"/api/photographs/{name}/save")
        fresh.wait()
    assert answer.status_code == 409 and answer.json()["error"].endswith("/F?hre.png exists")
    assert (photo.parent / "page" / "out" / latin.name).exists()


def test_a_file_is_replaced_only_when_told(fresh, photo, tmp_path):
    name = fresh.upload(photo)
    out = save(tmp_path / "page" / "out" / "a.png", picture(seed=9))
    before = out.read_bytes()
    fresh.change(name)
    answer = fresh.post(f"/api/photographs/{name}/save")
    assert answer.status_code == 409 and answer.json()["exists"] and out.read_bytes() == before
    assert fresh.post(f"/api/photographs/{name}/save", {"replace": True}).status_code == 200
    fresh.wait()
    check(load(photo), load(out), grown(LINE))


def test_control_characters_of_a_name_are_shown_by_their_codes(fresh, tmp_path):
    name = fresh.upload(save(tmp_path / "\x1b[2J.png", picture()))
    save(tmp_path / "page" / "out" / "\x1b[2J.png", picture(seed=9))
    assert fresh.post(f"/api/photographs/{name}/save").json()["error"].endswith("/\\x1b[2J.png exists")


def test_the_photograph_itself_is_never_replaced(fresh, tmp_path):
    folder = tmp_path / "page" / "out"
    photo = save(folder / "a.png", DAMAGED)
    opened = fresh.desk.open(photo)
    fresh.wait()
    before = photo.read_bytes()
    answer = fresh.post(f"/api/photographs/{opened.name}/save", {"replace": True})
    assert answer.status_code == 400 and "is the photograph itself" in answer.json()["error"]
    assert photo.read_bytes() == before


def test_the_file_that_was_dropped_is_not_replaced_either(fresh, tmp_path):
    """A browser sends its content and its name, but not where it lies."""
    photo = save(tmp_path / "page" / "out" / "a.png", DAMAGED)
    name, before = fresh.upload(photo), photo.read_bytes()
    answer = fresh.post(f"/api/photographs/{name}/save", {"replace": True})
    assert answer.status_code == 400 and "is the photograph itself" in answer.json()["error"]
    assert photo.read_bytes() == before
    photo.unlink()
    fresh.change(name, edits=[{"kind": "clear"}])
    assert fresh.post(f"/api/photographs/{name}/save").status_code == 200
    fresh.wait()
    assert photo.read_bytes() == before  # a copy, since nothing is marked
    fresh.change(name, edits=[])
    assert fresh.post(f"/api/photographs/{name}/save", {"replace": True}).status_code == 200
    fresh.wait()
    assert photo.read_bytes() != before  # which may be replaced


def test_two_photographs_of_one_name_have_two_results(fresh, photo, tmp_path):
    other = save(tmp_path / "deep" / "a.png", DAMAGED[::-1])
    names = [fresh.upload(path) for path in (photo, other)]
    assert [fresh.photograph(name)["target"].rpartition("/")[2] for name in names] == ["a.png", "a-2.png"]
