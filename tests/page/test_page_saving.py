"""Saving on the page: under which name, and what is never replaced."""

import os
import sys

import pytest
from detectors import grown
from restoring import check, load, picture, save
from served import DAMAGED, LINE

from pconv_jax.imaging import writing


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


@pytest.mark.parametrize("order", [1, -1])
def test_another_photograph_that_is_open_is_not_replaced(fresh, tmp_path, order):
    """Where the results go among the photographs: x.png is the result of x.bmp, by its name."""
    out = tmp_path / "page" / "out"
    photos = [save(out / "x.bmp", DAMAGED), save(out / "x.png", picture(seed=9))]
    before = photos[1].read_bytes()
    opened = [fresh.desk.open(photo) for photo in photos[::order]][::order]
    fresh.wait()
    assert [each.target.name for each in opened] == ["x-2.png", "x.png"]
    assert fresh.post(f"/api/photographs/{opened[0].name}/save", {"replace": True}).status_code == 200
    fresh.wait()
    assert photos[1].read_bytes() == before
    check(DAMAGED, load(out / "x-2.png"), grown(LINE))


def test_a_result_that_is_opened_is_not_replaced_while_it_is(fresh, tmp_path):
    out = tmp_path / "page" / "out"
    name = fresh.upload(save(tmp_path / "a.png", DAMAGED))
    save(out / "a.png", picture(seed=9))
    assert fresh.post(f"/api/photographs/{name}/save", {"replace": True}).status_code == 200
    fresh.wait()
    before = (out / "a.png").read_bytes()
    other = fresh.desk.open(out / "a.png")
    fresh.wait()
    fresh.change(name, dilate=3)
    answer = fresh.post(f"/api/photographs/{name}/save", {"replace": True})
    assert answer.status_code == 400 and "is a photograph that is open, too: close it" in answer.json()["error"]
    assert (out / "a.png").read_bytes() == before
    fresh.desk.close(other)
    assert fresh.post(f"/api/photographs/{name}/save", {"replace": True}).status_code == 200
    assert fresh.wait()["state"] == "done" and (out / "a.png").read_bytes() != before


def test_a_file_that_was_dropped_is_not_replaced_by_another_result(fresh, tmp_path):
    out = tmp_path / "page" / "out"
    photos = [save(out / "x.bmp", DAMAGED), save(out / "x.png", picture(seed=9))]
    names = [fresh.upload(photo) for photo in photos]
    assert [fresh.photograph(name)["target"].rpartition("/")[2] for name in names] == ["x-2.png", "x.png"]


def test_a_file_that_appears_while_it_is_restored_is_not_replaced(fresh, photo, tmp_path, monkeypatch):
    name, out = fresh.upload(photo), tmp_path / "page" / "out" / "a.png"
    restore = fresh.desk._results.restore

    def meanwhile(*arguments):
        restore(*arguments)
        save(out, picture(seed=9))

    monkeypatch.setattr(fresh.desk._results, "restore", meanwhile)
    assert fresh.post(f"/api/photographs/{name}/save").status_code == 200
    assert fresh.wait()["message"] == f"{out} exists by now: save again to replace it"
    assert (load(out) == picture(seed=9)).all()


def test_where_nothing_can_be_written_download_is_named(fresh, photo, monkeypatch):
    name = fresh.upload(photo)

    def full(stream, *_):
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(writing._WRITERS, "PNG", full)
    fresh.post(f"/api/photographs/{name}/save")
    said = fresh.wait()["message"]
    assert said.endswith(
        "(No space left on device): choose another place or make room, or press Download, which writes "
        "where the browser does"
    )


def test_a_result_is_written_to_what_a_link_points_to(fresh, photo, tmp_path):
    out = tmp_path / "page" / "out"
    out.mkdir()
    real, other = save(tmp_path / "elsewhere" / "real.png", picture(seed=9)), save(tmp_path / "b.jpg", picture())
    (out / "a.png").symlink_to(real)
    name = fresh.upload(photo)
    assert fresh.post(f"/api/photographs/{name}/save", {"replace": True}).status_code == 200
    fresh.wait()
    assert (out / "a.png").is_symlink()
    check(DAMAGED, load(real), grown(LINE))
    (out / "a.png").unlink()
    (out / "a.png").symlink_to(other)
    answer = fresh.post(f"/api/photographs/{name}/save", {"replace": True})
    assert answer.status_code == 400 and "which is of another kind" in answer.json()["error"]


@pytest.mark.parametrize("same", ["a.png", "A.png"])  # which are one file in folders that ignore case
def test_two_photographs_of_one_name_have_two_results(fresh, photo, tmp_path, same):
    other = save(tmp_path / "deep" / same, DAMAGED[::-1])
    names = [fresh.upload(path) for path in (photo, other)]
    targets = [fresh.photograph(name)["target"].rpartition("/")[2] for name in names]
    assert targets == ["a.png", same.replace(".", "-2.")]
