"""The list of photographs and the progress of work in a real browser, given made-up ones: nothing is computed."""

import json

import pytest

pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")

MADE = """
    const made = (at, state) => ({ name: `n${at}`, title: `photograph ${at}.png`, state, looks: at % 2 });
    const many = (count, state) => Array.from({ length: count }, (_, at) => made(at, state));
    const picked = [];
    const on = { pick: (name) => picked.push(name), close() {} };
    const draw = (photographs, chosen) => drawList(photographs, chosen, on);
    const box = (selector, place = document) => place.querySelector(selector).getBoundingClientRect();
    const button = (number) => document.querySelector(`[data-name=n${number}] .pick`);
"""


def drawn(person, module, script):
    """What a script returns that draws with a module of the page, at once: the page draws nothing in between."""
    done = "const done = arguments[arguments.length - 1];"
    names = "drawList" if module == "list" else "drawProgress"
    asked = (
        f"import('/static/{module}.js').then(({{ {names} }}) => {{ {MADE} {script} }}).then(done, (e) => done(e.stack))"
    )
    return person.browser.execute_async_script(done + asked)


def test_a_press_that_meets_a_change_counts(person):
    """The item is still there, and the others are in their order."""
    script = """
        draw(many(3, "opened"), "n0");
        const pressed = button(1);
        pressed.focus();
        draw(many(3, "found"), "n0");
        pressed.click();
        draw(many(3, "found").filter(({ name }) => name !== "n1"), "n0");
        const count = document.querySelectorAll("#list li").length;
        return [picked, pressed.querySelector(".state").textContent, document.activeElement.innerText, count];
    """
    picked, pressed, focused, count = drawn(person, "list", script)
    assert picked == ["n1"] and pressed == "damage found" and "photograph 2.png" in focused and count == 2


def test_the_chosen_photograph_is_seen_in_a_long_list(person):
    script = """
        draw(many(40, "found"), "n0");
        const before = box("nav").bottom < button(39).getBoundingClientRect().top;
        draw(many(40, "found"), "n39");
        const [list, last] = [box("nav"), button(39).getBoundingClientRect()];
        const place = (selector) => box(selector, button(39));
        const beside = place("img").right <= place(".state").left && place(".state").left === place(".title").left;
        return [before, last.top >= list.top && last.bottom <= list.bottom, beside];
    """
    assert drawn(person, "list", script) == [True, True, True]


def test_progress_is_told_and_seconds_are_no_news(person):
    """Of the photograph that is shown, even if another is worked on; screen readers say the first part alone."""
    looking = "Looking for damage in photograph 0.png"
    usual = {"photograph": "n0", "kind": "find", "state": "running", "done": 0, "total": 0, "before": 0}
    other = {**usual, "number": 8, "photograph": "n1", "kind": "restore", "seconds_left": None}
    for job, told in (
        ({"done": 3, "total": 9, "seconds_left": 4.2}, [looking, ", 5 s left"]),
        ({"done": 9, "total": 9, "seconds_left": 0}, [f"{looking}: finishing", ""]),
        ({"state": "waiting", "before": 1}, [f"{looking}: waits for another", ""]),
        ({"state": "waiting", "before": 3}, [f"{looking}: waits for 3 others", ""]),
    ):
        own = {**usual, "number": 7, "seconds_left": None, **job}
        script = f"""
            const jobs = {json.dumps([other, own])};
            drawProgress({{ photographs: many(2, "opened"), jobs, getting_ready: null, chosen: "n0" }});
            const text = (id) => document.getElementById(id).textContent;
            return [text("job-text"), text("job-text-more"), document.getElementById("cancel").dataset.job];
        """
        assert drawn(person, "progress", script) == [*told, "7"]
    assert not person.browser.find_elements("css selector", "output")  # which are said at each change
