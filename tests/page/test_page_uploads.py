"""Files dropped on the page: bad, broken off, too large for the disk, and removed with their photograph."""

import socket
import time
import urllib.parse

import numpy as np
import pytest
from restoring import files, save


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


@pytest.mark.parametrize("name", ["字" * 100 + ".jpg", "a" * 300 + ".jpg", "\N{GRINNING FACE}" * 90 + ".jpg"])
def test_long_names_keep_their_end(name):
    """File systems allow 255 bytes, and results have longer names."""
    from pconv_jax.page.bodies import file_name

    kept = file_name(name)
    assert name.endswith(kept) and kept.endswith(".jpg") and 170 < len(kept.encode()) <= 180
    assert file_name("\udcff" * 100)  # no text in UTF-8


def test_what_was_dropped_goes_with_its_photograph(fresh, photo):
    name = fresh.upload(photo)
    source = fresh.desk.photograph(name).source
    own = save(photo.parent / "m.png", np.eye(40, 50) > 0).read_bytes()
    mask = fresh.ask("POST", f"/api/photographs/{name}/masks", params={"name": "m.png"}, data=own)
    assert mask.status_code == 200 and source.exists() and not files(source.parents[3] / "uploads")
    fresh.ask("DELETE", f"/api/photographs/{name}")
    fresh.wait()
    assert not source.exists()


def held(folder):
    """The files of a folder from which they may be removed meanwhile."""
    try:
        return files(folder)
    except FileNotFoundError:
        return {"what is being removed"}


def test_an_upload_that_ends_early_leaves_nothing(fresh, photo, capsys):
    address = urllib.parse.urlsplit(fresh.address)
    with socket.create_connection((address.hostname, address.port)) as connection:
        cookie = "; ".join(f"{each.name}={each.value}" for each in fresh.session.cookies)
        head = f"POST /api/photographs?name=a.png HTTP/1.1\r\nHost: {address.netloc}\r\nCookie: {cookie}\r\n"
        connection.sendall(f"{head}Content-Length: 100000\r\n\r\n".encode() + bytes(1000))
        deadline = time.monotonic() + 20
        uploads = fresh.desk._folder.parent / "uploads"
        while not held(uploads) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert held(uploads)
    while held(uploads) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not held(uploads)
    fresh.upload(photo)
    assert "Traceback" not in capsys.readouterr().err
