"""How the page ends: what is being saved is saved, and what is not is named."""

import threading

import pytest
from restoring import files, save
from served import DAMAGED, stroke

from pconv_jax.page import ending


@pytest.fixture
def slow(fresh, photo, monkeypatch):
    """A page with a photograph that is being saved, and another that is corrected; writing waits for an event."""
    names = [fresh.upload(photo), fresh.upload(save(photo.parent / "b.png", DAMAGED[::-1]))]
    fresh.change(names[1], edits=[stroke([4, 4], [9, 9])])
    fresh.begun, fresh.may_write, write = threading.Event(), threading.Event(), fresh.desk._results.write

    def slowly(*arguments):
        fresh.begun.set()
        assert fresh.may_write.wait(30)
        write(*arguments)

    monkeypatch.setattr(fresh.desk._results, "write", slowly)
    fresh.post(f"/api/photographs/{names[0]}/save")
    assert fresh.begun.wait(30)
    return fresh


def test_what_is_being_saved_is_saved_first(slow, tmp_path, capsys):
    threading.Timer(0.3, slow.may_write.set).start()
    assert ending.end(slow.desk) == 0
    assert files(tmp_path / "page" / "out") == {"a.png"}
    assert capsys.readouterr().out == "saving a.png first; Ctrl-C again drops it\nnot saved: b.png\n"


def test_a_second_interrupt_drops_it(slow, tmp_path, capsys, monkeypatch):
    def interrupted(job):
        raise KeyboardInterrupt

    monkeypatch.setattr(ending, "_wait_for", interrupted)
    monkeypatch.setattr("pconv_jax.page.jobs._PATIENCE", 0.1)
    assert ending.end(slow.desk) == 1
    assert capsys.readouterr().out.endswith("\nnot saved: a.png, b.png\n")
    slow.may_write.set()


def test_what_waits_to_be_saved_is_saved_too_and_nothing_else_is_done(fresh, photo, tmp_path, capsys):
    name = fresh.upload(photo)
    ready = threading.Event()
    fresh.desk.get_ready(lambda job: ready.wait(30))
    fresh.post(f"/api/photographs/{name}/save")
    other = fresh.desk.open(save(tmp_path / "b.png", DAMAGED[::-1]))
    threading.Timer(0.3, ready.set).start()
    assert ending.end(fresh.desk) == 0
    assert files(tmp_path / "page" / "out") == {"a.png"} and not other.width
    assert capsys.readouterr().out == "saving a.png first; Ctrl-C again drops it\n"
