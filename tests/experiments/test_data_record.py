"""Which images a run was started with: recorded in its folder, and other ones are refused."""

import json
import os
import signal

import numpy as np
import pytest
from PIL import Image
from tiny_run import ALONE, tiny

from experiments.detector import experiment as detector
from experiments.detector.__main__ import main as train_detector
from experiments.run import main, parse
from experiments.studies.selection import train_once
from experiments.train import experiment
from experiments.train.data_record import check_same_data, write_record
from experiments.train.loop import Outcome
from pconv_jax.common.errors import InputError
from pconv_jax.data import FolderSource, Subset


@pytest.fixture
def photographs(tmp_path):
    """A folder of photographs with splits of its own."""
    rng = np.random.default_rng(0)
    for number, split in enumerate(["train"] * 4 + ["validation", "test"]):
        (tmp_path / "data" / split).mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (20, 24, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "data" / split / f"{number}.png")
    return tmp_path / "data"


def save_another(folder, path):
    """One more photograph: a copy would be left out."""
    Image.fromarray(255 - np.asarray(Image.open(folder / "train" / "0.png"))).save(path)


def opened(folder):
    return {split: FolderSource(folder, split) for split in ("train", "validation", "test")}


def test_added_removed_and_changed_images_are_told(tmp_path, photographs):
    out = tmp_path / "out"
    check_same_data(out, opened(photographs))  # of an earlier version: nothing to compare with
    write_record(out, opened(photographs))
    assert {split: each["images"] for split, each in json.loads((out / "data.json").read_text()).items()} == {
        "train": 4,
        "validation": 1,
        "test": 1,
    }
    check_same_data(out, opened(photographs))
    extra = photographs / "train" / "9.png"
    save_another(photographs, extra)
    told = (
        rf"^--resume continues the run in {out} with the data that it was started with, but the train split had 4 "
        "images and has 5: give those, or another --out$"
    )
    with pytest.raises(InputError, match=told):
        check_same_data(out, opened(photographs))
    extra.unlink()
    (photographs / "test" / "5.png").write_bytes((photographs / "train" / "0.png").read_bytes() + b"more")
    with pytest.raises(InputError, match="but names or sizes of the 1 images of the test split differ: give"):
        check_same_data(out, opened(photographs))
    (photographs / "test" / "5.png").rename(photographs / "test" / "6.png")
    with pytest.raises(InputError, match="names or sizes of the 1 images of the test split differ"):
        check_same_data(out, opened(photographs))


def test_what_is_stored_is_compared_where_it_was_recorded(tmp_path, photographs):
    class Records(FolderSource):
        size = 100

        def stored(self):
            return f"{self.size} bytes"

    source = {"train": Subset(Records(photographs, "train"), (0, 1))}
    write_record(tmp_path, source)
    assert json.loads((tmp_path / "data.json").read_text())["train"]["stored"] == "100 bytes"
    check_same_data(tmp_path, source)
    Records.size = 101
    with pytest.raises(InputError, match="names or sizes of the 2 images of the train split differ"):
        check_same_data(tmp_path, source)
    record = json.loads((tmp_path / "data.json").read_text())
    del record["train"]["stored"]  # as runs of earlier versions
    (tmp_path / "data.json").write_text(json.dumps(record))
    check_same_data(tmp_path, source)


@pytest.mark.parametrize(
    "content", ["", "[]", '{"train": {}}', '{"bogus": 1}', '{"train": 1, "validation": 2, "test": 3}']
)
def test_a_damaged_record_is_told(tmp_path, photographs, content):
    (tmp_path / "data.json").write_text(content)
    with pytest.raises(InputError, match=r"data\.json is damaged \(.*delete it if the data is that"):
        check_same_data(tmp_path, opened(photographs))


def test_a_fingerprint_depends_on_names_sizes_and_choice_alone(tmp_path, photographs):
    source = FolderSource(photographs, "train")
    moved = photographs.rename(tmp_path / "moved")
    os.utime(moved / "train" / "0.png", (0, 0))
    assert FolderSource(moved, "train").fingerprint() == source.fingerprint()
    assert source.at_least(8).fingerprint() == source.fingerprint()
    chosen = {Subset(source, order).fingerprint() for order in ((0, 1), (1, 0), (0, 2))}
    assert len(chosen | {source.fingerprint(), FolderSource(moved, "test").fingerprint()}) == 5


def test_results_inside_the_data_are_not_read_as_data(photographs):
    before = opened(photographs)
    for folder, files in {
        "train/run": ("config.json", "metrics.jsonl"),
        "scores": ("benchmark.json",),
        "train/mine": ("config.json",),
    }.items():
        (photographs / folder / "samples").mkdir(parents=True)
        for file in files:
            (photographs / folder / file).touch()
        save_another(photographs, photographs / folder / "samples" / "step.png")
    with pytest.warns(UserWarning, match=r"^pictures in folders of runs .* results \(2: scores, train/run\): copy"):
        after = opened(photographs)
    assert set(after["train"].files) == {*before["train"].files, "train/mine/samples/step.png"}
    assert (photographs / "train" / "run" / "samples" / "step.png").exists()
    assert FolderSource(photographs / "scores", "all").files == ("samples/step.png",)  # where they are asked for


@pytest.mark.filterwarnings("default:pictures in folders of runs")
@pytest.mark.parametrize("program", ["run", "detector"])
def test_a_run_inside_its_data_resumes_and_with_other_images_it_does_not(
    tmp_path, photographs, program, capsys, monkeypatch
):
    def trains(run, *_, **__):
        (run.out / "samples").mkdir(exist_ok=True)
        (run.out / "metrics.jsonl").touch()
        (run.out / "samples" / "step_1.png").write_bytes(picture)
        return Outcome(1, signal=signal.SIGTERM)

    picture = (photographs / "train" / "0.png").read_bytes()
    out = photographs / "train" / "out"
    monkeypatch.chdir(tmp_path.parent)
    flags = ["--dataset", "folder", "--data-dir", str(photographs.relative_to(tmp_path.parent)), "--out", str(out)]
    if program == "run":
        train, flags = main, tiny(out, *ALONE, *flags)
        monkeypatch.setattr(experiment, "train", trains)
    else:
        train, flags = train_detector, [*flags, "--image-size", "16", "--widths", "4", "6", "--blocks", "0", "1"]
        monkeypatch.setattr(detector, "train", trains)
    stopped = 128 + signal.SIGTERM
    assert train(flags) == stopped
    assert json.loads((out / "config.json").read_text())["data_dir"] == str(photographs)
    recorded = json.loads((out / "data.json").read_text())
    assert recorded["train"]["images"] == 4
    (out / "data.json").unlink()  # as in runs of earlier versions
    assert train([*flags, "--resume"]) == stopped
    assert "warning: pictures in folders of runs and evaluations in " in capsys.readouterr().err
    assert json.loads((out / "data.json").read_text()) == recorded
    save_another(photographs, photographs / "validation" / "8.png")
    assert train([*flags, "--resume"]) == 2
    assert "but the validation split had 1 images and has 2: give those" in capsys.readouterr().err


def test_a_run_does_not_resume_with_other_masks(tmp_path, photographs, capsys, monkeypatch):
    monkeypatch.setattr(experiment, "train", lambda *_, **__: Outcome(1, signal=signal.SIGTERM))
    for folder, row in {"masks": 4, "others": 12}.items():
        (tmp_path / folder).mkdir()
        mask = np.zeros((32, 32), np.uint8)
        mask[row : row + 4] = 255
        Image.fromarray(mask).save(tmp_path / folder / "a.png")
    out = tmp_path / "out"
    flags = [*tiny(out, *ALONE, "--dataset", "folder", "--data-dir", str(photographs)), "--masks", "folder"]

    def trains(masks, *more):
        return main([*flags, "--mask-dir", str(tmp_path / masks), *more])

    stopped = 128 + signal.SIGTERM
    assert trains("masks") == stopped
    recorded = json.loads((out / "data.json").read_text())
    assert {name: each["images"] for name, each in recorded.items()} == {
        "train": 4,
        "validation": 1,
        "test": 1,
        "masks": 1,
    }
    (tmp_path / "masks").rename(tmp_path / "elsewhere")
    assert trains("elsewhere", "--resume") == stopped  # the same files
    (tmp_path / "others" / "b.png").write_bytes((tmp_path / "others" / "a.png").read_bytes())
    assert trains("others", "--resume") == 2
    assert "was started with, but the folder of masks had 1 files and has 2: give those" in capsys.readouterr().err
    (tmp_path / "renamed").mkdir()
    (tmp_path / "others" / "a.png").rename(tmp_path / "renamed" / "c.png")
    assert trains("renamed", "--resume") == 2
    assert "but names or sizes of the 1 files of the folder of masks differ: give" in capsys.readouterr().err
    del recorded["masks"]  # as in runs of earlier versions
    (out / "data.json").write_text(json.dumps(recorded))
    assert trains("renamed", "--resume") == stopped


def test_weights_of_vgg16_are_told_by_what_they_are_not_where_they_lie(tmp_path, photographs, capsys, monkeypatch):
    monkeypatch.setattr(experiment, "train", lambda *_, **__: Outcome(1, signal=signal.SIGTERM))
    rng = np.random.default_rng(0)
    for name in ("one.npz", "other.npz"):
        kernel = rng.normal(0, 0.3, (3, 3, 3, 64)).astype(np.float32)
        np.savez(tmp_path / name, **{"block1_conv1/kernel": kernel, "block1_conv1/bias": np.zeros(64, np.float32)})
    out = tmp_path / "out"
    flags = [*tiny(out, *ALONE, "--dataset", "folder", "--data-dir", str(photographs)), "--perceptual-weight", "1"]

    def trains(weights, *more):
        return main([*flags, "--vgg-weights", str(tmp_path / weights), *more])

    stopped = 128 + signal.SIGTERM
    assert trains("one.npz") == stopped
    recorded = json.loads((out / "data.json").read_text())
    assert recorded.keys() == {"train", "validation", "test", "VGG16"}
    (tmp_path / "one.npz").rename(tmp_path / "moved.npz")
    assert trains("moved.npz", "--resume") == stopped
    others = "with the data that it was started with, but the VGG16 weights (--vgg-weights) differ: give those"
    (tmp_path / "moved.npz").rename(tmp_path / "one.npz")
    (tmp_path / "other.npz").rename(tmp_path / "moved.npz")  # in the place that the run knows
    assert trains("moved.npz", "--resume") == 2
    assert others in capsys.readouterr().err
    # A study takes the results of a run that ended long ago.
    (out / "report.json").touch()
    for weights in ("one.npz", "moved.npz"):
        config = parse([*flags, "--vgg-weights", str(tmp_path / weights)])
        if weights == "one.npz":
            assert train_once(config) == 0
        else:
            with pytest.raises(InputError, match=r"but the VGG16 weights \(--vgg-weights\) differ"):
                train_once(config)
    # Runs of earlier versions did not record them: there the place counts.
    (out / "data.json").write_text(json.dumps({name: each for name, each in recorded.items() if name != "VGG16"}))
    assert trains("one.npz", "--resume") == 2
    assert f"--vgg-weights was {tmp_path / 'moved.npz'} and is now {tmp_path / 'one.npz'}" in capsys.readouterr().err
