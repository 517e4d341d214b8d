"""What the page's server does: photographs from upload to result, and what it refuses."""

import io
import shutil
import threading

import numpy as np
from detectors import grown, scratched
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


def test_a_detail_is_as_large_as_the_screen_needs(page, tmp_path):
    name = page.upload(save(tmp_path / "wide.png", picture(90, 60)))
    part = f"/api/photographs/{name}/detail/before.jpg?left=10&top=0&right=50&bottom=80"
    sizes = [Image.open(io.BytesIO(page.get(part + more).content)).size for more in ("", "&longest=40", "&longest=99")]
    assert sizes == [(40, 80), (20, 40), (40, 80)]


def test_a_detail_of_what_was_found_is_not_coarser_than_the_photograph(page, tmp_path):
    damaged, _ = scratched(picture(40, 3200), rows=(11, 12), columns=(1001, 1101))
    name = page.upload(save(tmp_path / "long.png", damaged))
    page.change(name, dilate=0)
    for more, size, rows, columns in (
        ("", (1600, 20), [5], (500, 551)),
        ("?left=1000&top=10&right=1200&bottom=20", (200, 10), [1], (1, 101)),
        ("?left=1000&top=10&right=1200&bottom=20&longest=100", (100, 5), [0], (0, 51)),
    ):
        with Image.open(io.BytesIO(page.get(f"/api/photographs/{name}/found.png{more}").content)) as seen:
            marked = np.asarray(seen.convert("RGBA"))[..., 3] > 0
        assert seen.size == size and np.flatnonzero(marked.any(axis=1)).tolist() == rows, more
        np.testing.assert_array_equal(np.flatnonzero(marked.any(axis=0)), np.arange(*columns), err_msg=more)
    part = f"/api/photographs/{name}/found.png?left=9999&top=0&right=99999&bottom=5"
    assert "outside the photograph" in page.ask("GET", part).json()["error"]


def test_what_is_being_saved_is_not_taken_for_something_else(fresh, photo):
    may_go_on = threading.Event()
    name = fresh.upload(photo)
    fresh.desk.get_ready(lambda job: may_go_on.wait(60))
    assert fresh.post(f"/api/photographs/{name}/save").status_code == 200
    answer = fresh.post(f"/api/photographs/{name}/linear", {"linear": True})
    assert answer.status_code == 400 and "is being saved: wait" in answer.json()["error"]
    may_go_on.set()
    assert fresh.wait()["state"] == "done" and fresh.photograph(name)["state"] == "saved"
    assert fresh.post(f"/api/photographs/{name}/linear", {"linear": True}).status_code == 200


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
        ({"edits": "x"}, "the edits are str, and must be a list: reload the page"),
        ({"edits": [3]}, "3 is no edit"),
        ({"dilate": None}, "the change is incomplete"),
        ({"sensitivity": 10**400}, "the change is incomplete"),
    ):
        answer = page.change(name, **values)
        assert answer.status_code == 400 and complaint in answer.json()["error"]


def test_warnings_that_were_read_are_counted_from_the_first_on(page, tmp_path):
    name = page.upload(save(tmp_path / "b.png", DAMAGED))
    page.desk.photograph(name).warn(["one", "two"])
    # Another tab may have read more; a warning that is not there was not read.
    for count, dismissed in ((1, 1), (0, 1), (2, 2), (1, 2), (9, 2)):
        answer = page.ask("PUT", f"/api/photographs/{name}/dismissed", json={"count": count}).json()
        assert (answer["warnings"], answer["dismissed"]) == (["one", "two"], dismissed)
    for values in ({}, {"count": None}, {"count": "x"}):
        answer = page.ask("PUT", f"/api/photographs/{name}/dismissed", json=values)
        assert answer.status_code == 400 and "which warnings were read is missing" in answer.json()["error"]


def test_what_needs_the_pixels_is_refused_while_a_photograph_opens(fresh, photo, monkeypatch):
    """The page waits for them; another tab or a script may not."""
    opened, read = threading.Event(), fresh.desk._memory.read

    def slow(photograph):
        assert opened.wait(30)
        return read(photograph)

    monkeypatch.setattr(fresh.desk._memory, "read", slow)
    name = fresh.desk.open(photo).name
    one = f"/api/photographs/{name}"
    answers = [fresh.ask("GET", f"{one}/{what}") for what in ("found.png", "mask.png", "covered", "download")]
    answers.append(fresh.ask("POST", f"{one}/masks", params={"name": "m.png"}, data=photo.read_bytes()))
    said = ["a.png is not opened yet: wait a moment"] * 3
    assert [answer.status_code for answer in answers] == [400] * 5
    errors = [answer.json()["error"] for answer in answers]
    assert errors[:3] == said and errors[4] == said[0] and "restore it first" in errors[3]
    assert fresh.ask("GET", f"{one}/detail/before.jpg").status_code == 404
    opened.set()
    fresh.wait()
    assert marked(fresh, name).any()


def test_two_tabs_do_not_overwrite_each_other(page, tmp_path):
    name = page.upload(save(tmp_path / "c.png", DAMAGED))
    assert page.change(name, edits=[{"kind": "clear"}]).status_code == 200
    late = page.change(name, edits=[], revision=0)
    assert late.status_code == 400 and "was changed in another tab" in late.json()["error"]
    assert page.get(f"/api/photographs/{name}/edits").json()["edits"] == [{"kind": "clear"}]
    assert "edits" not in page.photograph(name)  # which is asked for all the time, and they can be many


def test_masks_are_loaded(page, tmp_path):
    name = page.upload(save(tmp_path / "d.png", DAMAGED))
    own = np.zeros_like(LINE)
    own[33:36, 4:9] = True
    mask = save(tmp_path / "own mask.png", own)
    answer = page.ask("POST", f"/api/photographs/{name}/masks", params={"name": mask.name}, data=mask.read_bytes())
    page.change(name, edits=[{"kind": "clear"}, {"kind": "mask", "mask": answer.json()["mask"]}])
    np.testing.assert_array_equal(marked(page, name), own)
    for part, pixels in (("", own), ("?left=6&top=30&right=20&bottom=40", own[30:40, 6:20])):
        seen = page.get(f"/api/photographs/{name}/masks/{answer.json()['mask']}.png{part}").content
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(seen)).convert("RGBA"))[..., 3] > 0, pixels)
    other = save(tmp_path / "other.png", own[:, :20])
    wrong = page.ask("POST", f"/api/photographs/{name}/masks", params={"name": "o.png"}, data=other.read_bytes())
    assert wrong.status_code == 400 and "the mask has 20x40 pixels and the photograph 50x40" in wrong.json()["error"]


def test_two_masks_loaded_at_once_are_two(page, photo, monkeypatch):
    photograph = page.desk.photograph(page.upload(photo))
    both, save_array, names = threading.Barrier(2, timeout=30), photograph.save, []
    monkeypatch.setattr(photograph, "save", lambda *what: (both.wait(), save_array(*what)))
    masks = [save(photo.parent / f"{number}.png", np.eye(40, 50, number) > 0) for number in range(2)]
    loads = [
        threading.Thread(target=lambda path=path: names.append(page.desk.load_mask(photograph, path)[0]))
        for path in masks
    ]
    for load_one in loads:
        load_one.start()
    for load_one in loads:
        load_one.join()
    assert len(set(names)) == 2 and len({photograph.masks[name].tobytes() for name in names}) == 2


def test_a_file_that_changed_meanwhile_is_refused(fresh, photo):
    opened = fresh.desk.open(photo)
    fresh.wait()
    save(photo, picture(seed=5))
    fresh.post(f"/api/photographs/{opened.name}/restore")
    job = fresh.wait()
    assert job["state"] == "failed" and "was changed since it was opened: open it again" in job["message"]


def test_closing_removes_what_was_kept(fresh, photo):
    name = fresh.upload(photo)
    folder = fresh.desk.photograph(name).folder
    assert files(folder)
    assert fresh.ask("DELETE", f"/api/photographs/{name}").status_code == 200
    fresh.wait()
    assert not folder.exists() and photo.exists()
    assert fresh.ask("GET", f"/api/photographs/{name}/before.jpg").status_code == 404


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
    begun, release = threading.Event(), threading.Event()
    fresh.desk.jobs.submit("wait", "", lambda job: (begun.set(), release.wait(30)))
    assert begun.wait(30)
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
