"""The download of the VGG16 weights: once, checked, nothing left by a failure, without a network, the cache."""

import hashlib
import http.server
import os
import socket
import threading

import pytest
from vgg_files import published, save_h5
from vgg_reference import assert_same_params, numbers

from pconv_jax.common.errors import InputError
from pconv_jax.models import vgg_weights
from pconv_jax.models.vgg import random_weights
from pconv_jax.models.vgg_weights import default_weights, resolve_weights


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A web server here in place of the publisher; `body`, `status` and `short` set its answers."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.requests += 1
            self.send_response(self.server.status)
            self.send_header("Content-Length", str(len(self.server.body) + self.server.short))
            self.end_headers()
            self.wfile.write(self.server.body)

        def log_message(self, *_):
            pass

    save_h5(tmp_path / "source.h5", published(numbers()))
    good = (tmp_path / "source.h5").read_bytes()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.good = httpd.body = good
        httpd.requests, httpd.status, httpd.short = 0, 200, 0
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(vgg_weights, "KERAS_URL", f"http://127.0.0.1:{httpd.server_port}/v0.1/vgg16_notop.h5")
        monkeypatch.setattr(vgg_weights, "KERAS_MD5", hashlib.md5(good).hexdigest())
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield httpd
        httpd.shutdown()
        thread.join()


def test_downloads_once_and_checks_every_time(server, tmp_path, capsys):
    folder = tmp_path / "cache"
    path = default_weights(cache_dir=folder)
    assert path == folder / "vgg16_notop.h5" and path.read_bytes() == server.good
    assert "100%" in capsys.readouterr().err
    assert default_weights(cache_dir=folder) == path and server.requests == 1
    path.write_bytes(server.good[:-1] + b"?")  # rotten in the cache: fetched again
    assert default_weights(cache_dir=folder, progress=False).read_bytes() == server.good and server.requests == 2
    assert "%" not in capsys.readouterr().err
    assert os.listdir(folder) == ["vgg16_notop.h5"]
    vgg = resolve_weights("download", seed=0, through="block1_pool", cache_dir=folder)
    assert_same_params(vgg, numbers())


def damage(server):
    server.body = server.good[:-1] + b"?"


def truncate(server):
    server.body, server.short = server.good[:1000], len(server.good) - 1000


def withdraw(server):
    server.body, server.status = b"gone", 404


@pytest.mark.parametrize(
    ("mishap", "words"),
    [(damage, "another MD5"), (truncate, "Error from 127"), (withdraw, "HTTPError 404 from 127")],
)
@pytest.mark.parametrize("cached", [None, b"half a file"])
def test_failed_downloads_leave_nothing_new(server, mishap, words, cached, tmp_path):
    mishap(server)
    if cached:
        (tmp_path / "vgg16_notop.h5").write_bytes(cached)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(InputError, match=words) as caught:
        default_weights(cache_dir=tmp_path)
    assert sorted(os.listdir(tmp_path)) == before and server.requests == 1
    assert ("the 11 bytes there now are not the published file" in str(caught.value)) == bool(cached)


def test_without_network_one_sentence_says_what_to_put_where(monkeypatch, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/vgg16_notop.h5"
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(vgg_weights, "KERAS_URL", url)
        with pytest.raises(InputError, match=r"--vgg-weights PATH$"):
            resolve_weights("download", seed=0, cache_dir=tmp_path, offer_random=False)
        with pytest.raises(InputError) as caught:
            resolve_weights("download", seed=0, cache_dir=tmp_path)
    said = str(caught.value)
    for part in (
        "ConnectionError from 127.0.0.1",
        url,
        "58,889,256 bytes, MD5 6d6bbae143d832006294945121d1f1fc",
        str(tmp_path / "vgg16_notop.h5"),
        "--vgg-weights PATH",
        "--vgg-weights random",
    ):
        assert part in said
    assert "\n" not in said and said.count(". ") == 0
    assert os.listdir(tmp_path) == []


def test_a_cache_that_cannot_be_written_is_named(server, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="file/cache"):
        default_weights(cache_dir=tmp_path / "file" / "cache")


def test_where_the_cache_is(server, monkeypatch, tmp_path):
    for name in ("PCONV_JAX_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    expected = [tmp_path / "home" / ".cache" / "pconv_jax"]
    found = [default_weights(progress=False).parent]
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # the XDG specification: to be ignored
    expected, found = [*expected, expected[0]], [*found, default_weights(progress=False).parent]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    expected, found = (
        [*expected, tmp_path / "xdg" / "pconv_jax"],
        [*found, default_weights(progress=False).parent],
    )
    monkeypatch.setenv("PCONV_JAX_CACHE", str(tmp_path / "own"))
    expected, found = [*expected, tmp_path / "own"], [*found, default_weights(progress=False).parent]
    assert found == expected


def test_resolve_weights_takes_random_and_paths_and_needs_no_network(server, tmp_path):
    assert_same_params(
        resolve_weights("random", seed=4, through="block1_conv1"),
        random_weights(4, through="block1_conv1").params,
    )
    (tmp_path / "w.h5").write_bytes(server.good)
    assert_same_params(resolve_weights(str(tmp_path / "w.h5"), seed=0, through="block1_pool"), numbers())
    with pytest.raises(InputError, match="no layer 'conv9'"):
        resolve_weights("download", seed=0, through="conv9", cache_dir=tmp_path)
    assert server.requests == 0
