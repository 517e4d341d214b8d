// The page: its tools, and what it asks the server for now and then.

import { add } from "./changes.js";
import { hint } from "./controls.js";
import { current, desk, view } from "./desk.js";
import { check, listenToKeys } from "./keys.js";
import { divide, show } from "./looks.js";
import { alertOf, by } from "./messages.js";
import { refresh } from "./photographs.js";
import { restoreNear } from "./results.js";
import { Tools } from "./tools.js";

const SMALLEST = 12; // px of the photograph that the brush is wide when one is opened
const WIDTH = 14; // CSS px, likewise, but no more than the weights can fill
const GROWTH = 1.08; // from one step of the slider to the next
const OFTEN = 300, SELDOM = 2000; // ms

const tools = new Tools(view, {
  drawing: () => show("marked"),
  stroke: add,
  near: restoreNear,
  divide,
});

function pickTool(tool) {
  tools.tool = tool;
  check(document.querySelectorAll("[data-tool]"), (button) => button.dataset.tool === tool);
  by("stage").dataset.held = tool;
  size(by("size").value);
  near(false);
  if (tool !== "hand") show("marked");
}

function near(on) {
  tools.near = on;
  desk.near = on;
  by("restore-here").setAttribute("aria-pressed", String(on));
  by("stage").dataset.near = by("tool").dataset.near = on;
  if (current()) hint(current());
}

function size(position) {
  by("size").value = Math.min(100, Math.max(0, position));
  tools.radius = 0.5 * GROWTH ** by("size").value; // from 1 px to 2200
  by("size-value").textContent = `${Math.round(2 * tools.radius)} px`;
  by("size").setAttribute("aria-valuetext", by("size-value").textContent);
  const { thickest_line: most } = desk;
  const smooth = most !== null && Math.round(2 * tools.radius) > most && ["brush", "line"].includes(tools.tool);
  by("size-hint").textContent = smooth ? `Over ${most} px gets smooth: zoom in` : "";
}

for (const button of document.querySelectorAll("[data-tool]")) button.addEventListener("click", () => pickTool(button.dataset.tool));
by("size").addEventListener("input", (event) => size(Number(event.target.value)));
desk.size = () => Number(by("size").value);
desk.opened = (before) => {
  near(false);
  tools.restart();
  const width = Math.min(desk.thickest_line ?? Infinity, Math.max(SMALLEST, WIDTH / view.scale));
  size(before ?? Math.log(width) / Math.log(GROWTH));
};
by("restore-here").addEventListener("click", () => near(!tools.near));
document.addEventListener("keydown", (event) => { if (event.key === "Escape") near(false); });
listenToKeys();
size(32);
pickTool("brush");

// Asks what is new: often while something is done, also if that was begun since it asked last.
(async function watch() {
  const isBusy = desk.jobs.some((job) => job.state === "running" || job.state === "waiting") || desk.getting_ready;
  const now = performance.now();
  if ((isBusy && !watch.failed) || !(now - watch.asked < SELDOM)) {
    watch.asked = now;
    try {
      await refresh();
      if (watch.gone) alertOf("");
      watch.gone = watch.failed = false;
    } catch (error) {
      watch.gone = Boolean(error.gone);
      watch.failed = true;
      alertOf(error.message);
    }
  }
  setTimeout(watch, OFTEN);
})();
