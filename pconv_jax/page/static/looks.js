// What is seen of the photograph: what is marked, before and after, the result; zoom, and details pixel by pixel.

import * as api from "./api.js";
import { current, desk, view } from "./desk.js";
import { check } from "./keys.js";
import { by, trying } from "./messages.js";

const LARGEST_DETAIL = 4096, LARGEST_PART = 8192; // px, as on the server

export function show(mode) {
  view.mode = mode === "marked" || view.after ? mode : "marked";
  check(document.querySelectorAll("[data-view]"), (button) => button.dataset.view === view.mode);
  by("compare").hidden = view.mode !== "compare";
  if (view.mode === "compare") view.cursor = null;
  laySlider();
  by("stage").dataset.shown = view.mode;
  view.draw();
}

// Lays the slider over what is seen of the photograph, from one side to the other.
function laySlider() {
  const part = view.visible();
  if (!part) return;
  by("compare").style.setProperty("--seen-left", `${view.left + part.left * view.scale}px`);
  by("compare").style.setProperty("--seen-width", `${(part.right - part.left) * view.scale}px`);
}

// Loads what is seen of the photograph as finely as the screen shows it, once the view is still, where the preview is
// too coarse.
export function seen() {
  by("zoom").textContent = `${Math.round(100 * view.scale)} %`;
  clearTimeout(seen.timer);
  seen.timer = setTimeout(() => trying(detail), 250);
}

async function detail() {
  const photograph = current();
  const part = view.visible();
  const scale = Math.min(1, view.scale * (window.devicePixelRatio || 1));
  if (!photograph || !part || !view.before || view.before.width * 1.3 > view.width * scale) return;
  const side = Math.max(part.right - part.left, part.bottom - part.top);
  if (side > LARGEST_PART) return;
  const longest = Math.min(LARGEST_DETAIL, Math.ceil(side * scale));
  const query = new URLSearchParams({ ...part, longest, looks: photograph.looks, shown: photograph.shown });
  const { found, masks } = view;
  const wanted = { before: `/detail/before.jpg?${query}` };
  if (view.after) wanted.after = `/detail/after.jpg?${query}`;
  if (found) wanted.found = `/found.png?${query}&${view.choice}`;
  for (const mask of Object.keys(masks)) wanted[mask] = `/masks/${mask}.png?${query}`;
  for (const [what, place] of Object.entries(wanted)) {
    const image = await api.picture(api.address(photograph.name, place));
    if (desk.chosen !== photograph.name || current().looks !== photograph.looks) return;
    if (what !== "found" || view.found === found) view.details[what] = { image, ...part };
  }
  view.draw();
}

// Moves the line between before and after to a share of what is seen of the photograph.
export function divide(share) {
  view.divider = Math.min(1, Math.max(0, share));
  by("divider").value = 100 * view.divider;
  by("divider").setAttribute("aria-valuetext", `${Math.round(100 * view.divider)} % before`);
  view.draw();
}

by("divider").addEventListener("input", (event) => divide(event.target.value / 100));
for (const button of document.querySelectorAll("[data-view]")) button.addEventListener("click", () => show(button.dataset.view));
by("zoom-in").addEventListener("click", () => view.zoom(1.4));
by("zoom-out").addEventListener("click", () => view.zoom(1 / 1.4));
by("fit").addEventListener("click", () => view.fit());
view.moved = () => { laySlider(); seen(); };
