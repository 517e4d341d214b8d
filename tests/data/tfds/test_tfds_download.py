"""Data sets that TFDS has prepared or downloads.

Nothing here leaves the machine: downloads come from a server on 127.0.0.1 or are refused there.
"""

import functools
import hashlib
import http.server
import json
import sys
import threading
import time

import pytest
from official_archives import dtd_files, near, opened, shades, tar, unpack

from pconv_jax import data
from pconv_jax.common.errors import InputError
from pconv_jax.data.tfds import prepare, runtime

tfds = runtime.import_tfds()


class TestPrepared:
    @pytest.fixture
    def prepared(self, tmp_path):
        """A folder of TFDS in which somebody has prepared dtd."""
        unpack(tmp_path / "files", dtd_files())
        builder = tfds.builder_cls("dtd")(data_dir=tmp_path / "tfds")
        given = dict.fromkeys(builder.url_infos, tmp_path / "files")
        runtime.run_builder(builder, download_dir=tmp_path / "work", given=given)
        return tmp_path / "tfds"

    def test_it_is_used_without_network(self, prepared):
        sources = opened("dtd", prepared)
        assert near(shades(sources["validation"]), [30, 40]) and sources["test"].note == ""
        assert prepared in sources["test"].directory.parents

    @pytest.mark.parametrize("key", ["pythonClassName", "python_class_name", "type"])
    def test_a_class_that_its_files_name_is_not_imported(self, prepared, tmp_path, monkeypatch, key):
        (tmp_path / "evil_features.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
        monkeypatch.syspath_prepend(tmp_path)
        file = next(prepared.rglob("features.json"))
        features = json.loads(file.read_text())
        inner = {key: "evil_features.Image", **({"content": {}} if key == "type" else {"image": {}})}
        features["featuresDict"]["features"]["image"] = inner
        if key == "type":  # as TFDS wrote it before 4.5
            kind = "tensorflow_datasets.core.features.features_dict.FeaturesDict"
            features = {"type": kind, "content": {"image": inner}}
        file.write_text(json.dumps(features))
        with pytest.raises(InputError, match=r"has features of the class 'evil_features\.Image', which none of"):
            opened("dtd", prepared)
        assert "evil_features" not in sys.modules and not (tmp_path / "ran").exists()

    def test_a_module_that_its_files_name_is_not_imported(self, prepared, tmp_path, monkeypatch):
        (tmp_path / "evil_builder.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
        monkeypatch.syspath_prepend(tmp_path)
        file = next(prepared.rglob("dataset_info.json"))
        file.write_text(json.dumps(json.loads(file.read_text()) | {"moduleName": "evil_builder"}))
        assert near(shades(opened("dtd", prepared)["train"]), [10, 20])
        assert "evil_builder" not in sys.modules and not (tmp_path / "ran").exists()

    @pytest.mark.parametrize("file", ["features.json", "dataset_info.json"])
    @pytest.mark.parametrize("content", ["", "{", "[]", "5", '{"a": 1}', "[" * 100_000], ids=range(6))
    def test_damaged_notes_get_one_sentence(self, prepared, file, content):
        next(prepared.rglob(file)).write_text(content)
        with pytest.raises(InputError, match="does not hold a readable prepared data set") as caught:
            opened("dtd", prepared)
        assert "\n" not in str(caught.value)

    def test_a_format_that_needs_tensorflow_is_refused(self, prepared):
        info = next(prepared.rglob("dataset_info.json"))
        described = json.loads(info.read_text())
        described["fileFormat"] = "tfrecord"
        info.write_text(json.dumps(described))
        with pytest.raises(InputError, match="contains dtd as tfrecord, which only TensorFlow can read"):
            opened("dtd", prepared)


class TestDownload:
    @pytest.mark.parametrize("name", data.DATASETS[2:])
    def test_switched_off(self, tmp_path, name):
        with pytest.raises(InputError, match="switched off") as caught:
            data.open_source(name, "train", data_dir=tmp_path, download=False)
        message = str(caught.value)
        for file, url in prepare._addresses(name).items():
            assert f"{url} as {file}" in message
        assert "--data-dir" in message and "\n" not in message
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("name", data.DATASETS[2:])
    def test_windows_has_no_format_for_them(self, tmp_path, monkeypatch, name):
        with monkeypatch.context() as system:
            system.setattr(sys, "platform", "win32")
            with pytest.raises(InputError, match=f"{name} is stored as ArrayRecord, .* use --dataset folder"):
                data.open_source(name, "train", data_dir=tmp_path)
        assert not list(tmp_path.iterdir())

    def test_no_network_is_said_at_once(self, tmp_path, monkeypatch):
        for variable in ("https_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(variable, "http://127.0.0.1:9")  # nobody listens there
        start = time.monotonic()
        for name in data.DATASETS[2:]:
            with pytest.raises(InputError, match=rf"{name} is not prepared .* \(no answer, ProxyError\)"):
                data.open_source(name, "train", data_dir=tmp_path)
        assert time.monotonic() - start < 20

    @pytest.fixture
    def server(self, tmp_path, monkeypatch):
        """Serves the folder that it returns in upstream's place, under upstream's checksum of a small archive."""
        folder = tmp_path / "served"
        folder.mkdir()
        tar(folder / "dtd-r1.0.1.tar.gz", dtd_files())

        class Quiet(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *arguments):
                pass

        served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
        upstream = tfds.builder_cls("dtd")
        ((official, info),) = upstream.url_infos.items()
        content = (folder / "dtd-r1.0.1.tar.gz").read_bytes()
        address = f"http://127.0.0.1:{served.server_port}/dtd-r1.0.1.tar.gz"
        here = type(info)(size=len(content), checksum=hashlib.sha256(content).hexdigest(), filename=info.filename)
        monkeypatch.setattr(sys.modules[upstream.__module__], "_DATA_URL", address)
        monkeypatch.delitem(upstream.url_infos, official)
        monkeypatch.setitem(upstream.url_infos, address, here)
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield folder
        served.shutdown()
        served.server_close()
        thread.join()

    def test_download_check_prepare_and_read(self, tmp_path, server):
        train = data.open_source("dtd", "train", data_dir=tmp_path / "tfds")
        assert near(shades(train), [10, 20]) and train.note == ""
        (server / "dtd-r1.0.1.tar.gz").unlink()  # the second time nothing is fetched
        assert near(shades(data.open_source("dtd", "test", data_dir=tmp_path / "tfds")), [50, 60])

    def test_a_file_that_is_not_upstreams_is_refused(self, tmp_path, server):
        tar(server / "dtd-r1.0.1.tar.gz", {"dtd/evil": b""})
        with pytest.raises(InputError, match=r"dtd is not prepared .*cannot be downloaded \(.*: on a machine with"):
            data.open_source("dtd", "train", data_dir=tmp_path / "tfds")
        assert not list((tmp_path / "tfds").rglob("*.array_record*"))

    def test_a_file_that_is_gone_from_the_server(self, tmp_path, server):
        (server / "dtd-r1.0.1.tar.gz").unlink()
        with pytest.raises(InputError, match=r"cannot be downloaded \(.*404"):
            data.open_source("dtd", "train", data_dir=tmp_path / "tfds")
