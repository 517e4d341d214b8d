"""The documentation site: links between its pages, what they list, and their pictures. `make docs` builds it."""

import re
import runpy
import shlex

import numpy as np
import pytest
from documents import COMMANDS, DOCUMENTS, ROOT, blocks, command_of, text
from PIL import Image

import pconv_jax


def anchors(document: str) -> set[str]:
    """What a code host calls the headings of a document: lower case, hyphens for blanks, nothing else than words."""
    prose = re.sub(r"^```.*?^```", "", text(document), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", [*DOCUMENTS, "CHANGELOG.md"])
def test_links_lead_to_files_and_headings(document):
    folder = (ROOT / document).parent
    links = re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", text(document).replace("\n", " "))
    for target, heading in links:
        place = (folder / target).resolve() if target else ROOT / document
        assert place.exists(), f"{document} links {target}"
        if heading:
            assert heading in anchors(str(place.relative_to(ROOT))), f"{document} links {target}#{heading}"


@pytest.mark.parametrize("document", [*DOCUMENTS, "CHANGELOG.md"])
def test_tables_are_in_one_piece(document):
    outside = re.sub(r"^( *)```.*?^\1```", "", text(document), flags=re.MULTILINE | re.DOTALL)
    for block in re.split(r"\n\s*\n", outside):
        lines = [line.strip() for line in block.strip().splitlines()]
        if lines[0].startswith("|"):
            assert len(lines) > 2 and set(lines[1]) <= set("|-: "), f"{document}: a table without a head: {lines[0]}"


def test_pictures_come_from_scikit_image_or_show_none():
    shown = {path.name for path in (ROOT / "docs").iterdir() if path.suffix in (".jpg", ".png")}
    plots = {f"study_{name}.png" for name in ("conventional", "convolution", "losses", "noise", "null")}
    examples = {"scratched.jpg", "scratched_mask.png", "restored.jpg", "samples.png", "synthesis.jpg", "comparison.jpg"}
    examples |= {"page.jpg", "how_partial_conv.jpg", "how_mask_update.png", "how_fill.jpg", "how_windows.jpg"}
    examples.add("how_detector.jpg")
    assert shown == examples | plots


def test_the_site_names_every_public_name_and_every_command():
    listed = re.findall(r"^- `(pconv_jax[\w.]*)`", text("docs/api.md"), re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert {f"pconv_jax.{name}" for name in pconv_jax.__all__} <= set(listed)
    with_help = [command_of(shlex.split(line.strip())) for line in blocks("docs/commands.md", "sh")]
    assert sorted(with_help) == sorted(COMMANDS)


def test_every_page_of_the_site_is_named_once(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    import site_parts

    contents = re.findall(r"(?:^| <)/(.+?\.md)>?$", site_parts.contents(), re.MULTILINE)
    assert sorted([*contents, "docs/index.md"]) == sorted(site_parts.pages())
    assert all((ROOT / page).exists() for page in contents)
    text_of_index = ["index"]
    site_parts.complete(None, "docs/index", text_of_index)
    assert text_of_index[0].count("{toctree}") == len(site_parts.CONTENTS)


def test_the_example_is_made_by_its_script(tmp_path):
    import cv2
    from skimage import data

    names = runpy.run_path(str(ROOT / "docs" / "make_example.py"))
    scratched, hole = names["example"]()
    mask = Image.open(ROOT / "docs" / "scratched_mask.png")
    assert mask.mode == "1"
    assert (np.asarray(mask) == hole).all()
    assert 0.05 < hole.mean() < 0.15
    Image.fromarray(scratched).save(tmp_path / "again.jpg", quality=92)
    saved, again = (
        np.asarray(Image.open(path), float) for path in (ROOT / "docs/scratched.jpg", tmp_path / "again.jpg")
    )
    assert saved.shape == data.coffee().shape == (400, 600, 3)
    assert np.abs(saved - again).mean() < 0.5  # other versions of the JPEG library round differently
    # The mask covers the scratches: what is bright and not in the photograph lies in it.
    added = cv2.blur(saved.mean(2) - data.coffee().mean(2), (3, 3)) > 40
    assert added.sum() > 1000
    assert not (added & ~hole).any()
