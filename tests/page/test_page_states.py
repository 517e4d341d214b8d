"""What a photograph on the page has come to: restored, changed, undone; what results wait for."""

import gc
import threading
import time
import tracemalloc
import types
import warnings

import numpy as np
import pytest
from restoring import save
from served import marked, stroke

from pconv_jax.common.errors import InputError
from pconv_jax.inpainting.inpainter import Inpainter
from pconv_jax.page import run
from pconv_jax.page.jobs import Job, Jobs
from pconv_jax.page.memory import noted
from pconv_jax.page.photographs import OpenPhotograph
from pconv_jax.page.results import Results


@pytest.mark.parametrize("kind", ["colours", "grey in three channels", "linear"])
def test_clicks_add_to_each_other(fresh, tmp_path, kind):
    pixels = np.full((900, 700, 3), 90, np.uint8)
    pixels[0, 0] = (91, 90, 90) if kind == "colours" else 90
    for row in (100, 800):
        pixels[row : row + 3, 100:180] = 255
    if kind == "linear":
        pixels = pixels.astype(np.uint16) * 257
    name = fresh.upload(save(tmp_path / "large.tif", pixels))
    if kind == "linear":
        fresh.post(f"/api/photographs/{name}/linear", {"linear": True})
        fresh.wait()

    def brightest(top):
        restored = fresh.desk.photograph(name).load("restored")
        return restored[top : top + 22, 100:180].max() / np.iinfo(restored.dtype).max * 255

    for top in (60, 760):
        fresh.post(f"/api/photographs/{name}/restore", {"region": [100, top, 200, top + 80]})
        assert fresh.wait()["message"] == ""
    assert brightest(90) < 220 and brightest(790) < 220
    # What is erased since is the original's again.
    fresh.change(name, edits=[stroke([90, 101], [190, 101], radius=12, erases=True)])
    fresh.post(f"/api/photographs/{name}/restore", {"region": [100, 760, 200, 840]})
    assert fresh.wait()["message"] == ""
    assert brightest(90) > 240
    assert brightest(790) < 220 or kind == "linear"  # where what was erased is the brightest now, for the network too


def test_after_undo_it_is_restored_as_before(fresh, photo):
    name = fresh.upload(photo)
    fresh.post(f"/api/photographs/{name}/save")
    fresh.wait()
    shown = fresh.photograph(name)["shown"]
    fresh.change(name, edits=[{"kind": "clear"}])
    assert fresh.photograph(name)["state"] == "corrected"
    fresh.change(name, edits=[])
    assert fresh.photograph(name)["state"] == "saved"
    fresh.change(name, dilate=3)
    assert fresh.photograph(name)["state"] == "found"
    fresh.change(name, dilate=2)
    fresh.post(f"/api/photographs/{name}/restore")
    assert fresh.wait()["state"] == "done"
    assert (fresh.photograph(name)["state"], fresh.photograph(name)["shown"]) == ("saved", shown)  # nothing to do
    fresh.post(f"/api/photographs/{name}/restore", {"region": [0, 0, 50, 40]})
    assert "all that is marked is restored already" in fresh.wait()["message"]
    assert fresh.get(f"/api/photographs/{name}/download").content


def test_what_is_found_later_is_not_restored_yet(fresh, photo):
    name = fresh.upload(photo)
    opened = fresh.desk.photograph(name)
    opened.found = False  # the search was cancelled
    fresh.post(f"/api/photographs/{name}/restore")
    fresh.wait()
    assert fresh.photograph(name)["state"] == "restored"
    fresh.post(f"/api/photographs/{name}/find")
    fresh.wait()
    assert fresh.photograph(name)["state"] == "found" and marked(fresh, name).any()


def test_results_wait_until_all_is_compiled(fresh, photo, monkeypatch):
    name = fresh.upload(photo)
    release, begun = threading.Event(), threading.Event()
    restore = Results.restore
    monkeypatch.setattr(Results, "restore", lambda *arguments: (begun.set(), restore(*arguments)))
    fresh.desk.get_ready(lambda job: (job.progress(1, 3), release.wait(30)))
    job = fresh.post(f"/api/photographs/{name}/restore").json()
    readying = fresh.get("/api/state").json()["getting_ready"]
    assert (readying["done"], readying["total"]) == (1, 3)
    fresh.ask("DELETE", f"/api/jobs/{job['number']}")
    assert fresh.wait()["state"] == "cancelled"
    fresh.post(f"/api/photographs/{name}/restore")
    assert not begun.wait(0.5)
    release.set()
    assert (
        fresh.wait()["state"] == "done" and begun.is_set() and fresh.get("/api/state").json()["getting_ready"] is None
    )


def test_all_that_a_photograph_needs_is_compiled_before(fresh, weights, programs):
    inpainter = Inpainter.from_pretrained(weights, windows=(96, 128))
    job = Job(0, "", "get ready", lambda job: None)
    run._warm_up(fresh.desk, inpainter, job)
    assert len(programs) == 4 and (job.done, job.total) == (4, 5)  # two windows and two batches of specks
    hole = np.zeros((640, 300), bool)
    hole[40:60, 30:200] = hole[70, 20:24] = True
    hole[100:620:60, 40:280:60] = True
    for dusty in (hole, hole & (np.arange(300) < 120)):
        inpainter(np.full((*hole.shape, 3), 128, np.uint8), hole=dusty)
    assert len(programs) == 4


def test_one_job_at_a_time():
    jobs, running, most = Jobs(), [], []

    def work(job):
        running.append(job)
        most.append(len(running))
        time.sleep(0.02)
        running.remove(job)

    done = [jobs.submit("restore", str(number), work) for number in range(4)]
    assert all(job.finished.wait(10) for job in done)
    jobs.close()
    assert most == [1] * 4


def test_memory_does_not_grow_with_the_photographs(fresh, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 200, (600, 800, 3), np.uint8)
    pixels[100:103, 100:700] = 255
    held = []
    tracemalloc.start()
    try:
        for number in range(5):
            name = fresh.upload(save(tmp_path / f"{number}.png", np.roll(pixels, 50 * number, axis=0)))
            assert fresh.get(f"/api/photographs/{name}/found.png").content
            gc.collect()  # or what nothing holds any more would count in a process that has much to look through
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert held[4] - held[1] < pixels.nbytes  # the third to the fifth lie in files


def test_what_is_said_of_a_photograph_names_it(tmp_path):
    said = []
    photograph = types.SimpleNamespace(source=tmp_path / "kept" / "a.png", title="a.png", warn=said.extend)
    with pytest.raises(InputError, match=r"^a\.png: all of the image is hole$"), noted(photograph):
        raise InputError("all of the image is hole")
    with noted(photograph):
        warnings.warn("holes are about 53 px across", UserWarning, stacklevel=1)
        warnings.warn(f"{tmp_path}/kept/a.png has no profile", UserWarning, stacklevel=1)
    assert said == ["a.png: holes are about 53 px across", "a.png has no profile"]


def test_nothing_is_said_to_be_clean_before_what_was_found_is_counted(fresh, photo, monkeypatch):
    look, hole, seen = fresh.desk._look, OpenPhotograph.hole, []
    monkeypatch.setattr(OpenPhotograph, "hole", lambda each, **more: (seen.append(each.state), hole(each, **more))[1])

    def slow(*about, **more):
        (photograph,) = fresh.desk.photographs
        assert photograph.count() == 0 and photograph.state == "opened"  # as the page asks meanwhile
        return look(*about, **more)

    monkeypatch.setattr(fresh.desk, "_look", slow)
    name = fresh.upload(photo)
    assert fresh.photograph(name)["state"] == "found" and "clean" not in seen


def test_what_was_counted_while_damage_was_looked_for_is_not_what_was_found(fresh, photo, monkeypatch):
    name = fresh.upload(photo)
    photograph = fresh.desk.photograph(name)
    hole, photograph.found = OpenPhotograph.hole, False

    def meanwhile(each, **more):
        nothing = hole(each, **more)
        each.found = True  # the search ends between counting and keeping what was counted
        return nothing

    monkeypatch.setattr(OpenPhotograph, "hole", meanwhile)
    assert photograph.count() == 0
    assert photograph.state == "found"
