"""Hostile input: a few cases of the campaign at each door, what the campaign would notice, and what it has found."""

import json
import os
import re
import sys
import tarfile
import zipfile

import numpy as np
import pytest

from experiments.hostile import archives, campaign
from experiments.hostile.__main__ import main
from experiments.hostile.all_doors import DOORS
from experiments.hostile.campaign import Case, Limits
from experiments.hostile.doors import Door, Fault, Refused, run
from experiments.hostile.mutations import mutated_json, mutated_text
from pconv_jax.common.errors import InputError

GENEROUS = Limits(seconds=60)  # what is compiled counts here
# Door -> cases; photographs and checkpoints have tests of their own, and archives take seconds each.
QUICK = {
    **{"masks": 12, "folder": 4, "opacity-maps": 4, "mask-set": 4, "training-masks": 4, "weights": 4, "detector": 8},
    **{"arrays": 8, "settings": 40, "metrics": 30, "receipts": 20, "command-lines": 40},
}
LEFT_OUT = ("folder", "training-masks")  # files that cannot be used are left out


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PCONV_JAX_CACHE", str(tmp_path / "cache"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", QUICK)
def test_some_cases_at_each_door(name, tmp_path):
    door, good, kinds = DOORS[name], tmp_path / "good", []
    good.mkdir()
    door.prepare(good)
    for number in range(QUICK[name]):
        outcome = Case(door, 1, number).try_in(tmp_path / str(number), good, GENEROUS)
        assert outcome.kind != "finding", f"{name} {number}, {outcome.damage}: {outcome.said}"
        kinds.append(outcome.kind)
    assert "refused" in kinds or name in LEFT_OUT


def outcome_of(tmp_path, enter, *, damage=lambda rng, folder: "none", limits=GENEROUS):
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "a").write_bytes(b"a")
    door = Door("one", lambda folder: None, damage, enter)
    return Case(door, 0, 0).try_in(tmp_path / "case", tmp_path / "good", limits)


def raising(error):
    def enter(folder, out):
        raise error

    return enter


def busy(folder, out):
    while campaign.time.process_time() < busy.until:
        pass


@pytest.mark.parametrize(
    ("enter", "kind", "said"),
    [
        (lambda folder, out: None, "used", ""),
        (lambda folder, out: (out / "b").write_text("b"), "used", ""),
        (raising(InputError("no")), "refused", "no"),
        (raising(Refused("no")), "refused", "no"),
        (raising(Fault("wrong")), "finding", "wrong"),
        (raising(RecursionError()), "finding", "RecursionError"),
        (raising(KeyboardInterrupt()), "finding", "KeyboardInterrupt"),
        (lambda folder, out: (folder.parent / "b").write_text("b"), "finding", "outside of the output folder: deep/b"),
        (lambda folder, out: (folder / "a").write_text("b"), "finding", "outside of the output folder: deep/in/a"),
        (lambda folder, out: (folder.parent / "l").symlink_to("/"), "finding", "outside of the output folder: deep/l"),
        (lambda folder, out: np.ones(2**27, np.uint8), "finding", r"took \d+ MiB"),
        (busy, "finding", r"took 0\.\d s"),
    ],
)
def test_what_is_noticed(tmp_path, enter, kind, said):
    busy.until = campaign.time.process_time() + 0.2
    limits = Limits(seconds=0.1 if enter is busy else 5, mebibytes=100)
    outcome = outcome_of(tmp_path, enter, limits=limits)
    assert outcome.kind == kind
    assert re.search(said, outcome.said)


class Third:
    """Chooses the third of whatever there is."""

    @staticmethod
    def integers(_):
        return 2


def test_an_archive_that_climbs_out_by_an_absolute_name_would_be_noticed(tmp_path):
    def damage(_, folder):
        archives._write("dtd", folder, Third(), "climbing")
        return "climbing"

    def enter(folder, out):
        with tarfile.open(folder / "dtd-r1.0.1.tar.gz") as archive:
            archive.extractall(out, filter="fully_trusted")

    assert "changed outside of the output folder: escaped.jpg" in outcome_of(tmp_path, enter, damage=damage).said


@pytest.mark.parametrize("name", ["dtd", "oxford_flowers102", "celeb_a"])
def test_a_damaged_image_lies_in_a_whole_archive(name, tmp_path):
    contents = []
    for way in ("plain", "image"):
        (tmp_path / way).mkdir()
        archive = archives._write(name, tmp_path / way, np.random.default_rng(3), way)
        if archive.suffix == ".zip":
            with zipfile.ZipFile(archive) as opened:
                contents.append([opened.read(name) for name in opened.namelist()])
        else:
            with tarfile.open(archive) as opened:
                contents.append([opened.extractfile(name).read() for name in opened.getnames()])
    assert sum(one != two for one, two in zip(*contents, strict=True)) == 1


def test_a_finding_is_kept_without_its_pipes(tmp_path):
    case = Case(Door("one", lambda folder: None, lambda rng, folder: "none", lambda folder, out: None), 0, 7)
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "a").write_bytes(b"a")
    (tmp_path / "case" / "link").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "case" / "pipe")
    said = []
    kept = campaign.Campaign(tmp_path / "kept", limits=GENEROUS, say=said.append)
    kept._keep(case, tmp_path / "case", campaign.Outcome("finding", "none", "wrong"))
    assert {path.name for path in (tmp_path / "kept" / "one-0-7").iterdir()} == {"a", "link", "finding.json"}
    assert said == ["finding one-0-7 (none): wrong"]


def test_a_refusal_leaves_nothing_half_written(tmp_path):
    def enter(folder, out):
        (out / "half").write_text("h")
        raise InputError("no")

    assert "refused, but wrote deep/out/half" in outcome_of(tmp_path, enter).said


@pytest.mark.parametrize(
    ("code", "printed", "error"),
    [
        (0, "fine", None),
        (2, "error: it is not there", Refused),
        (2, "", Fault),
        (3, "error: it is not there", Fault),
        (1, "Traceback (most recent call last)", Fault),
        (0, "\x1b[2J", Fault),
        (2, "x" * 4000, Fault),
    ],
)
def test_how_commands_may_end(code, printed, error):
    def command(arguments):
        print(printed, file=sys.stderr)
        return code

    if error is None:
        assert "fine" in run(command, [])
    else:
        with pytest.raises(error):
            run(command, [])


def test_mutations_are_repeatable_and_change_something():
    values = {"a": [1, 2, {"b": "c"}], "d": None}
    drawn = [[mutated_text(np.random.default_rng(seed), json.dumps(values)) for seed in range(40)] for _ in range(2)]
    assert drawn[0] == drawn[1] and len(set(drawn[0])) > 30
    assert repr(values) == "{'a': [1, 2, {'b': 'c'}], 'd': None}"  # they are not changed themselves
    assert any(repr(mutated_json(np.random.default_rng(seed), values)) != repr(values) for seed in range(3))


def test_the_command_refuses_what_it_does_not_know(capsys, tmp_path):
    assert main(["--doors", "windows"]) == 2
    assert "unknown doors windows; choose from photographs" in capsys.readouterr().err
    assert main(["--cases", "0"]) == 2
