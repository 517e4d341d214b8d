// Keys for what the buttons do; those on the picture itself are in tools.js.

import { by } from "./messages.js";

const BUTTONS = {
  b: "[data-tool=brush]", e: "[data-tool=erase]", l: "[data-tool=line]", h: "[data-tool=hand]",
  r: "#restore", n: "#restore-here", 1: "[data-view=marked]", 2: "[data-view=compare]", 3: "[data-view=after]",
  "+": "#zoom-in", "=": "#zoom-in", "-": "#zoom-out", 0: "#fit",
};
const WITH_CONTROL = { z: "#undo", y: "#redo", s: "#save" };
const SIZES = { "[": -4, "]": 4 }; // steps of the slider

// Marks one of a group of buttons as the chosen one; Tab leads to that one alone, arrow keys to the others.
export function check(buttons, isChosen) {
  for (const button of buttons) {
    button.setAttribute("aria-checked", String(isChosen(button)));
    button.tabIndex = isChosen(button) ? 0 : -1;
  }
}

function chooseByArrow(event) {
  const way = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
  if (!way) return;
  const buttons = [...event.currentTarget.querySelectorAll("[role=radio]:enabled")];
  const next = buttons[(buttons.indexOf(event.target) + way + buttons.length) % buttons.length];
  next.focus();
  next.click();
  event.preventDefault();
}

// The list of keys goes with Escape, and with a press elsewhere.
function closeList() {
  const list = by("help");
  document.addEventListener("pointerdown", (event) => { if (!list.contains(event.target)) list.open = false; });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !list.open) return;
    list.open = false;
    list.firstElementChild.focus();
  });
}

export function listenToKeys() {
  closeList();
  for (const group of document.querySelectorAll("[role=radiogroup]")) group.addEventListener("keydown", chooseByArrow);

  document.addEventListener("keydown", (event) => {
    if (by("controls").disabled || by("question").open || event.target.tagName === "SELECT") return;
    const key = event.key.toLowerCase();
    const held = (event.ctrlKey || event.metaKey) && !event.altKey; // some systems say so of AltGr
    if (event.altKey && !SIZES[key]) return; // brackets are typed with it on many keyboards
    const button = held ? (key === "z" && event.shiftKey ? "#redo" : WITH_CONTROL[key]) : BUTTONS[key];
    if (button) {
      document.querySelector(button).click();
    } else if (!held && SIZES[key]) {
      by("size").value = Number(by("size").value) + SIZES[key];
      by("size").dispatchEvent(new Event("input"));
    } else return;
    event.preventDefault();
  });
}
