"""Settings as a run saves them: their names, damage, and those of other versions."""

import dataclasses
import json
from pathlib import Path

import pytest

from experiments.detector.config import Config as DetectorConfig
from experiments.train.config import Config
from experiments.train.presets import PRESETS
from experiments.train.run_folder import read_settings, write_settings
from pconv_jax.common.errors import InputError
from pconv_jax.data.damaged_photographs import DamagedPhotographs
from pconv_jax.models import PAPER_PRESETS


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ({"image_size": "wide"}, r"the settings of the run are damaged \(.*\): use the config.json that it wrote"),
        ({"generator": "huge"}, r"the settings of the run are damaged \('huge'\)"),
        ({"out": 3}, "the settings of the run are damaged"),
        ({"crop_scale": [0.5]}, r"crop_scale=\(0.5,\) must be \(low, high\) with 0.001 <= low <= high <= 1"),
        ({"crop_scale": []}, r"crop_scale=\(\) must be \(low, high\)"),
        ({"compare": 3}, r"the settings of the run are damaged \(compare=3 must be a list of names\)"),
        ({"compare": ["ns", 3]}, "the settings of the run are damaged"),
        ({"line_count": []}, "the settings of the run are damaged"),
        ({"image_size": 0}, "--image-size is 0, but it must be at least 1"),
        ({"heads": 8}, "heads is not a setting of this version"),
    ],
)
def test_damaged_settings_of_a_run_are_named(damage, named):
    with pytest.raises(InputError, match=named):
        Config.from_json({**Config().to_json(), **damage})


def test_a_run_that_was_compared_with_what_is_not_here_is_read_but_not_trained():
    config = Config.from_json({**Config().to_json(), "compare": ["gone-weights"]})
    assert config.run.compare == ("gone-weights",)
    with pytest.raises(InputError, match="--compare has gone-weights, but it takes bundled weights"):
        config.check()


def test_a_setting_that_an_old_run_did_not_know_had_its_default_then():
    before = {name: value for name, value in Config().to_json().items() if name != "convolution"}
    assert Config().check_same_run(before) == Config()
    with pytest.raises(InputError, match="--convolution was partial and is now plain:"):
        Config().replace(convolution="plain").check_same_run(before)


def test_the_folder_of_a_detector_is_another_kind_of_run():
    with pytest.raises(InputError, match=r"^runs/run holds another kind of run: choose another --out$"):
        Config().check_same_run(DetectorConfig().to_json())


def test_a_detector_from_before_prints_had_edges_and_faded_was_trained_without():
    before = {name: value for name, value in DetectorConfig().to_json().items() if name not in ("faded", "edged")}
    with pytest.raises(InputError, match=r"but --faded was 0\.0 and is now 0\.4; --edged was 0\.0 and is now 0\.12:"):
        DetectorConfig().check_same_run(before)
    DetectorConfig(photographs=DamagedPhotographs(faded=0.0, edged=0.0)).check_same_run(before)


def test_a_cosine_schedule_is_not_extended_and_the_way_on_is_named():
    config = Config().replace(schedule="cosine", steps=10, out=Path("first"))
    way = r"start a new one from its weights with --initial-weights first and another --out$"
    with pytest.raises(InputError, match=f"--steps was 10 and is now 20: use the settings of that run, .*{way}"):
        config.replace(steps=20).check_same_run(config.to_json())
    with pytest.raises(InputError, match=r"or another --out$"):
        config.replace(seed=1).check_same_run(config.to_json())
    constant = Config().replace(steps=10)
    assert constant.replace(steps=20).check_same_run(constant.to_json()).run.steps == 20


def test_settings_come_back_from_their_file_and_those_of_older_runs_have_their_defaults():
    config = PRESETS["faithful"].replace(
        data_dir=Path("photos"), blocks=(1, 1, 1), initial_weights=Path("w.safetensors")
    )
    assert Config.from_json(json.loads(json.dumps(config.to_json()))) == config
    new = ("monochrome", "line_shape", "blocks", "initial_weights", "pixel_loss", "warmup", "clip")
    older = {name: value for name, value in PRESETS["samples"].to_json().items() if name not in new}
    assert Config.from_json(older) == PRESETS["samples"]
    assert PRESETS["samples"].check_same_run(older) == PRESETS["samples"]
    with pytest.raises(InputError, match=r"--clip was None and is now 1\.0:"):
        PRESETS["samples"].replace(clip=1.0).check_same_run(older)


def test_settings_that_are_gone_count_where_they_did_something():
    config = PRESETS["samples"]
    assert Config.from_json({**config.to_json(), "grey": 0.0}) == config
    assert config.check_same_run({**config.to_json(), "grey": 0.0}) == config
    for read in (Config.from_json, config.check_same_run):
        with pytest.raises(
            InputError, match="grey is not a setting of this version: use the version that made the run"
        ):
            read({**config.to_json(), "grey": 0.1})


def test_a_run_of_the_generator_that_preset_paper_named_before_says_how_it_was_built():
    old = {name: value for name, value in Config().replace(generator="paper").to_json().items() if name != "head"}
    before = Config.from_json(old)
    assert before.network.generator_config == dataclasses.replace(
        PAPER_PRESETS["paper"], widths=(64, 128, 256, 512), head="partial"
    )
    assert before.check_same_run(old) == before
    with pytest.raises(InputError, match=r"--widths was \[64, 128, 256, 512\] and is now None; --head was partial and"):
        Config().replace(generator="paper").check_same_run(old)
    own = Config.from_json({**old, "widths": [4, 8]}).network.generator_config
    assert (own.widths, own.head) == ((4, 8), "partial")


def test_folders_of_data_are_the_same_wherever_the_settings_are_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    config = Config().replace(dataset="folder", data_dir=Path("photos"), masks="folder", mask_dir=Path("~/masks"))
    write_settings(tmp_path, config.to_json())
    written = read_settings(tmp_path)
    assert (written["data_dir"], written["mask_dir"]) == (str(tmp_path / "photos"), str(tmp_path / "home" / "masks"))
    assert config.check_same_run(written) == config
    write_settings(tmp_path, Config().to_json())
    assert read_settings(tmp_path) == Config().to_json()
