"""The page under fingers, on a phone: one draws and moves the line between before and after, two zoom and move."""

import pytest
from restoring import save

pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")

from person import DAMAGED, LINE


@pytest.fixture
def phone(person, tmp_path):
    tell = person.browser.execute_cdp_cmd
    with person.in_window(390, 844, ratio=2, mobile=True):
        tell("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2})
        try:
            person.opens(save(tmp_path / "a.png", DAMAGED))
            person.comes_to("damage found")
            person.until(lambda: person.see("#zoom").text != "100 %")
            yield person
        finally:
            tell("Emulation.setTouchEmulationEnabled", {"enabled": False})


def middle(person):
    place = "const box = document.getElementById('canvas').getBoundingClientRect();"
    return person.browser.execute_script(f"{place} return [box.x + box.width / 2, box.y + box.height / 2]")


def moves(person, *fingers):
    """Fingers that go through their points together, px from the middle of the canvas, and are lifted."""
    x, y = middle(person)

    def touch(kind, points):
        touched = [{"x": x + dx, "y": y + dy, "id": number} for number, (dx, dy) in enumerate(points)]
        person.browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched})

    steps = list(zip(*fingers, strict=True))
    for count in range(1, len(fingers) + 1):  # one finger comes after the other
        touch("touchStart", steps[0][:count])
    for points in steps[1:]:
        touch("touchMove", points)
    touch("touchEnd", [])


def zoom(person):
    return float(person.see("#zoom").text.split()[0]) / 100


def last_point(person, count):
    person.edited(count)
    return person.page.desk.photograph("1").edits[-1]["points"][-1]


def test_one_finger_draws_and_two_zoom_and_move(phone):
    height, width = LINE.shape
    before = zoom(phone)
    moves(phone, [(0, 0), (10, 0), (20, 10)])
    x, y = last_point(phone, 1)
    assert x == pytest.approx(width / 2 + 20 / before, abs=1) and y == pytest.approx(height / 2 + 10 / before, abs=1)
    moves(phone, [(-20, 0), (-30, 0), (-40, 0)], [(20, 0), (30, 0), (40, 0)])
    assert zoom(phone) == pytest.approx(2 * before, rel=0.02)
    moves(phone, [(-20, 0), (-8, 6), (4, 12)], [(20, 0), (32, 6), (44, 12)])
    assert zoom(phone) == pytest.approx(2 * before, rel=0.02)
    moves(phone, [(24, 12), (24, 12)])  # where the middle of the photograph is now
    x, y = last_point(phone, 2)  # two fingers drew nothing
    assert x == pytest.approx(width / 2, abs=1) and y == pytest.approx(height / 2, abs=1)
    for _ in range(8):  # never out of view
        moves(phone, [(-100, -100), (60, 60)], [(-60, -60), (100, 100)])
    x, y = phone.asks_view("view.at(view.canvas.clientWidth / 2, view.canvas.clientHeight / 2)")
    assert (x, y) == (pytest.approx(0, abs=0.01), pytest.approx(0, abs=0.01))


def test_the_line_between_before_and_after_follows_a_finger(phone):
    phone.browser.execute_script("document.getElementById('restore-here').click()")
    moves(phone, [(-20, 0), (-30, 0)], [(20, 0), (30, 0)])  # no tap
    phone.browser.execute_script("document.getElementById('fit').click(); document.getElementById('restore').click()")
    phone.comes_to("restored")
    phone.until(lambda: phone.see("#compare").is_displayed())
    assert phone.page.desk.photograph("1").shown == 1
    phone.browser.execute_script("document.getElementById('restore-here').click()")
    width = LINE.shape[1] * zoom(phone)
    moves(phone, [(0, 0), (width / 8, 0), (width / 4, 0)])
    assert float(phone.see("#divider").get_attribute("value")) == pytest.approx(75, abs=1.5)
    assert not phone.page.desk.photograph("1").edits
