"""Who may ask the page's server, and for what: no other page, no file outside, no request that makes no sense."""

import asyncio
import subprocess
import sys

import pytest
import requests
from restoring import files, save
from served import DAMAGED, KEY, OPENED

from pconv_jax.page import users
from pconv_jax.page.guard import Guard
from pconv_jax.page.server import STATIC


def test_nobody_without_the_key(page):
    for path in ("/", "/api/state", "/static/app.js", "/?key=wrong", f"/api/state?key={KEY}"):
        assert requests.get(page.address + path, timeout=10).status_code == 401
    assert requests.post(page.address + "/api/photographs?name=a.png", data=b"x", timeout=10).status_code == 401


def test_programs_and_styles_are_named_as_such_whatever_the_system_takes_them_for(page):
    """Browsers refuse them otherwise; Windows names them as its registry says."""
    kinds = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
    for file in STATIC.iterdir():
        told = page.get(f"/static/{file.name}").headers["Content-Type"]
        assert told.partition(";")[0] == kinds[file.suffix], file
    script = (
        "import mimetypes; mimetypes.init(); mimetypes.add_type('text/plain', '.js')\n"
        "import pconv_jax.page.server; print(mimetypes.guess_type('app.js')[0])"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout == "text/javascript\n"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Host": "evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_no_other_page(page, headers):
    for method, path in (("GET", "/api/state"), ("POST", "/api/photographs?name=a.png"), ("GET", f"/?key={KEY}")):
        assert page.ask(method, path, headers=headers).status_code == 403


def test_the_address_that_is_opened_counts_once_and_for_this_user_alone(page, monkeypatch):
    """Others can read it in the list of processes."""
    if on_linux():
        with monkeypatch.context() as another:
            another.setattr(users.os, "getuid", lambda: 12345)
            assert requests.get(f"{page.address}/?key={OPENED}", timeout=10).status_code == 401
    with requests.Session() as browser:
        assert browser.get(f"{page.address}/?key={OPENED}", timeout=10).status_code == 200
        assert browser.get(f"{page.address}/api/state", timeout=10).status_code == 200
    for given, code in ((OPENED, 401), ("", 401), (KEY, 200)):  # the last one is printed alone
        assert requests.get(f"{page.address}/?key={given}", timeout=10).status_code == code


def on_linux():
    return users._TABLES[0].exists()


def test_the_user_of_a_connection(tmp_path, monkeypatch):
    table, none = tmp_path / "tcp", tmp_path / "none"
    table.write_text(
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 0100007F:1CF3 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 100 0\n"
        "   1: 0100007F:BD12 0100007F:1CF3 01 00000000:00000000 00:00000000 00000000  1000        0 2 1 0 20 4\n"
        "   2: 0200007F:BD12 0100007F:1CF3 01 00000000:00000000 00:00000000 00000000  1001        0 3 1 0 20 4\n"
    )
    monkeypatch.setattr(users.sys, "byteorder", "little")
    monkeypatch.setattr(users.os, "getuid", lambda: 1000)
    monkeypatch.setattr(users, "_TABLES", (table, none))
    assert users.is_this_user("127.0.0.1", 0xBD12)
    assert not users.is_this_user("127.0.0.2", 0xBD12)  # another user's
    assert not users.is_this_user("127.0.0.1", 0xBD13)  # nobody's
    monkeypatch.setattr(users, "_TABLES", (none,))
    assert users.is_this_user("127.0.0.2", 0xBD12)


@pytest.mark.parametrize(("port", "host", "code"), [(80, "127.0.0.1", 401), (80, "127.0.0.1:80", 403), (81, "x", 403)])
def test_browsers_leave_out_the_usual_port(port, host, code):
    sent = []

    async def send(message):
        sent.append(message)

    guard = Guard(None, secret=KEY, opened=OPENED, port=port)
    scope = {"type": "http", "path": "/", "query_string": b"", "method": "GET", "headers": [(b"host", host.encode())]}
    asyncio.run(guard(scope, None, send))
    assert sent[0]["status"] == code


def test_nothing_comes_from_elsewhere(page):
    answer = page.get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "http" not in policy and "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert len(list(STATIC.iterdir())) > 8
    for path in ("/", *(f"/static/{file.name}" for file in STATIC.iterdir() if file.suffix != ".svg")):
        text = page.get(path).text
        assert "https://" not in text and "//cdn" not in text


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/%2e%2e/server.py",
        "/static/..%2f..%2f..%2f..%2f..%2fetc/passwd",
        "/static//etc/passwd",
        "/api/photographs/..%2f..%2fetc/before.jpg",
        "/api/photographs/1/..%2f..%2fpasswd.jpg",
        "/api/photographs/%2e%2e/mask.png",
        "/api/photographs/1/detail/..%2fbefore.jpg",
        "/api/photographs/1/masks/..%2fbefore.png",
    ],
)
def test_no_file_outside_is_read(page, path):
    request = requests.Request("GET", page.address, cookies=page.session.cookies).prepare()
    request.url = page.address + path  # as it is: it would be tidied up
    answer = page.session.send(request, timeout=10)
    assert answer.status_code in (400, 404, 405) and b"root:" not in answer.content and b"import" not in answer.content


@pytest.mark.parametrize("name", ["../../escaped.png", "..\\..\\escaped.png", "/tmp/escaped.png", "C:\\escaped.png"])
def test_no_file_outside_is_written(fresh, photo, tmp_path, name):
    before = files(tmp_path)
    opened = fresh.upload(photo, name=name)
    assert fresh.photograph(opened)["title"] == "escaped.png"
    fresh.post(f"/api/photographs/{opened}/save")
    fresh.wait()
    new = files(tmp_path) - before
    assert {path for path in new if "kept" not in path and "uploads" not in path} == {"page/out/escaped.png"}


@pytest.mark.parametrize("name", ["", "..", "/", "\\"])
def test_files_need_names(page, name):
    answer = page.ask("POST", "/api/photographs", params={"name": name}, data=b"x")
    assert answer.status_code == 400 and "the file has no name" in answer.json()["error"]


def test_requests_that_make_no_sense(page, tmp_path):
    name = page.upload(save(tmp_path / "e.png", DAMAGED))
    one = f"/api/photographs/{name}"
    for method, path, body, status in (
        ("PUT", f"{one}/edits", b"not json", 400),
        ("PUT", f"{one}/edits", b"[]", 400),
        ("PUT", f"{one}/edits", b"[" * 100_000, 400),
        ("POST", f"{one}/restore", b'{"region": [1, 2]}', 400),
        ("POST", f"{one}/restore", b'{"region": ["a", 0, 1, 2]}', 400),
        ("GET", f"{one}/detail/before.jpg", None, 400),
        ("GET", f"{one}/detail/before.jpg?left=9999&top=0&right=99999&bottom=5", None, 400),
        ("GET", f"{one}/detail/before.jpg?left=0&top=0&right=9&bottom=9&longest=x", None, 400),
        ("GET", f"{one}/after.jpg", None, 404),
        ("GET", f"{one}/elsewhere.jpg", None, 404),
        ("GET", "/api/photographs/none/mask.png", None, 404),
    ):
        assert page.ask(method, path, data=body).status_code == status, path
