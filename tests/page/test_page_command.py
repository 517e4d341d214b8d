"""The command `pconv-jax page`: it starts, ends and leaves nothing behind; what it refuses."""

import os
import re
import shlex
import signal
import socket
import sys
import time
from pathlib import Path

import pytest
import requests
from restoring import hole, picture, save, sentences, started

import pconv_jax.cli.page as page_command
from pconv_jax.cli.main import main
from pconv_jax.inpainting import inpainter

pytest.importorskip("starlette", reason="the page needs the extra `page`")

import pconv_jax.page.run as page_run
from pconv_jax.imaging import IMAGE_SUFFIXES


def test_it_starts_ends_and_leaves_nothing_behind(tmp_path):
    photo = save(tmp_path / "photos" / "a.png", picture())
    cache, opened = tmp_path / "cache", tmp_path / "opened"

    def start(*flags):
        write = "import sys; open(sys.argv[1], 'w').write(sys.argv[2])"
        browser = f"{shlex.join([sys.executable, '-c', write, str(opened)])} %s"
        given = {"PCONV_JAX_CACHE": str(cache), "BROWSER": browser}
        process = started("page", photo.parent, *flags, "--out", tmp_path / "out", **given)
        line = process.stdout.readline()
        assert line.startswith("the page is at http://127.0.0.1:"), process.stderr.read()
        return process, line.split()[-1]

    process, address = start("--no-browser")
    try:
        with requests.Session() as session:
            assert "Restore photographs" in session.get(address, timeout=30).text
            state = session.get(f"{address.partition('?')[0]}api/state", timeout=30).json()
        assert [each["title"] for each in state["photographs"]] == ["a.png"]
        assert len(list((cache / "page").iterdir())) == 1
    finally:
        process.kill()
        process.communicate()
    (left,) = (cache / "page").iterdir()
    process, address = start()
    assert not left.exists() and len(list((cache / "page").iterdir())) == 1
    deadline = time.monotonic() + 30
    while not (opened.exists() and opened.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    page, key = opened.read_text().split("?key=")
    assert address.startswith(page) and key != address.rpartition("=")[2]  # others see how a browser was started
    assert requests.get(opened.read_text(), timeout=30).status_code == 200
    process.send_signal(signal.SIGINT)
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0 and "Traceback" not in out + err
    assert not list((cache / "page").iterdir()) and not (tmp_path / "out").exists()


def test_what_it_refuses(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PCONV_JAX_CACHE", str(tmp_path))
    taken = socket.socket()
    with taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        (tmp_path / "file").write_text("")
        for flags, complaint in (
            ([str(tmp_path / "nowhere.png")], "nowhere.png does not exist"),
            (["--out", str(tmp_path / "file")], "is a file: give a folder for the results"),
            (
                ["--out", str(tmp_path / "file" / "out")],
                f"cannot be used ({tmp_path / 'file'} is not a folder)",
            ),
            (["--port", port], f"--port {port} cannot be used"),
            (["--port", "99999"], "--port 99999 cannot be used"),
            (["--max-megapixels", "0"], "--max-megapixels is 0.0"),
            (["--detector", "nothing"], "nothing"),
        ):
            assert main(["page", "--no-browser", *flags]) == 2
            (said,) = sentences(capsys.readouterr().err)
            assert complaint in said


def test_its_windows_are_those_of_the_command(tmp_path, weights, inpaint, monkeypatch):
    chosen, served = [], []

    def choose(hole, sizes, *, program):
        chosen.append((tuple(sizes), program))
        return []  # nothing to compute

    monkeypatch.setattr(inpainter, "choose_windows", choose)
    monkeypatch.setattr(page_run, "serve", lambda *given, **_: served.append(given[2]))
    monkeypatch.setattr(page_command, "end_process", lambda code: None)
    assert main(["page", "--no-browser", "--weights", str(weights)]) == 0
    served[0](picture(), hole=hole())
    photo, mask = save(tmp_path / "a.png", picture()), save(tmp_path / "m.png", hole())
    assert inpaint(photo, "--mask", mask, "-o", tmp_path / "b.png").code == 0
    by_page, by_command = chosen
    assert by_page == by_command and by_page[1] > 0


def test_any_port_if_its_own_is_taken(monkeypatch):
    from pconv_jax.page import run

    with run._listening(0) as taken:
        monkeypatch.setattr(run, "DEFAULT_PORT", taken.getsockname()[1])
        with run._listening(None) as other:
            assert other.getsockname()[1] not in (0, run.DEFAULT_PORT)
            assert other.getsockname()[0] == "127.0.0.1"  # nobody else can reach it


@pytest.mark.skipif(sys.platform == "win32", reason="there are no locks of this kind")
def test_the_folder_of_a_page_elsewhere_stays(tmp_path, monkeypatch):
    """Of another machine or container, where the number of its process says nothing."""
    from pconv_jax.page import run

    monkeypatch.setattr(run, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(run, "_is_alive", lambda name: False)
    with run._folder_of_this_process() as first:
        with run._folder_of_this_process() as second:
            assert first.is_dir() and second.is_dir() and first != second
        assert not second.exists()
    assert not first.exists()
    killed, made = tmp_path / "page" / "1-2-killed", tmp_path / "page" / "3-4-just-made"
    for folder in (killed, made):
        folder.mkdir()
    (killed / "lock").touch()
    with run._folder_of_this_process():
        assert not killed.exists() and made.exists()
    os.utime(made, (0, 0))
    with run._folder_of_this_process():
        assert not made.exists()


def test_the_folder_for_results_is_told_in_full(monkeypatch, tmp_path):
    """Who looks at the page does not know where the command was started."""
    told = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pconv_jax.cli.page.open_page", lambda *_, out, **__: told.append(out))
    assert main(["page"]) == main(["page", "--out", "../elsewhere"]) == 0
    assert told == [tmp_path / "restored", tmp_path / "../elsewhere"]


def test_an_infrared_channel_is_left_out_if_told(monkeypatch):
    used = []
    monkeypatch.setattr("pconv_jax.cli.page.open_page", lambda *_, finding, **__: used.append(finding.infrared))
    assert main(["page"]) == main(["page", "--no-infrared"]) == 0
    assert used == [True, False]


def test_it_takes_more_time_for_better_results_if_told(weights, monkeypatch):
    served = []
    monkeypatch.setattr(
        page_run, "serve", lambda photographs, look, inpainter, **_: served.append((look, inpainter)) or 0
    )
    monkeypatch.setattr(page_command, "end_process", lambda code: None)
    for flags in ((), ("--best",)):
        assert main(["page", "--no-browser", "--weights", str(weights), *flags]) == 0
    assert [(look.func.__self__.best, inpainter.best) for look, inpainter in served] == [(False, False), (True, True)]


def test_control_characters_of_names_do_not_reach_the_terminal(photo, weights, monkeypatch, capsys):
    (photo.parent / "\x1b[31mred.txt").touch()
    monkeypatch.setattr(page_run, "serve", lambda *_, **__: 0)
    monkeypatch.setattr(page_command, "end_process", lambda code: None)
    assert main(["page", str(photo.parent), "--no-browser", "--weights", str(weights)]) == 0
    told = capsys.readouterr().out
    assert "\\x1b[31mred.txt" in told and "\x1b" not in told


def test_without_its_packages(capsys, monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["page", "--no-browser"]) == 2
    complaint = capsys.readouterr().err
    assert "the page needs starlette and uvicorn: run `make install EXTRAS=page`, or `pip install" in complaint


def test_the_file_dialogs_offer_every_format_that_is_read():
    text = (Path(page_run.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    known = {".png", ".jpg", ".jpeg", ".jpe", ".webp", ".bmp", ".gif"}  # to every browser, as image/*
    for offered in re.findall(r'accept="([^"]+)"', text):
        kind, *suffixes = offered.split(",")
        assert kind == "image/*" and set(suffixes) == set(IMAGE_SUFFIXES) - known
