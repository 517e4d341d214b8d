"""Masks that are loaded on the page and not meant so: refused, or commented on; results whose outlines stay."""

import cv2
import numpy as np
import pytest
from restoring import save
from served import stroke
from skimage import data


@pytest.fixture
def scratched(tmp_path):
    """A photograph with two soft white scratches of 6 px, and the share of white in each pixel."""
    photograph = data.chelsea()[50:200, 100:300]
    share = np.zeros(photograph.shape[:2], np.float32)
    share[40:46, 10:190] = share[100:106, 10:190] = 1
    share = cv2.GaussianBlur(share, (0, 0), 1)
    pixels = np.rint(photograph * (1 - share[..., None]) + 255 * share[..., None]).astype(np.uint8)
    return save(tmp_path / "cat.png", pixels), pixels, share


def load(page, name, mask):
    return page.ask("POST", f"/api/photographs/{name}/masks", params={"name": mask.name}, data=mask.read_bytes())


def test_what_is_no_mask_of_the_photograph_is_refused(page, scratched, tmp_path):
    photo, pixels, _ = scratched
    name = page.upload(photo)
    painted = pixels.copy()
    painted[40:46, 10:190] = (255, 0, 0)
    for mask, complaint in (
        (photo, "cat.png is the photograph itself, whose bright parts would be replaced: load a picture in which"),
        (save(tmp_path / "painted.jpg", painted), "painted.jpg shows the photograph, perhaps a copy that was painted"),
    ):
        answer = load(page, name, mask)
        assert answer.status_code == 400 and answer.json()["error"].startswith(complaint)
    assert page.desk.photograph(name).masks == {}


def test_what_may_not_be_meant_is_told(page, scratched, tmp_path):
    photo, _, share = scratched
    name = page.upload(photo)
    wide = share > 0.01
    assert load(page, name, save(tmp_path / "wide.png", wide)).json()["notes"] == []
    (tight,) = load(page, name, save(tmp_path / "tight.png", share > 0.5)).json()["notes"]
    assert tight.startswith("The damage seems to reach beyond what tight.png marks, and its outlines would stay: go")
    (most,) = load(page, name, save(tmp_path / "inverted.png", ~wide)).json()["notes"]
    assert most.startswith("inverted.png marks 88% of the photograph: if it is the other part that is damaged, undo")


def test_a_result_whose_outlines_stay_is_told(page, scratched):
    photo, *_ = scratched
    name = page.upload(photo)

    def tight(**changes):
        assert page.change(name, **changes).status_code == 200
        page.post(f"/api/photographs/{name}/restore")
        assert page.wait()["state"] == "done"
        return page.photograph(name)["tight"]

    assert tight(dilate=0) and not tight(dilate=3)
    thin, wide = ([{"kind": "clear"}, *(stroke([9, y], [191, y], radius=r) for y in (43, 103))] for r in (2, 6))
    assert tight(edits=thin) and not tight(edits=wide)
