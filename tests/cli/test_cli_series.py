"""Long series of photographs: what is said as it happens, and once; what stops them."""

import errno
import json
import os

import numpy as np
import pytest
from PIL import Image
from restoring import picture, save

from pconv_jax.cli import one_photograph
from pconv_jax.cli.main import main
from pconv_jax.cli.summary import Summary, report
from pconv_jax.common import atomic_write


@pytest.fixture
def series(tmp_path):
    """A folder of four frames, of which the first cannot be read, and a mask for all of them that is too tight."""
    for number in range(4):
        frame = picture(60, 80, seed=number) // 4 + 90
        frame[20:26, 10:70] = 255
        save(tmp_path / "frames" / f"{number}.png", frame)
    (tmp_path / "frames" / "0.png").write_bytes(b"not a picture")
    mask = np.zeros((60, 80), bool)
    mask[21:25, 12:68] = True
    save(tmp_path / "mask.png", mask)
    return tmp_path


def test_the_log_of_a_killed_command_has_what_was_said_until_then(series, inpaint, capsys, monkeypatch):
    restore, seen = one_photograph.Restoration.__call__, []

    def watched(restoration, job):
        seen.append("".join(capsys.readouterr()))
        return restore(restoration, job)

    monkeypatch.setattr(one_photograph.Restoration, "__call__", watched)
    result = inpaint(series / "frames", "--mask", series / "mask.png", "-o", series / "out")
    assert result.code == 1 and len(seen) == 4
    assert seen[0] == "" and seen[1].startswith(f"failed: {series / 'frames' / '0.png'}")
    assert seen[2].startswith(f"{series / 'frames' / '1.png'}: the damage seems to reach beyond the mask")
    assert seen[3] == ""
    assert "also in 2 more photographs: the damage seems to reach beyond the mask" in result.out
    assert "3 restored, 1 failed" in result.out.replace("1 failed, 3 restored", "3 restored, 1 failed")
    assert "failed:" not in result.err  # it was said


def test_a_log_file_tells_how_far_a_long_series_is(series, inpaint, monkeypatch):
    flags = (series / "frames", "--mask", series / "mask.png")
    assert "restoring" not in inpaint(*flags, "-o", series / "quick").err
    monkeypatch.setattr("pconv_jax.common.progress._SECONDS", 0.0)
    assert "restoring: 100%" in inpaint(*flags, "-o", series / "slow").err


@pytest.mark.filterwarnings("always::UserWarning")
def test_each_receipt_has_the_warnings_that_were_printed_once(tmp_path, inpaint):
    for name in ("a", "b"):
        (tmp_path / "inks").mkdir(exist_ok=True)
        Image.fromarray(picture(60, 80, channels=4), "CMYK").save(tmp_path / "inks" / f"{name}.tif")
    mask = np.zeros((60, 80), bool)
    mask[21:25, 12:68] = True
    result = inpaint(tmp_path / "inks", "--mask", save(tmp_path / "m.png", mask), "-o", tmp_path / "out", "--receipt")
    assert result.code == 0 and result.err.count("CMYK") == 2 and "also in 1 more photograph: " in result.err
    for name in ("a", "b"):
        receipt = json.loads((tmp_path / "out" / f"{name}.tif.receipt.json").read_text())
        assert [said for said in receipt["warnings"] if "CMYK" in said and f"{name}.tif" in said], receipt["warnings"]


def test_undo_ends_at_a_full_disk_too(series, inpaint, capsys, monkeypatch):
    (series / "frames" / "0.png").unlink()
    assert inpaint(series / "frames", "--mask", series / "mask.png", "-o", series / "out", "--receipt").code == 0

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic_write.os, "replace", full)
    assert main(["undo", str(series / "out"), "--out", str(series / "back")]) == 1
    out, err = capsys.readouterr()
    assert err.count("failed:") == 1 and "2 left, as nothing more can be written" in out


def test_the_same_of_several_photographs_is_said_once_and_counted(tmp_path, capsys):
    summary = Summary()
    for name in ("a", "b", "c"):
        summary.note(tmp_path / name, "it is dark")
    summary.note(tmp_path / "d", "it is bright")
    summary.fail(tmp_path / "e", "it is not a picture")
    summary.tell()
    out, err = capsys.readouterr()
    assert out == f"{tmp_path / 'a'}: it is dark\n{tmp_path / 'd'}: it is bright\n"
    assert err == f"failed: {tmp_path / 'e'}: it is not a picture\n"
    assert report(summary) == 1
    assert capsys.readouterr() == ("also in 2 more photographs: it is dark\n1 failed\n", "")


def test_the_same_warning_of_several_photographs_is_one_and_a_number(tmp_path, recwarn):
    summary = Summary()
    named = [summary.warn_of(tmp_path / name, "its profile is lost") for name in ("a", "b")]
    summary.warn()
    assert named == [f"{tmp_path / name}: its profile is lost" for name in ("a", "b")]
    assert [str(each.message) for each in recwarn] == [named[0], "also in 1 more photograph: its profile is lost"]


@pytest.mark.parametrize("command", ["inpaint", "detect"])
def test_a_full_disk_ends_a_series_and_the_same_command_goes_on(series, inpaint, detect, monkeypatch, command):
    (series / "frames" / "0.png").unlink()
    replace, written = os.replace, []

    def full(temporary, path):
        if len(written) == 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(path)
        replace(temporary, path)

    run = {
        "inpaint": lambda: inpaint(series / "frames", "--mask", series / "mask.png", "-o", series / "out"),
        "detect": lambda: detect(series / "frames", "-o", series / "out"),
    }[command]
    with monkeypatch.context() as disk:
        disk.setattr(atomic_write.os, "replace", full)
        stopped = run()
    assert stopped.code == 1
    assert f": {series / 'out' / '2.png'} cannot be written (No space left on device)" in stopped.err
    assert "3.png" not in stopped.err
    assert "1 left, as nothing more can be written (the same command resumes)" in stopped.out
    assert [path.name for path in sorted((series / "out").iterdir())] == ["1.png"]
    after = run()
    assert after.code == 0 and "1 skipped" in after.out and len(list((series / "out").iterdir())) == 3


@pytest.mark.parametrize("then", ["nothing", "another folder"])
@pytest.mark.parametrize("command", ["inpaint", "detect"])
def test_a_drive_that_is_removed_ends_a_series(series, inpaint, detect, monkeypatch, command, then):
    (series / "frames" / "0.png").unlink()
    (series / "frames" / "3.png").rename(series / "frames" / "deep.png")
    out = series / "drive" / "out"
    replace, written = os.replace, []

    def removed_after_two(temporary, path):
        replace(temporary, path)
        written.append(path)
        if len(written) == 2:
            (series / "drive").rename(series / "elsewhere")
            if then == "another folder":
                out.mkdir(parents=True)

    run = {
        "inpaint": lambda: inpaint(series / "frames", "--mask", series / "mask.png", "-o", out),
        "detect": lambda: detect(series / "frames", "-o", out),
    }[command]
    with monkeypatch.context() as drive:
        drive.setattr(atomic_write.os, "replace", removed_after_two)
        stopped = run()
    assert stopped.code == 1 and f"{out} is no longer the folder that earlier results were written to" in stopped.err
    assert not out.exists() or not list(out.iterdir())
    assert [path.name for path in sorted((series / "elsewhere" / "out").iterdir())] == ["1.png", "2.png"]
