"""What the page's server does: photographs from upload to result, and what it refuses."""

import io
import os
import shutil
import socket
import sys
import threading
import time
import urllib.parse

import numpy as np
import pytest
from detectors import grown
from PIL import Image
from restoring import check, files, load, picture, save
from served import DAMAGED, LINE, marked, served, stroke

from pconv_jax.imaging import read_photograph
from pconv_jax.page.jobs import Job


def test_from_upload_to_result(fresh, photo, tmp_path, inpaint):
    name = fresh.upload(photo)
    found = fresh.photograph(name)
    assert (found["state"], found["width"], found["height"], found["bits"]) == ("found", 50, 40, 8)
    np.testing.assert_array_equal(marked(fresh, name), grown(LINE))
    edits = [stroke([40.5, 30.5], [45.5, 30.5]), stroke([6, 11], [10, 11], radius=4, erases=True)]
    assert fresh.change(name, edits=edits).status_code == 200
    assert fresh.photograph(name)["state"] == "corrected"
    hole = marked(fresh, name)
    assert hole[30, 42] and not hole[11, 6] and hole[11, 25]
    assert fresh.post(f"/api/photographs/{name}/restore").status_code == 200
    assert fresh.wait()["state"] == "done" and fresh.photograph(name)["state"] == "restored"
    assert fresh.post(f"/api/photographs/{name}/save").status_code == 200
    assert fresh.wait()["state"] == "done" and fresh.photograph(name)["state"] == "saved"
    out = tmp_path / "page" / "out" / "a.png"
    check(load(photo), load(out), hole)
    # The command writes the same file with the same mask, and so does the download.
    mask = tmp_path / "mask.png"
    mask.write_bytes(fresh.get(f"/api/photographs/{name}/mask.png").content)
    assert inpaint(photo, "--mask", mask, "-o", tmp_path / "by command.png").code == 0
    assert (tmp_path / "by command.png").read_bytes() == out.read_bytes()
    assert fresh.get(f"/api/photographs/{name}/download").content == out.read_bytes()


def test_only_what_changed_is_computed_again_and_the_result_is_the_same(fresh, tmp_path, inpaint, monkeypatch):
    pixels = np.full((900, 700, 3), 90, np.uint8)
    for row in (100, 800):
        pixels[row : row + 3, 100:180] = 255
    photo = save(tmp_path / "large.png", pixels)
    name = fresh.upload(photo)
    computed = []
    from pconv_jax.inpainting.window_pass import WindowPass

    output = WindowPass._output
    monkeypatch.setattr(WindowPass, "_output", lambda self, *seen: computed.append(1) or output(self, *seen))
    fresh.post(f"/api/photographs/{name}/restore")
    fresh.wait()
    first = len(computed)
    fresh.change(name, edits=[stroke([350, 450], [420, 450], radius=5)])
    fresh.post(f"/api/photographs/{name}/restore")
    fresh.wait()
    assert first >= 2 and 1 <= len(computed) - first < first + 1
    mask = save(tmp_path / "m.png", marked(fresh, name))
    assert inpaint(photo, "--mask", mask, "-o", tmp_path / "whole.png").code == 0
    np.testing.assert_array_equal(
        load(tmp_path / "whole.png"),
        np.asarray(Image.open(io.BytesIO(fresh.get(f"/api/photographs/{name}/download").content))),
    )


def test_a_region_alone(fresh, tmp_path):
    pixels = np.full((900, 700, 3), 90, np.uint8)
    for row in (100, 800):
        pixels[row : row + 3, 100:180] = 255
    name = fresh.upload(save(tmp_path / "large.png", pixels))
    fresh.post(f"/api/photographs/{name}/restore", {"region": [400, 400, 500, 500]})
    assert "nothing is marked near" in fresh.wait()["message"] and not fresh.photograph(name)["has_result"]
    fresh.post(f"/api/photographs/{name}/restore", {"region": [100, 60, 200, 140]})
    assert fresh.wait()["state"] == "done"
    now = fresh.photograph(name)
    assert now["partly"] and now["state"] == "found" and now["shown"] == 1
    detail = fresh.get(f"/api/photographs/{name}/detail/after.jpg?left=100&top=90&right=180&bottom=112").content
    other = fresh.get(f"/api/photographs/{name}/detail/after.jpg?left=100&top=790&right=180&bottom=812").content
    near, far = (np.asarray(Image.open(io.BytesIO(data))).max() for data in (detail, other))
    assert near < 220 and far > 240
    assert fresh.ask("GET", f"/api/photographs/{name}/download").json()["error"].endswith("restore it first")
    fresh.post(f"/api/photographs/{name}/save")  # restores the rest before
    assert fresh.wait()["state"] == "done" and fresh.photograph(name)["state"] == "saved"


def test_sensitivity_tones_and_width(page, tmp_path):
    name = page.upload(save(tmp_path / "b.png", DAMAGED))
    page.change(name, dilate=0)
    np.testing.assert_array_equal(marked(page, name), LINE)
    page.change(name, tones="dark")
    assert not marked(page, name).any()
    assert page.get(f"/api/photographs/{name}/covered").json() == {"covered": 0.0}
    for values, complaint in (
        ({"sensitivity": 1}, "sensitivity=1.0 must be above 0 and below 1"),
        ({"tones": "blue"}, "tones='blue' must be one of"),
        ({"dilate": 1000}, "dilate=1000 px"),
        ({"edits": "x"}, "more than 20,000 edits"),
        ({"edits": [3]}, "3 is no edit"),
        ({"dilate": None}, "the change is incomplete"),
        ({"sensitivity": 10**400}, "the change is incomplete"),
    ):
        answer = page.change(name, **values)
        assert answer.status_code == 400 and complaint in answer.json()["error"]


def test_two_tabs_do_not_overwrite_each_other(page, tmp_path):
    name = page.upload(save(tmp_path / "c.png", DAMAGED))
    assert page.change(name, edits=[{"kind": "clear"}]).status_code == 200
    late = page.change(name, edits=[], revision=0)
    assert late.status_code == 400 and "was changed in another tab" in late.json()["error"]
    assert page.photograph(name)["edits"] == [{"kind": "clear"}]


def test_masks_are_loaded(page, tmp_path):
    name = page.upload(save(tmp_path / "d.png", DAMAGED))
    own = np.zeros_like(LINE)
    own[33:36, 4:9] = True
    mask = save(tmp_path / "own mask.png", own)
    answer = page.ask("POST", f"/api/photographs/{name}/masks", params={"name": mask.name}, data=mask.read_bytes())
    page.change(name, edits=[{"kind": "clear"}, {"kind": "mask", "mask": answer.json()["mask"]}])
    np.testing.assert_array_equal(marked(page, name), own)
    seen = page.get(f"/api/photographs/{name}/masks/{answer.json()['mask']}.png").content
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(seen)).convert("RGBA"))[..., 3] > 0, own)
    other = save(tmp_path / "other.png", own[:, :20])
    wrong = page.ask("POST", f"/api/photographs/{name}/masks", params={"name": "o.png"}, data=other.read_bytes())
    assert wrong.status_code == 400 and "the mask has 20x40 pixels and the photograph 50x40" in wrong.json()["error"]


def test_two_masks_loaded_at_once_are_two(page, photo, monkeypatch):
    photograph = page.desk.photograph(page.upload(photo))
    both, save_array, names = threading.Barrier(2, timeout=30), photograph.save, []
    monkeypatch.setattr(photograph, "save", lambda *what: (both.wait(), save_array(*what)))
    masks = [save(photo.parent / f"{number}.png", np.eye(40, 50, number) > 0) for number in range(2)]
    loads = [
        threading.Thread(target=lambda path=path: names.append(page.desk.load_mask(photograph, path))) for path in masks
    ]
    for load_one in loads:
        load_one.start()
    for load_one in loads:
        load_one.join()
    assert len(set(names)) == 2 and len({photograph.masks[name].tobytes() for name in names}) == 2


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


def test_a_full_disk_is_said_and_the_photograph_closed(fresh, photo, monkeypatch, capfd):
    def full(stream, _array):
        stream.write(b"some")
        raise OSError("6000 requested and 0 written")  # as NumPy says it

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", full)
        fresh.upload(photo)
    (opened, _) = fresh.get("/api/state").json()["jobs"]
    assert opened["state"] == "failed" and fresh.get("/api/state").json()["photographs"] == []
    assert (
        "cannot be written (6000 requested and 0 written): make room on its disk, or set PCONV_JAX_C"
        in opened["message"]
    )
    name = fresh.upload(photo)
    with monkeypatch.context() as patch:
        patch.setattr(np, "save", full)
        fresh.post(f"/api/photographs/{name}/restore")
        assert "make room on its disk" in fresh.wait()["message"]
    assert not list(fresh.desk.photograph(name).folder.glob("*.new"))
    assert "Traceback" not in capfd.readouterr().err


def test_a_file_that_changed_meanwhile_is_refused(fresh, photo):
    opened = fresh.desk.open(photo)
    fresh.wait()
    save(photo, picture(seed=5))
    fresh.post(f"/api/photographs/{opened.name}/restore")
    job = fresh.wait()
    assert job["state"] == "failed" and "was changed since it was opened: open it again" in job["message"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "empty"),
        (b"hello", "not an image"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, ""),
        (b"II*\0" + b"\xff" * 30, ""),
    ],
)
def test_bad_files_are_explained_and_gone(page, tmp_path, content, complaint):
    before = page.get("/api/state").json()["photographs"]
    answer = page.ask("POST", "/api/photographs", params={"name": "bad.png"}, data=content)
    assert answer.status_code == 200
    page.wait()
    failed = next(job for job in page.get("/api/state").json()["jobs"] if job["photograph"] == answer.json()["name"])
    assert failed["state"] == "failed" and complaint in failed["message"] and "bad.png" in failed["message"]
    assert "fault of the program" not in failed["message"]
    assert "uploads" not in failed["message"]  # the person knows its name alone
    assert page.get("/api/state").json()["photographs"] == before
    assert page.ask("DELETE", f"/api/jobs/{failed['number']}").status_code == 200  # it was read
    assert failed["number"] not in [job["number"] for job in page.get("/api/state").json()["jobs"]]


def test_a_file_that_is_too_large(page, monkeypatch):
    from pconv_jax.page import bodies

    monkeypatch.setattr(bodies, "MOST_UPLOADED", 1000)
    answer = page.ask("POST", "/api/photographs", params={"name": "huge.png"}, data=b"x" * 5000)
    assert answer.status_code == 400 and "name it on the command line" in answer.json()["error"]


def test_closing_removes_what_was_kept(fresh, photo):
    name = fresh.upload(photo)
    folder = fresh.desk.photograph(name).folder
    assert files(folder)
    assert fresh.ask("DELETE", f"/api/photographs/{name}").status_code == 200
    fresh.wait()
    assert not folder.exists() and photo.exists()
    assert fresh.ask("GET", f"/api/photographs/{name}/before.jpg").status_code == 404


def test_what_was_dropped_goes_with_its_photograph(fresh, photo):
    name = fresh.upload(photo)
    source = fresh.desk.photograph(name).source
    mask = fresh.ask("POST", f"/api/photographs/{name}/masks", params={"name": "m.png"}, data=photo.read_bytes())
    assert mask.status_code == 200 and source.exists() and not files(source.parents[3] / "uploads")
    fresh.ask("DELETE", f"/api/photographs/{name}")
    fresh.wait()
    assert not source.exists()


def test_an_upload_that_ends_early_leaves_nothing(fresh, photo, capsys):
    address = urllib.parse.urlsplit(fresh.address)
    with socket.create_connection((address.hostname, address.port)) as connection:
        cookie = "; ".join(f"{each.name}={each.value}" for each in fresh.session.cookies)
        head = f"POST /api/photographs?name=a.png HTTP/1.1\r\nHost: {address.netloc}\r\nCookie: {cookie}\r\n"
        connection.sendall(f"{head}Content-Length: 100000\r\n\r\n".encode() + bytes(1000))
        deadline = time.monotonic() + 20
        uploads = fresh.desk._folder.parent / "uploads"
        while not files(uploads) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert files(uploads)
    while files(uploads) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not files(uploads)
    fresh.upload(photo)
    assert "Traceback" not in capsys.readouterr().err


def test_previews_are_whole_whenever_they_are_asked_for(fresh, photo):
    name = fresh.upload(photo)
    shown = fresh.desk.photograph(name)
    read, done = read_photograph(photo), threading.Event()

    def make():
        while not done.is_set():
            shown.keep_pictures("before", read, read, linear=False)

    maker = threading.Thread(target=make)
    maker.start()
    try:
        for _ in range(50):
            content = fresh.get(f"/api/photographs/{name}/before.jpg").content
            assert np.asarray(Image.open(io.BytesIO(content))).shape == DAMAGED.shape
    finally:
        done.set()
        maker.join()


def test_a_job_is_cancelled(fresh, photo):
    name = fresh.upload(photo)
    release = threading.Event()
    fresh.desk.jobs.submit("wait", name, lambda job: release.wait(30))
    job = fresh.post(f"/api/photographs/{name}/restore").json()
    assert fresh.ask("DELETE", f"/api/jobs/{job['number']}").status_code == 200
    release.set()
    assert fresh.wait()["state"] == "cancelled" and fresh.photograph(name)["shown"] == 0
    fresh.post(f"/api/photographs/{name}/restore")
    assert fresh.wait()["state"] == "done"


def test_a_photograph_whose_opening_is_cancelled_is_closed(fresh, photo):
    release = threading.Event()
    fresh.desk.jobs.submit("wait", "", lambda job: release.wait(30))
    opened = fresh.desk.open(photo)
    assert fresh.post(f"/api/photographs/{opened.name}/linear", {"linear": True}).status_code == 400
    (job,) = (each for each in fresh.get("/api/state").json()["jobs"] if each["kind"] == "open")
    assert fresh.ask("DELETE", f"/api/jobs/{job['number']}").status_code == 200
    release.set()
    fresh.wait()
    assert not fresh.get("/api/state").json()["photographs"] and not opened.folder.exists()


def test_time_left_is_told_by_the_steps_after_the_first(monkeypatch):
    clock = iter([100.0, 102.0])  # the first step waited for the compiler
    monkeypatch.setattr("pconv_jax.page.jobs.time.monotonic", lambda: next(clock))
    job = Job(1, "1", "restore", lambda job: None, state="running")
    job.progress(1, 9)
    assert job.to_json()["seconds_left"] is None
    job.progress(3, 9)
    assert job.to_json()["seconds_left"] == 6  # 1 s each


def test_the_desk_is_left_tidy(tmp_path, weights, photo):
    with served(tmp_path / "page", weights) as client:
        client.upload(photo)
    assert not (tmp_path / "page" / "kept").exists()
    shutil.rmtree(tmp_path / "page")
