"""The command as a user meets it: its help, its flags, the installed script, and how it is stopped."""

import importlib.metadata
import re
import signal
import time

import jax
import pytest
from restoring import check, files, hole, load, picture, save, started, state

from pconv_jax.cli.main import main

WAIT = 240  # seconds for what takes a few, on a machine that has other things to do
FLAGS = (
    *("--help", "--out", "-o", "--mask", "-m", "--mask-alpha", "--mask-color", "--mask-tolerance", "--mask-threshold"),
    *("--invert-mask", "--resize-mask", "--dilate", "--weights", "--overwrite", "--compare", "--quality"),
    *("--refine", "--vgg-weights", "--max-megapixels", "--linear", "--best", "--grain", "--receipt", "--estimate"),
    "--keep-detail",
    *("--auto", "--sensitivity", "--min-size", "--tones", "--keep", "--max-damage", "--detector", "--infrared"),
)


def test_help(capsys):
    for arguments, named in (
        (["--help"], ["inpaint", "detect", "page", "undo", "info"]),
        (["detect", "--help"], ["--out", "--sensitivity", "--preview", "--probabilities"]),
        (["inpaint", "--help"], FLAGS),
        (["info", "--help"], ["--help"]),
    ):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 0
        out = capsys.readouterr().out
        for name in named:
            assert re.search(rf"(^|[\s│•{{,]){name}\b", out), name
    with pytest.raises(SystemExit):
        main(["inpaint", "--help"])
    entries = re.split(r"\n\W*? (?=-\w|--\w)", capsys.readouterr().out)[1:]
    assert len(entries) == len(FLAGS) - 2  # two have a short form besides -h
    for entry in entries:
        words = re.findall(r"\b[a-zA-Z]{2,}\b", re.sub(r"-[\w-]+|\(default:.*?\)|\(required\)", " ", entry))
        assert len(words) >= 4, entry


def test_versions_devices_and_weights(capsys):
    assert main(["info"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for named in (importlib.metadata.version("pconv_jax"), jax.__version__, "cpu", "faithful", "Python"):
        assert named in out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["restore"],
        ["inpaint"],
        ["info", "--wrong"],
        ["inpaint", "a.png", "-m", "m.png"],
        ["inpaint", "a.png", "-m", "m.png", "-o", "b.png", "--wrong"],
        ["inpaint", "a.png", "-m", "m.png", "-o", "b.png", "--dilate", "wide"],
        ["inpaint", "a.png", "--mask-color", "1", "2", "-o", "b.png"],
    ],
)
def test_wrong_flags(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    assert err


def test_the_installed_script(one):  # with the bundled weights and the compiler options of users
    process = started("inpaint", one.image, "-m", one.mask, "-o", one.out, XLA_FLAGS="")
    out, err = process.communicate(timeout=WAIT)
    assert process.returncode == 0
    assert "1 restored" in out + err
    assert "\r" not in out + err and "\x1b" not in out + err
    check(picture(), load(one.out), hole())


def until(count, folder, process):
    """Waits until the folder holds so many results."""
    end = time.monotonic() + WAIT
    while len(list(folder.glob("[0-9]*.png"))) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.002)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["inpaint", "a.png", "-m", "m.png", "-o", "b.png"],
            "interrupted; run the command again to resume: finished results are skipped",
        ),
        (
            ["detect", "a.png", "-o", "b.png", "--overwrite"],
            "interrupted; the same command starts over, as --overwrite replaces finished results too",
        ),
        (["info"], "interrupted"),
    ],
)
def test_what_is_said_after_an_interrupt_is_true_of_the_command(monkeypatch, capsys, arguments, said):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("pconv_jax.cli.inpaint_command.plan", stop)
    monkeypatch.setattr("pconv_jax.cli.detect_command.plan", stop)
    monkeypatch.setattr("pconv_jax.cli.info.describe", stop)
    assert main(arguments) == 130
    assert capsys.readouterr().err == f"{said}\n"


def test_stopped_at_any_time_the_same_command_goes_on(tmp_path, weights, inpaint):
    count = 60  # so many that they are not done before the signal comes
    for number in range(count):
        save(tmp_path / "photos" / f"{number:02}.png", picture(200, 240, seed=number))
    mask = save(tmp_path / "m.png", hole(200, 240))
    out = tmp_path / "out"
    arguments = (tmp_path / "photos", "-m", mask, "-o", out)
    before = {}
    for signal_, code in ((signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)):
        process = started("inpaint", *arguments, "--weights", weights)
        until(len(before) + 2, out, process)
        process.send_signal(signal_)
        told, complaint = process.communicate(timeout=WAIT)
        assert process.returncode == code
        assert "Traceback" not in told + complaint
        results = sorted(out.glob("[0-9]*.png"))
        assert len(before) + 2 <= len(results) < count
        for path in results:
            check(picture(200, 240, seed=int(path.stem)), load(path), hole(200, 240))
        if signal_ != signal.SIGKILL:
            assert files(out) == {path.name for path in results}
            assert complaint == "interrupted; run the command again to resume: finished results are skipped\n"
        assert all(state(path) == known for path, known in before.items())
        before = {path: state(path) for path in results}
    result = inpaint(*arguments)
    assert result.code == 0
    assert f"{count - len(before)} restored" in result.out + result.err
    assert f"{len(before)} skipped" in result.out + result.err
    assert all(state(path) == known for path, known in before.items())
    # Only a kill can leave something behind, hidden and never taken for a photograph.
    assert {name for name in files(out) if name[0] != "."} == {f"{number:02}.png" for number in range(count)}
