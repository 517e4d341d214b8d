"""The files that the page gives are those of the command: kinds of photographs, linear scans, none without damage."""

import dataclasses
import io

import numpy as np
import pytest
from detectors import grown, scratched
from PIL import Image
from restoring import picture, save
from served import DAMAGED, LINE, marked, stroke
from skimage import data

from experiments.infrared_scores import Film
from pconv_jax.cli.finding import Finding
from pconv_jax.common.errors import InputError
from pconv_jax.imaging import read_photograph, write_photograph
from pconv_jax.imaging.profiles import made_profile
from pconv_jax.page import photographs


def about():
    """A date and a profile, as photographs have them."""
    exif = Image.Exif()
    exif[306] = "1969:07:20 20:17:40"
    return {"exif": exif, "icc_profile": made_profile((0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06), (2.2,), 3)}


@pytest.mark.parametrize("kind", ["16 bits.tif", "grey.png", "transparent.png", "photo.jpg", "dated.jpg"])
def test_the_file_is_what_the_command_writes(page, tmp_path, inpaint, kind):
    pixels = {
        "16 bits.tif": lambda: scratched(picture(dtype=np.uint16))[0],
        "grey.png": lambda: scratched(picture(channels=1))[0],
        "transparent.png": lambda: np.dstack([DAMAGED, np.full(LINE.shape, 200, np.uint8)]),
        "photo.jpg": lambda: DAMAGED,
        "dated.jpg": lambda: DAMAGED,
    }[kind]()
    photo = save(tmp_path / kind, pixels, **(about() if kind == "dated.jpg" else {}))
    name = page.upload(photo)
    hole = marked(page, name)
    assert hole.any()
    page.post(f"/api/photographs/{name}/restore")
    assert page.wait()["state"] == "done"
    mask = save(tmp_path / "m.png", hole)
    assert inpaint(photo, "--mask", mask, "-o", tmp_path / f"by command {kind}").code == 0
    written = page.get(f"/api/photographs/{name}/download").content
    assert written == (tmp_path / f"by command {kind}").read_bytes()
    if kind == "dated.jpg":
        with Image.open(io.BytesIO(written)) as image:
            assert image.getexif()[306] == "1969:07:20 20:17:40" and image.info["icc_profile"] == about()["icc_profile"]


@pytest.mark.parametrize("kind", ["colour", "grey"])
def test_pictures_have_the_profile_of_their_colours(page, tmp_path, kind):
    """Those pixel by pixel, too, or colours would change on zooming in; and one of three channels, as they have."""
    colour = about()["icc_profile"]
    given, pixels = {"colour": (colour, DAMAGED), "grey": (made_profile((), (1.8,), 1), DAMAGED[..., 0])}[kind]
    name = page.upload(save(tmp_path / "profiled.png", pixels, icc_profile=given))
    page.post(f"/api/photographs/{name}/restore")
    page.wait()
    for what in ("before", "after"):
        for path in (f"{what}.jpg", f"detail/{what}.jpg?left=0&top=0&right=9&bottom=9"):
            content = page.get(f"/api/photographs/{name}/{path}").content
            profile = Image.open(io.BytesIO(content)).info["icc_profile"]
            assert profile == colour if kind == "colour" else profile[16:20] == b"RGB ", path


def test_a_scan_says_once_that_its_infrared_channel_is_used(page, tmp_path, monkeypatch):
    monkeypatch.setattr(page.desk, "_look", Finding().look)
    made = Film(shift=0).scan(np.random.default_rng(0), data.coffee()[:100, :150])
    photo = save(tmp_path / "plain.tif", made.image)
    write_photograph(tmp_path / "scan.tif", dataclasses.replace(read_photograph(photo), infrared=made.infrared))
    name = page.upload(tmp_path / "scan.tif")
    said = [
        "scan.tif: its infrared channel tells where damage is; with `pconv-jax page --no-infrared` the detector does"
    ]
    assert page.photograph(name)["warnings"] == said and marked(page, name).any()
    page.post(f"/api/photographs/{name}/linear", {"linear": True})
    page.wait()
    assert page.photograph(name)["warnings"] == said


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "its channel is a mask: look without infrared (--no-infrared)",
            "silver.png: its channel is a mask: look without infrared (`pconv-jax page --no-infrared`)",
        ),
        ("the mask of silver.png is full: empty it", "silver.png: the mask of silver.png is full: empty it"),
        ("silver.png is odd: even it", "silver.png is odd: even it"),
        ("{source} has two: keep one", "silver.png has two: keep one"),
    ],
)
def test_a_search_that_fails_names_the_photograph_and_the_command(page, photo, monkeypatch, said, told):
    def look(_, source, **__):
        raise InputError(said.format(source=source))

    monkeypatch.setattr(page.desk, "_look", look)
    page.upload(photo, "silver.png")
    assert page.wait()["message"] == told


@pytest.mark.parametrize("order", [1, -1])
def test_an_infrared_channel_that_is_dropped_beside_its_scan_says_that_it_is_not_used(fresh, photo, order):
    names = [fresh.upload(photo, name) for name in ("s.tif", "s_ir.tif")[::order]][::order]
    scan, channel = (fresh.photograph(name)["warnings"] for name in names)
    assert scan == [] and len(channel) == 1
    assert channel[0].startswith("s_ir.tif is an infrared channel, by its name, and dropped on the page it does not")


def test_a_linear_scan(page, tmp_path, inpaint):
    pixels = scratched(picture(dtype=np.uint16))[0] // 3 * 2  # an exposure that is not so dark that it is seen brighter
    photo = save(tmp_path / "raw.tif", pixels)
    name = page.upload(photo)
    one = f"/api/photographs/{name}"

    def brightness():
        return np.asarray(Image.open(io.BytesIO(page.get(f"{one}/before.jpg").content))).mean()

    before = page.photograph(name)
    dark = brightness()
    assert (before["state"], before["linear"], before["looks"]) == ("clean", False, 1) and not marked(page, name).any()
    assert page.post(f"{one}/linear", {"linear": True}).json()["revision"] == before["revision"] + 1
    page.wait()
    now = page.photograph(name)
    assert (now["state"], now["linear"], now["looks"]) == ("found", True, 2)
    hole = marked(page, name)
    np.testing.assert_array_equal(hole, grown(LINE))  # white is what is brightest
    page.post(f"{one}/restore")
    page.wait()
    mask = save(tmp_path / "m.png", hole)
    assert inpaint(photo, "--linear", "--mask", mask, "-o", tmp_path / "by command.tif").code == 0
    assert page.get(f"{one}/download").content == (tmp_path / "by command.tif").read_bytes()
    assert brightness() > dark + 40
    page.post(f"{one}/linear", {"linear": False})
    page.wait()
    now = page.photograph(name)
    assert (now["state"], now["has_result"], now["looks"]) == ("clean", False, 3) and brightness() == dark
    straight = made_profile((0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06), (1.0,), 3)
    write_photograph(tmp_path / "says so.tif", dataclasses.replace(read_photograph(photo), icc=straight))
    name = page.upload(tmp_path / "says so.tif")
    assert page.photograph(name)["says_linear"] and page.photograph(name)["linear"]
    answer = page.post(f"/api/photographs/{name}/linear", {"linear": False})
    assert answer.status_code == 400 and "says that it is linear in light" in answer.json()["error"]


def test_without_damage_the_file_is_copied(page, tmp_path):
    photo = save(tmp_path / "clean.jpg", picture(seed=3))
    name = page.upload(photo)
    assert not marked(page, name).any()
    page.post(f"/api/photographs/{name}/restore")
    page.wait()
    assert page.get(f"/api/photographs/{name}/download").content == photo.read_bytes()


def test_no_array_is_mapped_into_memory_where_mapped_files_cannot_be_replaced(fresh, photo, monkeypatch):
    """As on Windows: a second restoration replaces the first, and closing removes all files."""
    monkeypatch.setattr(photographs, "_MAPPED", None)
    monkeypatch.setattr(np, "memmap", None)
    name = fresh.upload(photo)
    for edits in ([], [stroke((5, 5), (20, 5))]):
        fresh.change(name, edits=edits)
        fresh.post(f"/api/photographs/{name}/restore")
        assert fresh.wait()["state"] == "done"
    assert fresh.photograph(name)["state"] == "restored"
