// Keys for what the buttons do; those on the picture itself are in tools.js.

import { by } from "./messages.js";

const BUTTONS = {
  b: "[data-tool=brush]", e: "[data-tool=erase]", l: "[data-tool=line]", h: "[data-tool=hand]",
  r: "#restore", n: "#restore-here", 1: "[data-view=marked]", 2: "[data-view=compare]", 3: "[data-view=after]",
  "+": "#zoom-in", "=": "#zoom-in", "-": "#zoom-out", 0: "#fit",
};
const WITH_CONTROL = { z: "#undo", y: "#redo", s: "#save" };
const SIZES = { "[": -4, "]": 4 }; // steps of the slider

export function listenToKeys() {
  document.addEventListener("keydown", (event) => {
    if (by("controls").disabled || by("question").open || event.altKey || event.target.tagName === "SELECT") return;
    const key = event.key.toLowerCase();
    const held = event.ctrlKey || event.metaKey;
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
